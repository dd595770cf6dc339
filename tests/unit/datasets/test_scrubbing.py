"""`scrub_text`: personal data in free text is replaced by its kind before a version keeps it."""

import json
import socket

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xase_server.datasets.ingest import scrubbing
from xase_server.datasets.ingest.scrubbing import _RECOGNIZERS, Scrubber, _clean, _recognizers
from xase_server.domain.datasets import ENTITIES
from xase_server.ports.datasets import IngestProblem
from xase_server.query.schema import INT, JSON, STRING, ListOf, Struct

SAMPLES = {
    "CREDIT_CARD": "4111 1111 1111 1111",
    "CRYPTO": "16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ",
    "DATE_TIME": "2024-03-02",
    "EMAIL_ADDRESS": "ann@ward7.local",
    "IBAN_CODE": "DE89370400440532013000",
    "IP_ADDRESS": "192.168.0.17",
    "MAC_ADDRESS": "00:1A:2B:3C:4D:5E",
    "MEDICAL_LICENSE": "BB1388568",
    "PHONE_NUMBER": "+49 30 901820",
    "UK_NHS": "401-023-2137",
    "URL": "https://example.org/a",
    "US_ITIN": "911-70-1234",
    "US_SSN": "536-90-4399",
    "UUID": "123e4567-e89b-42d3-a456-426614174000",
}


@pytest.fixture(autouse=True)
def nothing_is_fetched(monkeypatch):
    """Whoever looks a host up fails the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing may be fetched")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def notes(*texts):
    return [{"n": n, "note": text} for n, text in enumerate(texts)]


def test_every_entity_that_may_be_asked_for_has_a_recogniser():
    assert set(_RECOGNIZERS) | {"EMAIL_ADDRESS"} == set(ENTITIES) == set(SAMPLES)


@pytest.mark.parametrize("entity", ENTITIES)
def test_each_entity_is_found_and_named(entity):
    text = f"Said on the phone: {SAMPLES[entity]} and nothing else"
    clean, kinds = _clean(text, _recognizers([entity]))
    assert clean == f"Said on the phone: [{entity}] and nothing else"
    assert kinds == [entity]


def test_only_what_was_asked_for_is_replaced_and_the_version_says_how_many(make):
    made = make(
        notes("mail ann@ward7.local or bob@ward7.local", "call +49 30 901820", None, "mail ann@ward7.local", ""),
        scrub={"note": ("EMAIL_ADDRESS",)},
    )
    assert [row.get("note") for row in made.whole] == [
        "mail [EMAIL_ADDRESS] or [EMAIL_ADDRESS]",
        "call +49 30 901820",
        None,
        "mail [EMAIL_ADDRESS]",
        "",
    ]
    assert made.found.scrubbed == {
        "note": {"label": "pattern_only", "entities": ["EMAIL_ADDRESS"], "found": {"EMAIL_ADDRESS": 3}}
    }


def test_finds_that_overlap_are_replaced_as_one(make):
    made = make(notes("see https://ward7.org/ann@ward7.org now"), scrub={"note": ("EMAIL_ADDRESS", "URL")})
    assert made.whole[0]["note"] == "see [URL] now"


def test_text_inside_objects_and_lists_is_reached(make):
    rows = [{"visits": [{"says": "ann@ward7.local"}, {"says": None}, {}]}, {"visits": None}, {"visits": []}]
    made = make(rows, scrub={"visits.says": ("EMAIL_ADDRESS",)})
    visits = [row["visits"] for row in made.whole]
    assert visits == [[{"says": "[EMAIL_ADDRESS]"}, {"says": None}, {"says": None}], None, []]


def test_nothing_of_the_raw_text_is_in_any_file(make):
    made = make(notes(*(f"reach me at secret{n}@ward7.local" for n in range(50))), scrub={"note": ("EMAIL_ADDRESS",)})
    assert made.version.rows == 50
    for file in made.folder.iterdir():
        assert b"secret7" not in file.read_bytes()
    assert "secret7" not in json.dumps(pq.read_table(made.folder / "data.parquet").to_pylist())


# ------------------------------------------------------------------ appending


def test_an_append_adds_to_what_was_found(make):
    scrub = {"note": ("EMAIL_ADDRESS",)}
    first = make(notes("a@b.cd"), scrub=scrub)
    second = make(notes("e@f.gh and i@j.kl"), base=first, scrub=scrub)
    assert [row["note"] for row in second.whole] == ["[EMAIL_ADDRESS]", "[EMAIL_ADDRESS] and [EMAIL_ADDRESS]"]
    assert second.found.scrubbed["note"]["found"] == {"EMAIL_ADDRESS": 3}


@pytest.mark.parametrize("before", [{}, {"note": ("US_SSN",)}])
def test_an_append_scrubs_the_records_before_it_when_they_were_not(make, before):
    first = make(notes("a@b.cd"), scrub=before)
    second = make(notes("e@f.gh"), base=first, scrub={"note": ("EMAIL_ADDRESS",)})
    assert [row["note"] for row in second.whole] == ["[EMAIL_ADDRESS]"] * 2
    assert second.found.scrubbed["note"]["found"] == {"EMAIL_ADDRESS": 2}


def test_what_is_not_scrubbed_any_more_is_not_said_to_be(make):
    first = make(notes("a@b.cd"), scrub={"note": ("EMAIL_ADDRESS",)})
    assert make(notes("e@f.gh"), base=first).found.scrubbed == {}


# ------------------------------------------------------------------ failing closed


SCHEMA = Struct(
    (("n", INT), ("note", STRING), ("mixed", JSON), ("home", Struct((("zip", STRING),))), ("l", ListOf(INT)))
)


@pytest.mark.parametrize("path", ["n", "mixed", "mixed.a", "home", "l", "nothing", "note.a", "id"])
def test_what_is_no_free_text_is_refused(path):
    with pytest.raises(IngestProblem, match=rf"'{path}' cannot be scrubbed"):
        Scrubber({path: ("URL",)}, Struct((("id", STRING), *SCHEMA.members)), kept="id")


def test_without_presidio_nothing_is_made(make, monkeypatch, tmp_path):
    monkeypatch.setattr(scrubbing, "find_spec", lambda _: None)
    with pytest.raises(IngestProblem, match=r"xase\[presidio\] is not installed"):
        make(notes("a@b.cd"), scrub={"note": ("EMAIL_ADDRESS",)})
    assert list(tmp_path.rglob("data.parquet")) == []
    assert make(notes("a@b.cd")).found.rows == 1


def test_text_that_takes_too_long_is_not_kept(monkeypatch):
    recognizers = _recognizers(["EMAIL_ADDRESS"])
    monkeypatch.setattr("presidio_analyzer.pattern_recognizer.REGEX_TIMEOUT_SECONDS", 1e-9)
    with pytest.raises(IngestProblem, match="too long to be searched"):
        _clean("a" * 20_000, recognizers)


# ------------------------------------------------------------------ laws, and real data


@pytest.fixture(scope="module")
def finders():
    return _recognizers(["EMAIL_ADDRESS", "US_SSN", "IP_ADDRESS", "URL"])


@given(parts=st.lists(st.one_of(st.text(max_size=12), st.sampled_from([*SAMPLES.values(), " ", "."])), max_size=8))
def test_what_was_replaced_is_not_found_again(finders, parts):
    clean, kinds = _clean("".join(parts), finders)
    assert clean.count("[") >= len(kinds)
    assert _clean(clean, finders) == (clean, [])


def test_social_security_numbers_of_real_tables_are_replaced_where_they_are_written_as_such(make, shared):
    table = pq.read_table(shared / "data" / "synthea_fhir_stu3" / "patients_nested.parquet").slice(0, 200)
    numbers = [str(number) for number in table["ssn_fictional"].to_pylist()]
    written = [f"{each[:3]}-{each[3:5]}-{each[5:]}" for each in numbers]
    letters = pa.table({"letter": [f"Dear colleague, the SSN is {each}. Regards" for each in [*written, *numbers]]})
    made = make(letters, name="letters.parquet", scrub={"letter": ("US_SSN",)})
    after = [row["letter"] for row in made.whole]
    assert after[:200] == ["Dear colleague, the SSN is [US_SSN]. Regards"] * 200
    assert after[200:] == letters["letter"].to_pylist()[200:]  # nine bare digits may be anything
    assert made.found.scrubbed["letter"]["found"] == {"US_SSN": 200}

"""`k_anonymize`: what is written holds what was asked for, in the way that loses least."""

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.files import Content
from tests.unit.datasets.conftest import Made
from xase_server.datasets import Bounds
from xase_server.datasets.anonymity.classes import Held, Need, Profiles
from xase_server.datasets.anonymity.columns import Column
from xase_server.datasets.anonymity.job import AnonymityJob, anonymise, verified
from xase_server.datasets.anonymity.levels import Level, levels
from xase_server.datasets.anonymity.risk import risk_of
from xase_server.datasets.anonymity.search import fitted, search
from xase_server.ports.datasets import Anonymity, IngestProblem, RiskQuestion
from xase_server.query.schema import Kind


def quiet(rows: int, size: int) -> None:
    """Nobody watches."""


@pytest.fixture
def anonymised(make, tmp_path):
    """Content → the version that it is anonymised into."""
    numbers = itertools.count()

    def call(content: Content, *quasi: str, k: int, **options: Any) -> Made:
        base = options.pop("base", None) or make(content, name=options.pop("name", "data.ndjson"))
        folder = tmp_path / f"anonymous{next(numbers)}"
        folder.mkdir()
        question = RiskQuestion(quasi, options.pop("sensitive", ()), options.pop("subject", None))
        wish = Anonymity(question=question, k=k, **({"suppression_max": 0.0} | options))
        job = AnonymityJob(base=str(base.folder), folder=str(folder), wish=wish, bounds=Bounds())
        return Made(folder, anonymise(job, quiet))

    return call


def ages(*values: Any) -> list[dict[str, Any]]:
    return [{"age": value, "n": place} for place, value in enumerate(values)]


def column(made: Made, name: str) -> list[Any]:
    return [row.get(name) for row in made.whole]


# ------------------------------------------------------------------ what becomes of values


def test_what_is_k_anonymous_already_stays_as_it_is(anonymised):
    made = anonymised(ages(30, 30, 41, 41), "age", k=2)
    assert column(made, "age") == [30, 30, 41, 41]
    assert made.found.risk["levels"] == {"age": {"level": 0, "of": 1, "transform": None}}
    assert made.found.risk["loss"] == 0


def test_numbers_become_bands_and_no_wider_than_needed(anonymised):
    made = anonymised(ages(20, 21, 40, 41, 60, 61, 80, 81), "age", k=2)
    assert column(made, "age") == ["20-24", "20-24", "40-44", "40-44", "60-64", "60-64", "80-84", "80-84"]
    assert made.found.risk["levels"]["age"]["transform"] == {"op": "generalize", "width": 5}
    assert made.found.risk["k"] == 2


def test_dates_become_months_quarters_or_years(anonymised):
    days = pa.array(["2024-01-03", "2024-01-25", "2024-02-01", "2024-03-31"]).cast(pa.timestamp("ms"))
    made = anonymised(pa.table({"on": days}), "on", k=2, name="data.parquet")
    assert column(made, "on") == ["2024-Q1"] * 4


def test_codes_keep_their_first_characters_and_words_all_or_none(anonymised):
    rows = [{"zip": zip_, "job": job} for zip_, job in [("10115", "baker"), ("10117", "baker"), ("80331", "nurse")]]
    made = anonymised(rows, "zip", "job", k=2, suppression_max=0.34)
    assert column(made, "zip") == ["1011", "1011"]
    assert column(made, "job") == ["baker", "baker"]


def test_the_last_step_shows_nothing_not_even_that_a_value_is_missing(anonymised):
    made = anonymised([{"job": "baker", "n": 1}, {"n": 1}, {"job": "nurse", "n": 1}], "job", "n", k=3)
    assert column(made, "job") == ["[REDACTED]"] * 3
    assert made.found.risk["levels"]["job"]["transform"] == {"op": "redact"}


def test_fields_inside_objects_are_generalised_where_they_are(anonymised):
    rows = [{"home": {"zip": zip_, "rooms": 3}} for zip_ in ("10115", "10117")]
    made = anonymised(rows, "home.zip", k=2)
    assert column(made, "home") == [{"zip": "1011", "rooms": 3}] * 2


def test_what_names_people_is_not_part_of_the_result(anonymised):
    rows = [{"name": f"n{n}", "home": {"phone": f"0{n}", "zip": "10115"}, "n": n} for n in range(3)]
    made = anonymised(rows, "home.zip", k=3, removed=("name", "home.phone"))
    assert made.types == {"home": {"zip": "string"}, "n": "int"}


# ------------------------------------------------------------------ which records are left


def test_records_that_no_class_takes_in_are_left_out_and_the_others_keep_ids_and_order(anonymised, make):
    base = make(ages(30, 30, 99, 30, 41, 41))
    made = anonymised(None, "age", k=2, base=base, suppression_max=0.2)
    assert column(made, "n") == [0, 1, 3, 4, 5]
    assert made.ids == [base.ids[n] for n in (0, 1, 3, 4, 5)]
    assert made.found.risk["suppressed"] == 1


def test_withheld_records_are_neither_counted_nor_written(anonymised):
    made = anonymised(ages(30, 30, 30, 41), "age", k=2, withheld=(3,))
    assert column(made, "age") == [30, 30, 30]
    assert (made.found.risk["withheld"], made.found.risk["suppressed"]) == (1, 0)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"k": 5}, "k = 5 cannot be reached with at most 0.0% left out"),
        ({"k": 2, "l": 3, "sensitive": ("n",)}, "k = 2 with l = 3 cannot be reached"),
        ({"k": 2, "withheld": (0, 1)}, "no record that may be used"),
    ],
)
def test_what_cannot_be_reached_makes_no_version(anonymised, wish, message):
    with pytest.raises(IngestProblem, match=message):
        anonymised(ages(20, 80), "age", **wish)


def test_what_was_written_is_looked_at_and_refused_when_it_does_not_hold(tmp_path):
    pq.write_table(pa.table({"age": [1, 1, 2], "ill": ["a", "b", "a"]}), tmp_path / "written.parquet")
    question = RiskQuestion(("age",), ("ill",))
    for least in ({"k": 2}, {"k": 1, "l": 2}):
        with pytest.raises(IngestProblem, match="a defect of the server"):
            verified(tmp_path / "written.parquet", Anonymity(question=question, suppression_max=0, **least), None)
    verified(tmp_path / "written.parquet", Anonymity(question=question, suppression_max=0, k=1, l=1), None)


# ------------------------------------------------------------------ persons, and what they have


def test_persons_are_counted_where_they_are_known_and_not_their_records(anonymised):
    rows = [{"who": who, "age": age} for who, age in [("a", 30), ("a", 30), ("a", 30), ("b", 31), ("c", 31)]]
    made = anonymised(rows, "age", k=2, subject="who", removed=("who",), suppression_max=0.5)
    assert column(made, "age") == ["30-31"] * 5
    assert (made.found.risk["counted"], made.found.risk["k"]) == ("persons", 3)


def test_records_that_name_nobody_count_for_nobody(anonymised):
    rows = [{"who": "a", "age": 30}, {"who": None, "age": 30}, {"who": None, "age": 30}]
    with pytest.raises(IngestProblem, match="cannot be reached"):
        anonymised(rows, "age", k=2, subject="who")


def test_each_class_holds_several_values_of_what_is_sensitive_and_a_missing_one_is_none(anonymised):
    rows = [{"age": age, "ill": ill} for age, ill in [(30, "flu"), (30, "flu"), (31, "flu"), (31, None), (40, "hiv")]]
    made = anonymised(rows, "age", k=2, l=2, sensitive=("ill",))
    assert made.found.risk["diversity"] == {"ill": 2}
    assert len(set(column(made, "age"))) == 1


# ------------------------------------------------------------------ the search


def steps(*depths: int) -> list[tuple[Level, ...]]:
    """For each field levels of 2 ** depth values, halved at each step."""
    return [
        tuple(
            Level(None, np.arange(2**depth) >> step, 2 ** (depth - step), np.full(2**depth, step / depth))
            for step in range(depth + 1)
        )
        for depth in depths
    ]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("allowed", [0, 3, 30])
def test_the_choice_found_loses_no_more_than_any_other_that_holds(seed, allowed):
    random = np.random.default_rng(seed)
    fields, count = steps(3, 2, 2), 60
    codes = np.unique(np.stack([random.integers(0, len(each[0].groups), count) for each in fields]), axis=1)
    records = random.integers(1, 4, codes.shape[1])
    held = Held.of(np.arange(codes.shape[1]), Column(pa.array(["x", "y", "z"]), random.integers(0, 3, codes.shape[1])))
    profiles = Profiles(tuple(codes), records, 4, (Need(held, 2),))
    losses = {}
    for choice in itertools.product(*(range(len(each)) for each in fields)):
        classes: dict[Any, list[int]] = {}
        for place in range(codes.shape[1]):
            key = tuple(codes[field][place] >> step for field, step in enumerate(choice))
            classes.setdefault(key, []).append(place)
        lost, suppressed = 0.0, 0
        for places in classes.values():
            size = records[places].sum()
            if size >= 4 and len(set(held.codes[np.isin(held.owners, places)])) >= 2:
                lost += size * sum(step / (len(each) - 1) for step, each in zip(choice, fields, strict=True)) / 3
            else:
                suppressed += size
        if suppressed <= allowed:
            losses[choice] = (lost + suppressed) / records.sum()
    found = search(profiles, fields, allowed)
    if not losses:
        assert found is None
    else:
        assert found.loss == pytest.approx(min(losses.values()))
        assert found.loss == pytest.approx(losses[found.choice])


def test_too_many_choices_are_thinned_but_nothing_and_all_stay():
    kept = fitted(steps(*[6] * 12))
    assert np.prod([len(each) for each in kept]) <= 50_000
    assert all(each[0].count == 64 and each[-1].count == 1 for each in kept)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([-3, -1, 0, 7, 12, 99, None]), Kind.INT),
        (pa.array([0.1, 0.25, -4.75, 1e6, None]), Kind.FLOAT),
        (pa.array(["10115", "10117", "80331", "8", None]), Kind.STRING),
        (pa.array(["1954-03-02", "1954-11-30", "1961-01-01"]), Kind.STRING),
        (pa.array([0, 10**10, 10**12]).cast(pa.timestamp("ms", "UTC")), Kind.DATE),
        (pa.array([True, False, None]), Kind.BOOL),
        (pa.nulls(1), Kind.NULL),
    ],
)
def test_each_step_is_a_union_of_groups_of_the_step_before(values, kind):
    found = levels(values, kind, np.ones(len(values), np.int64))
    for before, after in itertools.pairwise(found):
        assert after.count < before.count
        assert len(set(zip(before.groups, after.groups, strict=True))) == before.count
    assert found[-1].count == 1


# ------------------------------------------------------------------ the report, beside others' figures


def test_the_report_of_no_records_says_only_that_there_are_none(tmp_path):
    pq.write_table(pa.table({"age": pa.array([], pa.int64())}), tmp_path / "none.parquet")
    figures = risk_of(tmp_path / "none.parquet", RiskQuestion(("age",)))
    assert figures == {"quasi_identifiers": ["age"], "counted": "records", "records": 0, "classes": 0}


QUASI = ("age", "personal_status_sex", "job", "housing")


@pytest.mark.parametrize(
    ("quasi", "sensitive", "k", "l"),  # as pycanon 1.3.6 computes them: docs/adr/0023
    [
        (QUASI, ("class",), 1, 1),
        (("personal_status_sex", "job"), ("class",), 2, 1),
        (("housing", "foreign_worker"), ("purpose",), 9, 3),
        (("housing",), ("purpose",), 108, 8),
    ],
)
def test_figures_are_those_of_pycanon_on_real_data(shared, quasi, sensitive, k, l):  # noqa: E741
    figures = risk_of(shared / "data" / "german_credit" / "german_credit.parquet", RiskQuestion(quasi, sensitive))
    assert (figures["k"], figures["l"]) == (k, l)


@pytest.mark.parametrize("quasi", [QUASI[:1], QUASI[1:], QUASI])
def test_figures_are_those_of_pandas_on_real_data(shared, quasi):
    import pandas as pd

    file = shared / "data" / "german_credit" / "german_credit.parquet"
    figures = risk_of(file, RiskQuestion(quasi, ("class", "purpose")))
    frame = pd.read_parquet(file)
    groups = frame.groupby(list(quasi), dropna=False)
    sizes = groups.size()
    assert figures["k"] == figures["smallest_class"] == sizes.min()
    assert (figures["classes"], figures["largest_class"]) == (len(sizes), sizes.max())
    assert figures["unique"] == (sizes == 1).sum()
    assert figures["diversity"] == {name: groups[name].nunique().min() for name in ("class", "purpose")}
    assert figures["prosecutor"]["average"] == pytest.approx((1 / groups[quasi[0]].transform("size")).mean())
    assert figures["discernibility"] == (sizes**2).sum()


def test_real_data_becomes_what_pycanon_judges_alike_and_the_same_each_time(anonymised, shared):
    import pandas as pd

    table = pq.read_table(shared / "data" / "german_credit" / "german_credit.parquet")
    wish = {"k": 5, "l": 2, "sensitive": ("class", "purpose"), "suppression_max": 0.05, "name": "data.parquet"}
    made, again = (anonymised(table, *QUASI, **wish) for _ in range(2))
    assert made.found == again.found
    risk = made.found.risk
    assert (risk["k"], risk["l"], risk["records"]) == (5, 2, 966)  # pycanon: 5 and 2
    groups = pd.DataFrame(made.whole).groupby(list(QUASI), dropna=False)
    assert groups.size().min() == 5
    assert min(groups[name].nunique().min() for name in ("class", "purpose")) == 2

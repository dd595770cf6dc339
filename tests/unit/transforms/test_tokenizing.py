"""`tokenize`: one token for each value of a domain, and a map that tells nothing without the master key."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from msgspec.structs import replace as changed

from tests.contract.logs import ORIGIN
from tests.unit.transforms.making import KEYS
from xase_server.query.schema import BOOL, DATE, INT, STRING, Struct
from xase_server.services.tokens import TokenMap
from xase_server.storage.memory import MemoryStorage
from xase_server.transforms.compiled import compile_transforms
from xase_server.transforms.memo import Memory
from xase_server.transforms.tokenizing import Places, read_token

OTHER_SESSION = replace(KEYS, session_id="sess_2")


@pytest.fixture
def storage():
    storage = MemoryStorage()
    storage.initialise(ORIGIN)
    return storage


@pytest.fixture
def column(storage):
    """What becomes of one column, as by a server that has just started."""
    give_tokens = TokenMap(storage).give

    def change(values, type_=STRING, arrow=None, *, keys=KEYS, domain="grant", give=give_tokens):
        specs = {"f": {"op": "tokenize", "domain": domain}}
        table = pa.table({"f": pa.array(values, arrow)})
        made = compile_transforms(specs, Struct((("f", type_),)), keys, memory=Memory(), give_tokens=give)
        assert made.schema == Struct((("f", STRING),))
        return made.apply(table, range(len(values))).column("f").to_pylist()

    return change


def test_equal_values_have_equal_tokens_and_null_stays_null(column):
    one, none, two, again = column(["a", None, "b", "a"])
    assert one == again != two
    assert none is None
    assert all(re.fullmatch("tok_[0-9a-f]{32}", each) for each in (one, two))


def test_a_token_is_the_same_on_every_read_and_after_a_start(column):
    assert column(["a", "b"]) == column(["b", "a"])[::-1] == column(["a", "x", "b"])[::2]


@pytest.mark.parametrize(
    ("type_", "arrow", "value", "text"),
    [
        (INT, pa.int64(), -7, "-7"),
        (BOOL, pa.bool_(), True, "true"),
        (DATE, pa.timestamp("ms", "UTC"), datetime(2024, 3, 1, tzinfo=UTC), "2024-03-01T00:00:00.000Z"),
        (STRING, pa.string(), "e\u0301", "\u00e9"),
    ],
)
def test_a_value_has_the_token_of_its_text(column, type_, arrow, value, text):
    assert column([value], type_, arrow) == column([text])


def test_two_grants_cannot_join_unless_the_domain_is_the_dataset(column):
    assert column(["a"]) != column(["a"], keys=OTHER_SESSION)
    assert column(["a"], domain="dataset") == column(["a"], keys=OTHER_SESSION, domain="dataset")
    assert column(["a"], domain="dataset") != column(["a"])


def test_another_dataset_has_other_tokens(column):
    other = replace(KEYS, dataset_id="ds_2")
    assert column(["a"], domain="dataset") != column(["a"], keys=other, domain="dataset")


def test_what_a_session_asks_for_itself_has_other_tokens_than_the_policy_gives(column):
    assert column(["a"]) != column(["a"], keys=replace(KEYS, asked=True))


def test_of_nothing_comes_nothing_and_no_map_is_asked(column):
    refused = []
    assert column([], arrow=pa.string(), give=lambda *asked: refused.append(asked)) == []
    assert column([None, None], arrow=pa.string(), give=lambda *asked: refused.append(asked)) == [None, None]
    assert refused == []


def test_without_a_map_the_field_does_not_exist():
    made = compile_transforms({"f": {"op": "tokenize"}}, Struct((("f", STRING), ("g", INT))), KEYS)
    assert made.schema == Struct((("g", INT),))


def test_the_map_holds_neither_the_value_nor_a_plain_hash_of_it(column, storage):
    (text,) = column(["very-secret-value"])
    (row,) = storage.read(lambda reads: reads.token_rows(KEYS.dataset_id, [read_token(text)]))
    assert row.session == KEYS.session_id
    assert b"secret" not in b"".join((row.name, row.token, row.sealed))
    assert Places(KEYS).value(row) == "very-secret-value"
    assert Places(OTHER_SESSION).value(row) == "very-secret-value"


def test_a_place_opens_under_its_own_key_token_and_session_alone(column, storage):
    one, two = column(["a", "b"], domain="dataset")
    rows = storage.read(lambda reads: reads.token_rows(KEYS.dataset_id, [read_token(one), read_token(two)]))
    first, second = rows
    places = Places(KEYS)
    assert {places.value(first), places.value(second)} == {"a", "b"}
    assert Places(replace(KEYS, master=b"\x08" * 32)).value(first) is None
    assert places.value(changed(first, sealed=second.sealed)) is None
    assert places.value(changed(first, token=second.token)) is None
    assert places.value(changed(first, session="sess_1")) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tok_",
        "tok_" + "0" * 31,
        "tok_" + "0" * 33,
        "tok_" + "G" * 32,
        "TOK_" + "0" * 32,
        "0" * 32,
        "tok_" + "0" * 32 + "\n",
    ],
)
def test_what_is_no_token_is_not_read_as_one(text):
    assert read_token(text) is None


def test_many_values_are_given_tokens_at_once(column):
    values = [f"v{number}" for number in range(20_000)]
    tokens = column(values)
    assert len(set(tokens)) == len(values)
    assert column(values[::-1]) == tokens[::-1]

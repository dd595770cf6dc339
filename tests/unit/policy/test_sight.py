"""What a contract shows of a schema; what cannot be hidden in part is hidden whole."""

from typing import Any

import pytest

from xase_server.policy.contract import Contract
from xase_server.policy.sight import filterable, paths, visible
from xase_server.query.schema import INT, JSON, STRING, ListOf, Schema, Struct, struct

SCHEMA = struct(
    {
        "record_id": STRING,
        "age": INT,
        "notes": JSON,
        "home": struct({"zip": STRING, "more": JSON}),
        "visits": ListOf(struct({"day": INT, "more": JSON})),
        "mixed": ListOf(JSON),
        "grid": ListOf(ListOf(INT)),
        "nothing": Struct(()),
    }
)
EVERY = set(paths(SCHEMA))


def hidden(schema: Schema = SCHEMA, **terms: Any) -> set[str]:
    return set(paths(schema)) - set(paths(visible(Contract(**terms), schema)))


def test_nothing_is_hidden_without_terms():
    assert visible(Contract(), SCHEMA) == SCHEMA
    assert len(EVERY) == 12


@pytest.mark.parametrize(
    ("denied", "gone"),
    [
        ("notes", {"notes"}),
        ("notes.ssn", {"notes"}),
        ("notes.a.b.c", {"notes"}),
        ("notes.0", {"notes"}),
        ("home.more.ssn", {"home.more"}),
        ("visits.more.ssn", {"visits.more"}),
        ("visits.3.more.ssn", {"visits.more"}),
        ("visits.0.day", {"visits.day"}),
        ("visits.0", {"visits", "visits.day", "visits.more"}),
        ("mixed.ssn", {"mixed"}),
        ("mixed.0.ssn", {"mixed"}),
        ("grid.0.1", {"grid"}),
        ("nothing.ssn", {"nothing"}),
        ("notesssn", set()),
        ("home", {"home", "home.zip", "home.more"}),
        ("record_id", set()),
    ],
)
def test_what_is_denied_is_hidden_with_all_that_holds_it_in_one_value(denied, gone):
    assert hidden(deny_fields=frozenset({denied})) == gone
    assert hidden(transforms={denied: {"op": "drop"}}) == gone


@pytest.mark.parametrize("op", ["hash", "mask", "redact", "drop"])
@pytest.mark.parametrize(("path", "gone"), [("notes.ssn", "notes"), ("home.more.ssn", "home.more")])
def test_what_would_have_to_be_changed_in_part_is_hidden(op, path, gone):
    assert hidden(transforms={path: {"op": op}}) == {gone}


def test_a_transform_of_a_whole_mixed_column_hides_nothing():
    assert hidden(transforms={"notes": {"op": "redact"}, "age": {"op": "hash"}}) == set()


@pytest.mark.parametrize("name", ["notes.ssn", "mixed.ssn", "mixed.0", "grid.0", "home.more.ssn", "visits.0.day"])
def test_a_list_of_allowed_fields_never_shows_more_than_it_names(name):
    assert EVERY - hidden(fields=frozenset({name})) == {"record_id"}
    assert set(paths(filterable(Contract(filterable_fields=frozenset({name})), SCHEMA))) == {"record_id"}


def test_a_mixed_column_that_is_allowed_and_denied_in_part_is_hidden():
    assert EVERY - hidden(fields=frozenset({"notes", "age"}), deny_fields=frozenset({"notes.ssn"})) == {
        "record_id",
        "age",
    }


def test_a_member_may_have_a_number_for_its_name():
    schema = struct({"codes": struct({"0": STRING, "1": STRING}), "list": ListOf(struct({"0": STRING, "a": STRING}))})
    assert hidden(schema, deny_fields=frozenset({"codes.0"})) == {"codes.0"}
    assert hidden(schema, deny_fields=frozenset({"list.0"})) == {"list", "list.0", "list.a"}

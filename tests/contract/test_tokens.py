"""The map of tokens: durable when it is kept, one token for each name, whoever comes first."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.conftest import DatabasePlace, Place
from tests.contract.logs import Log
from tests.contract.records import make_append
from xase_server.domain.entries import TokensErased
from xase_server.domain.tokens import TokenRow
from xase_server.ports import Storage


def row(number: int, side: int = 0, *, dataset: str = "ds_1", session: str | None = None) -> TokenRow:
    """A place of the map as one side would make it: the same name, another token."""
    name = number.to_bytes(32, "big")
    token = (number * 10 + side).to_bytes(16, "big")
    return TokenRow(name, token, dataset, session, b"sealed %d by %d\x00\xff" % (number, side))


def kept(storage: Storage, rows: list[TokenRow]) -> list[bytes]:
    found = storage.keep_tokens(rows)
    return [found[each.name] for each in rows]


def test_a_name_keeps_the_token_that_it_was_first_given(storage: Storage):
    assert kept(storage, [row(1), row(2)]) == [row(1).token, row(2).token]
    assert kept(storage, [row(2, side=1), row(3, side=1)]) == [row(2).token, row(3, side=1).token]


def test_names_are_looked_up_together_and_unknown_ones_left_out(storage: Storage):
    storage.keep_tokens([row(1), row(2)])
    names = [row(number).name for number in (0, 1, 2)]
    assert storage.read(lambda reads: reads.tokens(names)) == {row(n).name: row(n).token for n in (1, 2)}
    assert storage.read(lambda reads: reads.tokens([])) == {}


def test_nothing_is_kept_for_nothing(storage: Storage):
    assert storage.keep_tokens([]) == {}


@pytest.mark.parametrize("session", [None, "sess_1"])
def test_a_row_is_read_as_it_was_kept(storage: Storage, session):
    made = row(7, session=session)
    storage.keep_tokens([made])
    assert storage.read(lambda reads: reads.token_rows("ds_1", [made.token])) == [made]


def test_the_map_of_another_dataset_does_not_answer(storage: Storage):
    storage.keep_tokens([row(1, dataset="ds_1"), row(2, dataset="ds_2")])
    tokens = [row(1).token, row(2).token, row(3).token]
    assert storage.read(lambda reads: reads.token_rows("ds_2", tokens)) == [row(2, dataset="ds_2")]


def test_what_is_erased_is_found_by_nothing_and_its_name_may_get_another(log: Log):
    rows = [row(1), row(2), row(3)]
    log.storage.keep_tokens(rows)
    log.append(make_append(type="tokens_erased", effect=TokensErased((rows[2].name, rows[0].name, row(9).name))))
    left = log.read(lambda reads: reads.token_rows("ds_1", [each.token for each in rows]))
    assert left == [rows[1]]
    assert log.read(lambda reads: reads.tokens([each.name for each in rows])) == {rows[1].name: rows[1].token}
    assert kept(log.storage, [row(1, side=1)]) == [row(1, side=1).token]


def test_many_are_kept_and_found(storage: Storage):
    rows = [row(number) for number in range(1_000)]
    assert kept(storage, rows) == [each.token for each in rows]
    found = storage.read(lambda reads: reads.token_rows("ds_1", [each.token for each in rows]))
    assert sorted(found, key=lambda each: each.name) == rows


def test_two_sides_that_name_the_same_values_agree(place: Place):
    sides = [place.open(), place.open()]
    rows = [[row(number, side) for number in range(300)] for side in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(kept, sides, (rows[0], rows[1][::-1]))
    assert first == second[::-1]


def test_kept_tokens_are_there_after_everything_was_closed(database_place: DatabasePlace):
    kept(database_place.open(), [row(1)])
    assert kept(database_place.reopen(), [row(1, side=1)]) == [row(1).token]


def test_the_log_goes_on_beside_the_map(storage: Storage, log: Log):
    before = log.size
    storage.keep_tokens([row(1)])
    log.append(make_append())
    storage.keep_tokens([row(2)])
    log.append(make_append())
    assert log.size == before + 2

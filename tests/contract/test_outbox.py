"""Messages of webhooks: kept together with the place in the log, sent by one server at a time."""

import pytest
from msgspec import structs

from tests.contract.logs import START_MS
from xase_server.domain.decisions import Page
from xase_server.domain.webhooks import DEAD, DELIVERED, PENDING, Message
from xase_server.ports import Holding, Outbox

MINE, THEIRS = Holding("whk_1", "srv_a"), Holding("whk_1", "srv_b")
EVERYTHING = Page(100, descending=False)


@pytest.fixture
def outbox(storage) -> Outbox:
    return storage.outbox


def message(index: int, webhook: str = "whk_1", **fields) -> Message:
    known = {"id": f"msg_{webhook}_{index}", "entry": f"evt_{index}", "type": "session_opened"}
    times = {"created_ms": START_MS, "due_ms": START_MS}
    return Message(webhook=webhook, index=index, **(known | times | fields))


def held(outbox: Outbox, holding: Holding = MINE, now_ms: int = START_MS, start: int = 0) -> int | None:
    return outbox.hold(holding, now_ms, now_ms + 1_000, start)


def put(outbox: Outbox, *messages: Message, following: int = 100, **again: int) -> bool:
    return outbox.put(MINE, following, messages, again)


def indexes(outbox: Outbox, status: str | None = None, page: Page = EVERYTHING) -> list[int]:
    return [each.index for each in outbox.messages("whk_1", status, page).rows]


def test_a_message_is_read_as_it_was_put(outbox: Outbox):
    held(outbox)
    made = message(3, status=DEAD, attempts=2, tried_ms=5, ended_ms=6, answer=500, failure="status")
    assert put(outbox, made)
    assert outbox.message("whk_1", made.id) == made
    assert outbox.message("whk_2", made.id) is None
    assert outbox.message("whk_1", "msg_none") is None


def test_one_server_holds_a_webhook_until_its_time_is_over(outbox: Outbox):
    assert held(outbox, MINE, start=7) == 7
    assert held(outbox, THEIRS, START_MS + 999) is None
    assert held(outbox, MINE, START_MS + 500) == 7
    assert held(outbox, THEIRS, START_MS + 1_499) is None
    assert held(outbox, THEIRS, START_MS + 1_500) == 7
    assert held(outbox, Holding("whk_2", "srv_a")) == 0


def test_who_lets_go_makes_room_at_once(outbox: Outbox):
    held(outbox, MINE)
    outbox.let_go("srv_a")
    assert held(outbox, THEIRS) == 0


def test_a_webhook_is_read_on_from_where_it_was_left(outbox: Outbox):
    held(outbox, start=5)
    put(outbox, following=40)
    outbox.let_go("srv_a")
    assert held(outbox, THEIRS, start=5) == 40
    assert held(outbox, THEIRS, start=60) == 60


def test_who_no_longer_holds_it_writes_nothing(outbox: Outbox):
    held(outbox)
    put(outbox, message(1), following=2)
    assert held(outbox, THEIRS, START_MS + 1_000) == 2
    assert not put(outbox, message(2), following=3)
    assert not outbox.note(MINE, message(1, status=DELIVERED))
    assert indexes(outbox, PENDING) == [1]
    assert held(outbox, THEIRS, START_MS + 1_000) == 2


def test_a_message_that_is_there_stays_as_it_is(outbox: Outbox):
    held(outbox)
    put(outbox, message(1, status=DELIVERED))
    put(outbox, message(1), message(2))
    assert [each.status for each in outbox.messages("whk_1", None, EVERYTHING).rows] == [DELIVERED, PENDING]


def test_what_became_of_a_message_is_noted(outbox: Outbox):
    held(outbox)
    put(outbox, message(1))
    after = structs.replace(message(1), status=DELIVERED, attempts=1, tried_ms=9, ended_ms=9, answer=204)
    assert outbox.note(MINE, after)
    assert outbox.message("whk_1", after.id) == after


def test_a_message_is_sent_again_with_its_attempts_counted_anew(outbox: Outbox):
    held(outbox)
    dead = message(1, status=DEAD, attempts=10, tried_ms=8, ended_ms=9, answer=500, failure="status")
    put(outbox, dead)
    put(outbox, **{dead.id: START_MS + 7, "msg_none": 1})
    assert outbox.message("whk_1", dead.id) == structs.replace(
        dead, status=PENDING, attempts=0, due_ms=START_MS + 7, ended_ms=None
    )


def test_the_oldest_that_is_due_comes_next(outbox: Outbox):
    held(outbox)
    assert outbox.next("whk_1", START_MS, 2) is None
    put(outbox, message(1, status=DELIVERED), message(3), message(2), message(1, webhook="whk_2"))
    assert outbox.next("whk_1", START_MS, 2).index == 2


def test_a_message_that_failed_little_holds_those_behind_it_back_and_one_that_failed_much_does_not(outbox: Outbox):
    held(outbox)
    put(outbox, message(1, attempts=2, due_ms=START_MS + 50), message(2))
    assert outbox.next("whk_1", START_MS, 2).index == 1
    assert outbox.next("whk_1", START_MS, 1).index == 2
    assert outbox.next("whk_1", START_MS + 50, 1).index == 1


def test_messages_are_listed_by_status_and_page(outbox: Outbox):
    held(outbox)
    put(outbox, *(message(n, status=DEAD if n % 2 else PENDING) for n in range(7)))
    assert indexes(outbox) == list(range(7))
    assert indexes(outbox, DEAD) == [1, 3, 5]
    first = outbox.messages("whk_1", None, Page(3))
    assert ([each.index for each in first.rows], first.total, first.next_after) == ([6, 5, 4], 7, 4)
    assert indexes(outbox, page=Page(3, after=first.next_after)) == [3, 2, 1]
    assert indexes(outbox, page=Page(3, offset=6)) == [0]
    assert outbox.messages("whk_1", DEAD, Page(3)).next_after is None
    assert outbox.messages("whk_9", None, Page(3)).rows == []


def test_what_ended_long_ago_is_forgotten_oldest_first(outbox: Outbox):
    held(outbox)
    put(outbox, *(message(n, status=DELIVERED, ended_ms=START_MS + n) for n in range(5)), message(9))
    assert outbox.forget(START_MS + 4, 3) == 3
    assert indexes(outbox) == [3, 4, 9]
    assert outbox.forget(START_MS + 4, 3) == 1
    assert outbox.forget(START_MS + 4, 3) == 0
    assert indexes(outbox) == [4, 9]


def test_messages_outlive_the_process(database_place):
    outbox = database_place.open().outbox
    held(outbox, start=3)
    put(outbox, message(1), following=44)
    outbox = database_place.reopen().outbox
    assert outbox.next("whk_1", START_MS, 2) == message(1)
    assert outbox.hold(MINE, START_MS, START_MS + 1_000, 3) == 44

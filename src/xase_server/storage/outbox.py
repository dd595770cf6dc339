"""Messages of webhooks in a database."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, TypeVar

from msgspec import structs

from xase_server.domain.decisions import Page
from xase_server.domain.webhooks import Message
from xase_server.ports import Holding, MessagePage
from xase_server.storage.session import Row, Session

T = TypeVar("T")

_BEHIND_ALL: Final = 2**62


class _Reading(Protocol):
    def __call__(self, work: Callable[[Session], T]) -> T: ...


class SqlOutbox:
    """Implements `xase_server.ports.Outbox` over the transactions of a storage."""

    def __init__(self, read: _Reading, write: Callable[[], AbstractContextManager[Session]]) -> None:
        self._read = read
        self._write = write

    def hold(self, holding: Holding, now_ms: int, until_ms: int, start: int) -> int | None:
        """Hold the webhook; None while another server does."""
        with self._write() as session:
            names = {"webhook": holding.webhook, "holder": holding.holder}
            session.run("hold_webhook", **names, now_ms=now_ms, until_ms=until_ms, start=start)
            rows = session.rows("webhook_cursor", **names)
        return int(rows[0][0]) if rows else None

    def let_go(self, holder: str) -> None:
        """Let others hold what this server held."""
        with self._write() as session:
            session.run("let_webhooks_go", holder=holder)

    def put(self, holding: Holding, following: int, messages: Sequence[Message], again: Mapping[str, int]) -> bool:
        """Add messages and move on in the log, in one transaction."""
        with self._write() as session:
            held = session.change(
                "advance_webhook", webhook=holding.webhook, holder=holding.holder, following=following
            )
            if held:
                for message in messages:
                    session.run("put_message", **structs.asdict(message))
                for identifier, due_ms in again.items():
                    session.run("send_message_again", webhook=holding.webhook, id=identifier, due_ms=due_ms)
        return held > 0

    def note(self, holding: Holding, message: Message) -> bool:
        """Write what has become of the message."""
        fields = structs.asdict(message)
        wanted = ("webhook", "index", "due_ms", "status", "attempts", "tried_ms", "ended_ms", "answer", "failure")
        values: dict[str, Any] = {name: fields[name] for name in wanted}
        with self._write() as session:
            return session.change("note_message", **values, holder=holding.holder) > 0

    def next(self, webhook: str, now_ms: int, held_back: int) -> Message | None:
        """The pending message that comes next."""
        rows = self._read(
            lambda session: session.rows("next_message", webhook=webhook, now_ms=now_ms, held_back=held_back)
        )
        return _message(rows[0]) if rows else None

    def message(self, webhook: str, identifier: str) -> Message | None:
        """A message by its id."""
        rows = self._read(lambda session: session.rows("read_message", webhook=webhook, id=identifier))
        return _message(rows[0]) if rows else None

    def messages(self, webhook: str, status: str | None, page: Page) -> MessagePage:
        """A page of a webhook's messages and the exact total."""
        wanted = {"webhook": webhook, "status": status}
        after = page.after if page.after is not None else (_BEHIND_ALL if page.descending else -1)
        statement = "messages_downward" if page.descending else "messages_upward"

        def work(session: Session) -> tuple[Sequence[Row], int]:
            rows = session.rows(statement, **wanted, after=after, limit=page.limit + 1, offset=page.offset)
            ((total,),) = session.rows("count_messages", **wanted)
            return rows, total

        rows, total = self._read(work)
        found = [_message(row) for row in rows[: page.limit]]
        return MessagePage(found, total, found[-1].index if len(rows) > page.limit else None)

    def forget(self, before_ms: int, limit: int) -> int:
        """Remove messages that ended long ago."""
        with self._write() as session:
            return session.change("forget_messages", before_ms=before_ms, limit=limit)


def _message(row: Row) -> Message:
    webhook, index, identifier, entry, type_, created_ms, due_ms, status, attempts, *rest = row
    tried_ms, ended_ms, answer, failure = rest
    return Message(
        webhook=webhook,
        index=index,
        id=identifier,
        entry=entry,
        type=type_,
        created_ms=created_ms,
        due_ms=due_ms,
        status=status,
        attempts=attempts,
        tried_ms=tried_ms,
        ended_ms=ended_ms,
        answer=answer,
        failure=failure,
    )

"""What the sending of webhooks' messages rests on: where they are kept, and how they leave.

Messages are no evidence: they follow from the log and are not entries of it. A webhook's messages are
sent by one server at a time, the one that holds it; what another server says of it is not written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from xase_server.domain.decisions import Page
from xase_server.domain.webhooks import Message


@dataclass(frozen=True, slots=True)
class MessagePage:
    """One page of messages: `total` counts all that match; `next_after` continues it, None at the end."""

    rows: Sequence[Message]
    total: int
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Holding:
    """That a server may send a webhook's messages for now."""

    webhook: str
    holder: str


class Outbox(Protocol):
    """Messages, and how far the log has been turned into them. Every method raises StorageUnavailable."""

    def hold(self, holding: Holding, now_ms: int, until_ms: int, start: int) -> int | None:
        """Hold the webhook until then, or for longer than before: the index from which the log is to be read.

        None while another server holds it. The index is at least `start`.
        """
        ...

    def let_go(self, holder: str) -> None:
        """Let others hold what this server held."""
        ...

    def put(self, holding: Holding, following: int, messages: Sequence[Message], again: Mapping[str, int]) -> bool:
        """Add messages and note, in the same transaction, that the log has been read up to `following`.

        `again` are ids of messages to send anew, each with the time from which. One that is there already stays
        as it is. False, with nothing written, when the webhook is no longer held.
        """
        ...

    def note(self, holding: Holding, message: Message) -> bool:
        """Write what has become of the message; False when the webhook is no longer held."""
        ...

    def next(self, webhook: str, now_ms: int, held_back: int) -> Message | None:
        """The pending message that comes next: the oldest that is due, or that was tried at most `held_back` times.

        So it may not be due yet; then those behind it wait, and order is kept.
        """
        ...

    def message(self, webhook: str, identifier: str) -> Message | None:
        """A message by its id."""
        ...

    def messages(self, webhook: str, status: str | None, page: Page) -> MessagePage:
        """A page of a webhook's messages in the order of the log, and the exact total."""
        ...

    def forget(self, before_ms: int, limit: int) -> int:
        """Remove messages that ended before then, at most so many; gives how many."""
        ...


class Undelivered(Exception):
    """No answer came. `failure` is one word for it: `address`, `connection`, `timeout`, `tls` or `answer`."""

    def __init__(self, failure: str, message: str) -> None:
        super().__init__(message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Received:
    """How the receiver answered: the HTTP status, and the header `Retry-After` where there was one."""

    status: int
    retry_after: str | None = None


class Courier(Protocol):
    """Takes messages to where they are wanted, outside of this server's own networks."""

    async def check(self, url: str) -> None:
        """Raise Undelivered for an address that no message may be sent to."""
        ...

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Received:
        """Send one message and wait for its answer; raises Undelivered."""
        ...

"""Messages of webhooks in plain dictionaries: what the databases are held to."""

import threading
from collections.abc import Mapping, Sequence

from msgspec import structs

from xase_server.domain.decisions import Page
from xase_server.domain.webhooks import PENDING, Message
from xase_server.ports import Holding, MessagePage


class MemoryOutbox:
    """Implements `xase_server.ports.Outbox`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, tuple[str, int, int]] = {}  # holder, until when, index
        self._messages: dict[tuple[str, int], Message] = {}

    def hold(self, holding: Holding, now_ms: int, until_ms: int, start: int) -> int | None:
        """See `Outbox.hold`."""
        with self._lock:
            holder, held_until_ms, index = self._held.get(holding.webhook, (holding.holder, 0, start))
            if holder != holding.holder and held_until_ms > now_ms:
                return None
            index = max(index, start)
            self._held[holding.webhook] = (holding.holder, until_ms, index)
            return index

    def let_go(self, holder: str) -> None:
        """See `Outbox.let_go`."""
        with self._lock:
            for webhook, (held_by, _, index) in self._held.items():
                if held_by == holder:
                    self._held[webhook] = (held_by, 0, index)

    def put(self, holding: Holding, following: int, messages: Sequence[Message], again: Mapping[str, int]) -> bool:
        """See `Outbox.put`."""
        with self._lock:
            if not self._is_held(holding):
                return False
            self._held[holding.webhook] = (*self._held[holding.webhook][:2], following)
            for message in messages:
                self._messages.setdefault((message.webhook, message.index), message)
            for place, each in self._messages.items():
                if each.webhook == holding.webhook and each.id in again:
                    self._messages[place] = structs.replace(
                        each, status=PENDING, attempts=0, due_ms=again[each.id], ended_ms=None
                    )
            return True

    def note(self, holding: Holding, message: Message) -> bool:
        """See `Outbox.note`."""
        with self._lock:
            if not self._is_held(holding):
                return False
            self._messages[message.webhook, message.index] = message
            return True

    def next(self, webhook: str, now_ms: int, held_back: int) -> Message | None:
        """See `Outbox.next`."""
        pending = self._of(webhook, PENDING)
        return next((each for each in pending if each.due_ms <= now_ms or each.attempts <= held_back), None)

    def message(self, webhook: str, identifier: str) -> Message | None:
        """See `Outbox.message`."""
        return next((each for each in self._of(webhook, None) if each.id == identifier), None)

    def messages(self, webhook: str, status: str | None, page: Page) -> MessagePage:
        """See `Outbox.messages`."""
        matching = self._of(webhook, status)
        ordered = matching[::-1] if page.descending else matching
        if page.after is not None:
            sign = -1 if page.descending else 1
            ordered = [each for each in ordered if sign * each.index > sign * page.after]
        found = ordered[page.offset : page.offset + page.limit]
        more = len(ordered) > page.offset + page.limit
        return MessagePage(found, len(matching), found[-1].index if found and more else None)

    def forget(self, before_ms: int, limit: int) -> int:
        """See `Outbox.forget`."""
        with self._lock:
            ended = [each for each in self._messages.values() if each.ended_ms is not None]
            old = sorted(
                (each for each in ended if (each.ended_ms or 0) < before_ms), key=lambda each: each.ended_ms or 0
            )
            for each in old[:limit]:
                del self._messages[each.webhook, each.index]
            return len(old[:limit])

    def _is_held(self, holding: Holding) -> bool:
        return self._held.get(holding.webhook, ("", 0, 0))[0] == holding.holder

    def _of(self, webhook: str, status: str | None) -> list[Message]:
        """In the order of the log."""
        with self._lock:
            found = [each for each in self._messages.values() if each.webhook == webhook]
        return sorted((each for each in found if status in {None, each.status}), key=lambda each: each.index)

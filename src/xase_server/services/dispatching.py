"""Sending webhooks' messages: the log is read from where it was left, and each message sent until it arrives.

    log ─► announced entries ─► messages, kept ─► sent, one after the other ─► noted

Messages and the place in the log are kept in one transaction, and a message is noted after it was
answered: whatever kills this server, each is sent at least once, with the same id each time.
"""

import asyncio
import itertools
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final

import structlog
from msgspec import structs

from xase_server.domain.errors import Refused
from xase_server.domain.ids import new_id
from xase_server.domain.objects import ObjectQuery, ObjectRow
from xase_server.domain.times import DAY_MS
from xase_server.domain.webhooks import (
    ACTIVE,
    DEAD,
    DELIVERED,
    REPLAY,
    WEBHOOK,
    Message,
    StoredWebhook,
    message_id,
    webhook_ref,
)
from xase_server.ports import Holding, Reads, Received, StorageUnavailable, Undelivered
from xase_server.services.announcing import Announced, Announcer, payload
from xase_server.services.documents import webhook_of
from xase_server.services.visibility import every_object
from xase_server.services.webhooks import Webhooks

RETRIES_MS: Final = tuple(1_000 * each for each in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400))
"""How long after each failed attempt the next one comes; after the last of them the message is dead."""

HELD_BACK: Final = 2
"""How often a message may have failed while those behind it wait for it; after that they overtake it."""

JITTER: Final = 0.2
"""Up to this share is added to a wait, so that what failed together does not come again together."""

KEPT_MS: Final = 30 * DAY_MS
"""How long messages are kept once they have arrived, or are dead."""

_HELD_MS: Final = 60_000
_RENEWED_MS: Final = 30_000
_ASKED_AGAIN_MS: Final = 10_000
_ROUND_SECONDS: Final = 1.0
_FORGET_EACH: Final = 3_600  # rounds
_LONGEST_WAIT_MS: Final = DAY_MS
_PIECE: Final = 500
_NOTED_EACH: Final = 5_000
"""A stretch of the log without anything to announce is noted this often: to read it again costs little."""

_FORGOTTEN_AT_ONCE: Final = 1_000
_GONE: Final = 410
_SUCCESS: Final = range(200, 300)

_random: Final = secrets.SystemRandom().random
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Turn:
    """A webhook that this server holds, until when, and how far the log was read and noted."""

    holding: Holding
    until_ms: int = 0
    following: int = 0
    noted: int = 0
    ask_again_ms: int = 0


@dataclass(frozen=True, slots=True)
class _Due:
    """What is sent next, as the webhook stands now."""

    row: ObjectRow
    stored: StoredWebhook
    message: Message
    raw: bytes
    turn: _Turn = field(repr=False)


class Dispatcher:
    """Sends the messages of all webhooks; each in a task of its own, so that none waits for another's receiver."""

    def __init__(self, webhooks: Webhooks, *, chance: Callable[[], float] = _random) -> None:
        means = webhooks.means
        self._webhooks = webhooks
        self._reader = means.reader
        self._outbox = means.outbox
        self._courier = means.courier
        self._secrets = means.secrets
        self._clock = means.clock
        self._chance = chance
        self._holder = new_id("srv")
        self._turns: dict[str, _Turn] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Send for as long as it is not cancelled."""
        for number in itertools.count():
            try:
                await self.round()
                if number % _FORGET_EACH == 0:
                    await self.forget()
            except (StorageUnavailable, Refused) as error:
                _log.warning("webhooks must wait", reason=str(error))
            await asyncio.sleep(_ROUND_SECONDS)

    async def round(self) -> None:
        """Begin a turn for every webhook that has none running."""
        query = ObjectQuery(kind=WEBHOOK, status=ACTIVE)
        rows = await self._reader.scan(lambda reads: list(every_object(reads, query)))
        for row in rows:
            if row.id not in self._running and webhook_of(row).enabled:
                self._running[row.id] = asyncio.create_task(self._take_turn(row))

    async def settle(self) -> None:
        """Wait until no turn is running."""
        while self._running:
            await asyncio.wait(list(self._running.values()))

    async def close(self) -> None:
        """Stop, and let other servers go on at once. A message that is being sent will be sent again."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        try:
            if self._turns:
                await asyncio.to_thread(self._outbox.let_go, self._holder)
        except StorageUnavailable as error:  # they wait until this server's minute is over
            _log.warning("webhooks were not let go", reason=str(error))

    async def forget(self) -> None:
        """Remove messages that ended long ago."""
        before_ms = self._clock.now_ms() - KEPT_MS
        await asyncio.to_thread(self._outbox.forget, before_ms, _FORGOTTEN_AT_ONCE)

    # ------------------------------------------------------------------ one webhook

    async def _take_turn(self, row: ObjectRow) -> None:
        turn = self._turns.setdefault(row.id, _Turn(Holding(row.id, self._holder)))
        try:
            if await self._hold(turn, webhook_of(row).start) and await self._read_on(turn, row):
                while (due := await self._next(turn)) is not None and await self._send(due):
                    pass
        except (StorageUnavailable, Refused) as error:  # the next round tries again
            turn.until_ms = 0
            _log.warning("a webhook must wait", webhook_id=row.id, reason=str(error))
        finally:
            del self._running[row.id]

    async def _hold(self, turn: _Turn, start: int) -> bool:
        """Whether this server may send for long enough to send one message."""
        now_ms = self._clock.now_ms()
        if turn.until_ms - now_ms > _RENEWED_MS and turn.following >= start:
            return True
        if now_ms < turn.ask_again_ms:
            return False
        until_ms = now_ms + _HELD_MS
        index = await asyncio.to_thread(self._outbox.hold, turn.holding, now_ms, until_ms, start)
        if index is None:
            turn.until_ms, turn.ask_again_ms = 0, now_ms + _ASKED_AGAIN_MS
            return False
        is_new = turn.until_ms <= now_ms or turn.following < index
        turn.until_ms = until_ms
        if is_new:
            turn.following = turn.noted = index
        return True

    async def _read_on(self, turn: _Turn, row: ObjectRow) -> bool:
        """Turn what the log has since into messages; False when another server holds the webhook by now."""
        stored = webhook_of(row)
        while True:
            start = turn.following

            def work(reads: Reads, start: int = start) -> tuple[int, list[Announced]]:
                raws = reads.entries(start, _PIECE)
                return len(raws), Announcer(reads, row.organisation, row.id, stored.events).announced(raws)

            count, found = await self._reader.scan(work)
            if not await self._keep(turn, start + count, found):
                return False
            if count < _PIECE:
                return True

    async def _keep(self, turn: _Turn, following: int, found: Sequence[Announced]) -> bool:
        if not found and following - turn.noted < _NOTED_EACH:
            turn.following = following
            return True
        now_ms, webhook = self._clock.now_ms(), turn.holding.webhook
        messages = [_message(webhook, each, now_ms) for each in found if each.event != REPLAY]
        again = {each.message: now_ms for each in found if each.event == REPLAY and each.message is not None}
        # COMMIT POINT: after it the messages will be sent, and the log is not read again up to here.
        held = await asyncio.to_thread(self._outbox.put, turn.holding, following, messages, again)
        if held:
            turn.following = turn.noted = following
        else:
            turn.until_ms = 0
        return held

    async def _next(self, turn: _Turn) -> _Due | None:
        """The message to send now, if there is one and the webhook still wants any."""
        webhook, now_ms = turn.holding.webhook, self._clock.now_ms()
        message = await asyncio.to_thread(self._outbox.next, webhook, now_ms, HELD_BACK)
        if message is None or message.due_ms > now_ms:
            return None

        def work(reads: Reads) -> tuple[ObjectRow | None, Sequence[bytes]]:
            return reads.object(webhook_ref(webhook)), reads.entries(message.index, 1)

        row, raws = await self._reader.point(work)
        if row is None or row.status != ACTIVE or not raws:
            return None
        stored = webhook_of(row)
        if not stored.enabled or not await self._hold(turn, stored.start):
            return None
        return _Due(row, stored, message, raws[0], turn)

    async def _send(self, due: _Due) -> bool:
        """Send it and note what came of it; False when nothing more may be sent in this turn."""
        message, body = due.message, payload(due.raw, due.message.type)
        headers = self._secrets.headers(due.row.id, due.stored, message.id, body, self._clock.now_ms())
        received: Received | None = None
        failure: str | None = None
        try:
            received = await self._courier.post(due.stored.url, headers, body)
        except Undelivered as undelivered:
            failure = undelivered.failure
        after = self._judge(message, received, failure)
        # COMMIT POINT: before it the message will be sent again, with the same id.
        held = await asyncio.to_thread(self._outbox.note, due.turn.holding, after)
        if received is not None and received.status == _GONE:
            await self._webhooks.disable(due.row)
            return False
        return held

    def _judge(self, message: Message, received: Received | None, failure: str | None) -> Message:
        now_ms = self._clock.now_ms()
        status = received.status if received is not None else None
        tried = structs.replace(
            message,
            attempts=message.attempts + 1,
            tried_ms=now_ms,
            answer=status,
            failure=failure or (None if status in _SUCCESS else "status"),
        )
        if status in _SUCCESS:
            return structs.replace(tried, status=DELIVERED, ended_ms=now_ms)
        if status == _GONE or message.attempts >= len(RETRIES_MS):
            return structs.replace(tried, status=DEAD, ended_ms=now_ms)
        wait_ms = RETRIES_MS[message.attempts] * (1 + JITTER * self._chance())
        asked_ms = asked_wait_ms(received.retry_after, now_ms) if received is not None else 0
        return structs.replace(tried, due_ms=now_ms + int(max(wait_ms, asked_ms)))


def _message(webhook: str, announced: Announced, now_ms: int) -> Message:
    return Message(
        webhook=webhook,
        index=announced.index,
        id=message_id(webhook, announced.entry),
        entry=announced.entry,
        type=announced.event,
        created_ms=now_ms,
        due_ms=now_ms,
    )


def asked_wait_ms(retry_after: str | None, now_ms: int) -> int:
    """How long the receiver asks to be left alone, at most a day: seconds or a date (RFC 9110, section 10.2.3)."""
    if retry_after is None:
        return 0
    if retry_after.isdigit():
        return min(int(retry_after[:9]) * 1000, _LONGEST_WAIT_MS)
    try:
        wanted_ms = int(parsedate_to_datetime(retry_after).timestamp() * 1000) - now_ms
    except ValueError:  # neither: it said nothing
        return 0
    return min(max(wanted_ms, 0), _LONGEST_WAIT_MS)

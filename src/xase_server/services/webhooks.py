"""Webhooks: made, changed, tried out, deleted (docs/spec/api.md, section 9). What they are sent: `dispatching`."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from msgspec import UNSET, structs

from xase.proof.entry import format_time
from xase_server.domain.clock import Clock
from xase_server.domain.decisions import Page
from xase_server.domain.entries import Append, EntryType, ObjectsChanged, Replayed, Unit, admin_stream
from xase_server.domain.errors import Problems, Refused, invalid_field, not_found, unavailable
from xase_server.domain.ids import new_id
from xase_server.domain.objects import ObjectQuery, ObjectRow
from xase_server.domain.principals import Principal
from xase_server.domain.times import DAY_MS, parse_duration
from xase_server.domain.webhooks import (
    ACTIVE,
    DELETED,
    DISABLED,
    EVENTS,
    PENDING,
    REPLAY,
    TEST,
    WEBHOOK,
    Message,
    NewWebhook,
    SecretName,
    SecretRotation,
    StoredWebhook,
    WebhookChange,
    message_id,
    webhook_ref,
)
from xase_server.ledger.append import Ledger
from xase_server.ports import Courier, Outbox, Reads, StorageUnavailable, Undelivered
from xase_server.services.anew import until_it_stands
from xase_server.services.documents import document_of, webhook_of
from xase_server.services.outcome import (
    Once,
    Outcome,
    Remembered,
    answer_again,
    made_before,
    recall,
    remember,
    remembered,
)
from xase_server.services.reading import Reader
from xase_server.services.sealing import make_append
from xase_server.services.views import View
from xase_server.services.webhook_secrets import WebhookSecrets

MOST_OF_ONE: Final = 20
"""Webhooks of one organisation."""

_MAX_GRACE_MS: Final = 30 * DAY_MS
_WHY_GONE: Final = "the receiver answered 410"

T = TypeVar("T")
Listed = tuple[Sequence[View], int, int | None]


@dataclass(frozen=True, slots=True)
class Means:
    """What making webhooks and sending their messages rest on."""

    reader: Reader
    outbox: Outbox
    courier: Courier
    secrets: WebhookSecrets
    clock: Clock


class Webhooks:
    """The webhooks of the caller's organisation."""

    def __init__(self, ledger: Ledger, means: Means) -> None:
        self.means: Final = means
        self._ledger = ledger
        self._reader = means.reader

    async def create(self, who: Principal, wish: NewWebhook, once: Once | None) -> Outcome:
        """The new webhook with its secret, which no later answer shows. It is told of what happens from now on.

        Raises Refused: `validation_error` for a URL that nothing is sent to, and for events that do not
        exist or that the key may not read of; `conflict` when the organisation has as many as it may.
        """
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return await self._again(who, earlier)
        events = _wanted(who, wish.events)
        await self._check(wish.url)
        identifier = new_id("whk")
        description, secret = wish.description or None, self.means.secrets.name(1)

        async def attempt() -> Outcome:
            def work(reads: Reads) -> tuple[int, int]:
                query = ObjectQuery(kind=WEBHOOK, owner=who.organisation, status=ACTIVE)
                return reads.head().size, reads.objects(query, Page(1)).total

            size, total = await self._reader.point(work)
            if total >= MOST_OF_ONE:
                raise Refused(
                    "conflict", f"An organisation has at most {MOST_OF_ONE} webhooks", {"resource": "webhook"}
                )
            stored = StoredWebhook(url=wish.url, events=events, start=size, secret=secret, description=description)
            row = self._row(who, identifier, stored)
            append = _append(who, row, "webhook_created", {"events": list(events)}, _said(stored))
            claim = remember(once, Remembered(ids=[identifier, "1", secret.master]))
            # COMMIT POINT: entries from here on are announced.
            committed = await self._ledger.append(Unit((append,), claim))
            if isinstance(committed, Replayed):  # another server has answered the same request
                return await self._again(who, remembered(committed))
            return Outcome(self._with_secret(row, secret))

        return await until_it_stands(attempt)

    async def change(self, who: Principal, identifier: str, wish: WebhookChange, once: Once | None) -> Outcome:
        """The webhook as it is now, for what has not been sent yet as well. Raises Refused as `create` does."""
        if await recall(self._reader, once) is not None:
            return Outcome(await self.get(who, identifier), replayed=True)
        wished = {name: value for name in wish.__struct_fields__ if (value := getattr(wish, name)) is not UNSET}
        before = webhook_of(await self._find(who, identifier))
        events = _wanted(who, before.events if wish.events is UNSET else wish.events)
        wished |= {"events": events} if wish.events is not UNSET else {}
        if wish.url is not UNSET:
            await self._check(wish.url)

        async def attempt() -> Outcome:
            row, size = await self._reader.point(lambda reads: (_find(reads, who, identifier), reads.head().size))
            before = webhook_of(row)
            after = _changed(before, wished, size)
            if after == before:
                return Outcome(webhook_view(row))
            changed = _moved(row, after)
            body: View = {"changed": sorted(wished), "enabled": after.enabled, "events": list(after.events)}
            append = _append(who, changed, "webhook_changed", body, _said(after))
            # COMMIT POINT: the next message goes where, and if, it says now.
            await self._ledger.append(Unit((append,), remember(once, Remembered(ids=[identifier]))))
            return Outcome(webhook_view(changed))

        return await until_it_stands(attempt)

    async def rotate(self, who: Principal, identifier: str, wish: SecretRotation, once: Once | None) -> Outcome:
        """The webhook with its new secret; messages are signed by the old one, too, until `grace` is over."""
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return await self._again(who, earlier)
        grace_ms = parse_duration(wish.grace, "grace", maximum_ms=_MAX_GRACE_MS)

        async def attempt() -> Outcome:
            row = await self._find(who, identifier)
            before = webhook_of(row)
            name, until_ms = self.means.secrets.name(before.secret.number + 1), self.means.clock.now_ms() + grace_ms
            after = structs.replace(before, secret=name, old_secret=before.secret, old_until_ms=until_ms)
            changed = _moved(row, after)
            body: View = {"secret": name.number, "old_until": format_time(until_ms)}
            append = _append(who, changed, "webhook_secret_rotated", body, {})
            claim = remember(once, Remembered(ids=[identifier, str(name.number), name.master]))
            # COMMIT POINT: messages are signed by the new secret.
            committed = await self._ledger.append(Unit((append,), claim))
            if isinstance(committed, Replayed):
                return await self._again(who, remembered(committed))
            return Outcome(self._with_secret(changed, name))

        return await until_it_stands(attempt)

    async def delete(self, who: Principal, identifier: str, once: Once | None) -> Outcome:
        """The webhook, to which nothing more is sent; deleting it again changes nothing."""
        replayed = await recall(self._reader, once) is not None

        async def attempt() -> ObjectRow:
            row = await self._reader.point(lambda reads: _find(reads, who, identifier, deleted=True))
            if row.status == DELETED:
                return row
            gone = structs.replace(_moved(row, webhook_of(row)), status=DELETED)
            append = _append(who, gone, "webhook_deleted", {}, {})
            # COMMIT POINT: no message follows but one that is being sent.
            await self._ledger.append(Unit((append,), remember(once, Remembered(ids=[identifier]))))
            return gone

        return Outcome(webhook_view(await until_it_stands(attempt)), replayed=replayed)

    async def disable(self, row: ObjectRow) -> None:
        """Send it nothing more: its receiver said that it is gone. Who changes it may enable it again."""
        operator = Principal(row.organisation, "key_operator", "operator@localhost", "operator", frozenset())

        async def attempt() -> None:
            now = await self._reader.point(lambda reads: reads.object(webhook_ref(row.id)))
            if now is None or now.status == DELETED or not webhook_of(now).enabled:
                return
            stored = structs.replace(webhook_of(now), enabled=False, why_disabled=_WHY_GONE)
            append = _append(operator, _moved(now, stored), "webhook_disabled", {}, {})
            # COMMIT POINT: no further message is sent.
            await self._ledger.append(Unit((append,)))

        await until_it_stands(attempt)

    # ------------------------------------------------------------------ reading

    async def get(self, who: Principal, identifier: str) -> View:
        """One webhook, without its secret."""
        return webhook_view(await self._find(who, identifier))

    async def list(self, who: Principal, page: Page) -> Listed:
        """A page of the organisation's webhooks, the total, and where the next page begins."""
        query = ObjectQuery(kind=WEBHOOK, owner=who.organisation, status=ACTIVE)
        found = await self._reader.scan(lambda reads: reads.objects(query, page))
        return [webhook_view(row) for row in found.rows], found.total, found.next_after

    async def deliveries(self, who: Principal, identifier: str, status: str | None, page: Page) -> Listed:
        """A page of what the webhook was, or will be, sent, the total, and where the next page begins."""
        await self._find(who, identifier)
        found = await self._stored(lambda: self.means.outbox.messages(identifier, status, page))
        return [delivery_view(each) for each in found.rows], found.total, found.next_after

    # ------------------------------------------------------------------ sending on purpose

    async def test(self, who: Principal, identifier: str, once: Once | None) -> Outcome:
        """A message like any other is on its way, about an entry that says so."""
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return answer_again(earlier)
        row = await self._find(who, identifier)
        entry = new_id("evt")
        append = _append(who, row, TEST, {}, {}, identifier=entry, changes=False)
        return await self._order(append, message_id(row.id, entry), row, once)

    async def replay(self, who: Principal, identifier: str, delivery: str, once: Once | None) -> Outcome:
        """The message is sent again, with the id that it had and attempts counted anew."""
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return answer_again(earlier)
        row = await self._find(who, identifier)
        if await self._stored(lambda: self.means.outbox.message(row.id, delivery)) is None:
            raise not_found("delivery", delivery)
        append = _append(who, row, REPLAY, {"delivery_id": delivery}, {}, changes=False)
        return await self._order(append, delivery, row, once)

    async def _order(self, append: Append, delivery: str, row: ObjectRow, once: Once | None) -> Outcome:
        if not webhook_of(row).enabled:
            raise Refused("conflict", "The webhook is disabled", {"resource": "webhook", "id": row.id})
        answer: View = {"delivery_id": delivery, "webhook_id": row.id, "status": PENDING}
        # COMMIT POINT: the entry is the order; whoever holds the webhook carries it out.
        committed = await self._ledger.append(Unit((append,), remember(once, Remembered(body=answer))))
        return answer_again(remembered(committed)) if isinstance(committed, Replayed) else Outcome(answer)

    # ------------------------------------------------------------------ inside

    async def _find(self, who: Principal, identifier: str) -> ObjectRow:
        return await self._reader.point(lambda reads: _find(reads, who, identifier))

    async def _stored(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except StorageUnavailable as error:
            raise unavailable("The store cannot be read now") from error

    async def _check(self, url: str) -> None:
        try:
            await self.means.courier.check(url)
        except Undelivered as error:
            raise invalid_field("url", str(error)) from None

    async def _again(self, who: Principal, earlier: Remembered) -> Outcome:
        identifier, number, master = made_before(earlier)
        name = SecretName(int(number), master)
        return Outcome(self._with_secret(await self._find(who, identifier), name), replayed=True)

    def _with_secret(self, row: ObjectRow, name: SecretName) -> View:
        return webhook_view(row) | {"secret": self.means.secrets.secret(row.id, name)}

    def _row(self, who: Principal, identifier: str, stored: StoredWebhook) -> ObjectRow:
        return ObjectRow(
            kind=WEBHOOK,
            id=identifier,
            organisation=who.organisation,
            revision=1,
            document=document_of(stored),
            created_ms=self.means.clock.now_ms(),
            status=ACTIVE,
        )


def webhook_view(row: ObjectRow) -> View:
    """A webhook without its secret."""
    stored = webhook_of(row)
    view: View = {
        "id": row.id,
        "url": stored.url,
        "events": list(stored.events),
        "status": row.status if row.status == DELETED or stored.enabled else DISABLED,
        "created_at": format_time(row.created_ms),
    }
    view |= {"description": stored.description} if stored.description is not None else {}
    view |= {"disabled_reason": stored.why_disabled} if stored.why_disabled is not None else {}
    return view | ({"old_secret_until": format_time(stored.old_until_ms)} if stored.old_until_ms else {})


def delivery_view(message: Message) -> View:
    """What has become of one message."""
    view: View = {
        "delivery_id": message.id,
        "webhook_id": message.webhook,
        "type": message.type,
        "entry_id": message.entry,
        "status": message.status,
        "attempts": message.attempts,
        "created_at": format_time(message.created_ms),
    }
    times: Mapping[str, int | None] = {
        "next_attempt_at": message.due_ms if message.status == PENDING else None,
        "last_attempt_at": message.tried_ms,
        "ended_at": message.ended_ms,
    }
    view |= {name: format_time(value) for name, value in times.items() if value is not None}
    said = {"response_status": message.answer, "failure": message.failure}
    return view | {name: value for name, value in said.items() if value is not None}


def _find(reads: Reads, who: Principal, identifier: str, *, deleted: bool = False) -> ObjectRow:
    row = reads.object(webhook_ref(identifier))
    if row is None or row.organisation != who.organisation or (row.status == DELETED and not deleted):
        raise not_found("webhook", identifier)
    return row


def _wanted(who: Principal, names: Sequence[str]) -> tuple[str, ...]:
    """The events, each once; one may ask for what the key may read of."""
    problems = Problems()
    for n, name in enumerate(names):
        if name not in EVENTS:
            problems.add(f"events.{n}", "Unknown event")
        elif not who.may(EVENTS[name].scope):
            problems.add(f"events.{n}", f"This key may not read of it: it needs the scope {EVENTS[name].scope}")
    problems.refuse_if_any()
    return tuple(dict.fromkeys(names))


def _changed(before: StoredWebhook, wished: Mapping[str, Any], size: int) -> StoredWebhook:
    """Enabled anew, it is told of what happens from then on."""
    after = structs.replace(before, **wished)
    if after.enabled and not before.enabled:
        return structs.replace(after, start=size, why_disabled=None)
    return after


def _moved(row: ObjectRow, stored: StoredWebhook) -> ObjectRow:
    return structs.replace(row, revision=row.revision + 1, document=document_of(stored))


def _said(stored: StoredWebhook) -> View:
    """What entries commit to: an address may hold a secret, a description a name."""
    return {"url": stored.url} | ({"description": stored.description} if stored.description is not None else {})


def _append(
    who: Principal,
    row: ObjectRow,
    type: EntryType,
    body: View,
    parts: View,
    *,
    identifier: str | None = None,
    changes: bool = True,
) -> Append:
    return make_append(
        identifier=identifier or new_id("evt"),
        type=type,
        stream=admin_stream(row.organisation),
        principal=who,
        body={"webhook_id": row.id} | body,
        parts={"principal": who.email, **parts},
        effect=ObjectsChanged((row,)) if changes else None,
    )

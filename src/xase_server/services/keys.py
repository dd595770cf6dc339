"""How API keys are made, listed, rotated and revoked (docs/spec/api.md, section 9)."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import UNSET
from msgspec.json import decode, encode

from xase.proof.entry import format_time
from xase.proof.keys import Seal
from xase_server.domain.api_keys import KeyRotation, NewKey, revoked_ref
from xase_server.domain.clock import Clock
from xase_server.domain.decisions import Page
from xase_server.domain.entries import ApiKeyRow, Append, KeyRevoked, KeyStored, Replayed, Unit, admin_stream
from xase_server.domain.errors import Problems, Refused, invalid_field, not_found
from xase_server.domain.ids import new_id
from xase_server.domain.objects import ObjectRow
from xase_server.domain.principals import ROLES, SCOPES, Principal
from xase_server.domain.times import parse_duration, parse_instant
from xase_server.ledger.append import Ledger
from xase_server.ports import Reads
from xase_server.services.anew import until_it_stands
from xase_server.services.authentication import digest_of, principal_of
from xase_server.services.outcome import (
    Once,
    Outcome,
    Remembered,
    another_kind_of_request,
    recall,
    remember,
    remembered,
)
from xase_server.services.reading import Reader
from xase_server.services.sealing import make_append
from xase_server.services.views import View

_MAX_GRACE_MS: Final = 30 * 86_400_000


def key_view(row: ApiKeyRow) -> View:
    """A key as lists show it: everything but the secret."""
    view: View = {
        "id": row.id,
        "name": row.name,
        "email": row.email,
        "role": row.role,
        "scopes": sorted(principal_of(row).scopes),
        "may_act_for": list(row.may_act_for),
        "display": row.display,
        "created_at": format_time(row.created_ms),
    }
    for name, value in (
        ("expires_at", row.expires_ms),
        ("revoked_at", row.revoked_ms),
        ("last_used_at", row.last_used_ms),
    ):
        if value is not None:
            view[name] = format_time(value)
    if row.rotated_to is not None:
        view["rotated_to"] = row.rotated_to
    return view


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key: the row to store and the secret to show once."""

    row: ApiKeyRow
    secret: str


def new_secret() -> str:
    """A random key of the form `xase_pk_` + 48 hex digits: 192 bits."""
    return f"xase_pk_{secrets.token_hex(24)}"


def mint(
    *,
    organisation: str,
    email: str,
    name: str,
    role: str | None,
    scopes: Sequence[str] = (),
    may_act_for: Sequence[str] = (),
    now_ms: int,
    expires_ms: int | None = None,
    secret: str | None = None,
) -> Minted:
    """A key with a new random secret, unless one is given; nothing is stored yet."""
    secret = secret or new_secret()
    row = ApiKeyRow(
        id=new_id("key"),
        organisation=organisation,
        email=email,
        name=name,
        role=role,
        scopes=tuple(sorted(scopes)),
        may_act_for=tuple(may_act_for),
        digest=digest_of(secret),
        display=f"{secret[:12]}…{secret[-4:]}",
        created_ms=now_ms,
        expires_ms=expires_ms,
    )
    return Minted(row, secret)


def append_key(
    who: Principal, row: ApiKeyRow, replaces: str | None = None, old_expires_ms: int | None = None
) -> Append:
    """The ledger entry of a key that comes into being; name and e-mail are committed to, not shown."""
    body: View = {"key_id": row.id, "scopes": sorted(principal_of(row).scopes)}
    body |= {name: value for name, value in (("role", row.role), ("replaces", replaces)) if value is not None}
    return make_append(
        identifier=row.id,
        type="key_created",
        stream=admin_stream(row.organisation),
        principal=who,
        body=body,
        parts={"email": row.email, "name": row.name, "principal": who.email},
        effect=KeyStored(row, replaces, old_expires_ms),
    )


class Keys:
    """Makes, lists, rotates and revokes the keys of the caller's organisation."""

    def __init__(self, ledger: Ledger, reader: Reader, seal: Seal, clock: Clock) -> None:
        self._ledger = ledger
        self._reader = reader
        self._seal = seal
        self._clock = clock

    async def create(self, who: Principal, wish: NewKey, once: Once | None) -> Outcome:
        """The new key with its secret, which no later answer repeats but an idempotent replay of this one."""
        earlier = await recall(self._reader, once)
        if once is not None and earlier is not None:
            return self._again(earlier, once)
        minted = self._mint(who, wish)
        return await self._store(minted, append_key(who, minted.row), once)

    async def rotate(self, who: Principal, identifier: str, wish: KeyRotation, once: Once | None) -> Outcome:
        """A new key with the same rights; the old one works on for the grace period."""
        earlier = await recall(self._reader, once)
        if once is not None and earlier is not None:
            return self._again(earlier, once)
        grace_ms = parse_duration(wish.grace, "grace", maximum_ms=_MAX_GRACE_MS)
        old = await self._one(who, identifier)
        now_ms = self._clock.now_ms()
        if old.revoked_ms is not None or old.rotated_to is not None:
            raise Refused("conflict", "This key was revoked or rotated before", {"resource": "key", "id": identifier})
        _refuse_widening(who, principal_of(old).scopes, "role")
        minted = mint(
            organisation=old.organisation,
            email=old.email,
            name=old.name,
            role=old.role,
            scopes=old.scopes,
            may_act_for=old.may_act_for,
            now_ms=now_ms,
            expires_ms=old.expires_ms,
        )
        ends_ms = min(now_ms + grace_ms, old.expires_ms or now_ms + grace_ms)
        return await self._store(minted, append_key(who, minted.row, old.id, ends_ms), once)

    async def revoke(self, who: Principal, identifier: str, once: Once | None) -> Outcome:
        """The key, which releases nothing more, and no longer works on any server within a second.

        Revoking again changes nothing.
        """
        replayed = await recall(self._reader, once) is not None

        async def attempt() -> bool:
            row = await self._one(who, identifier)
            if row.revoked_ms is not None:
                return replayed
            append = _append_revoked(who, row, self._clock.now_ms())
            # COMMIT POINT: no release that this key asks for can follow.
            committed = await self._ledger.append(Unit((append,), remember(once, Remembered(ids=[row.id]))))
            return isinstance(committed, Replayed)

        replayed = await until_it_stands(attempt)
        return Outcome(key_view(await self._one(who, identifier)), replayed=replayed)

    async def list(self, who: Principal, page: Page) -> tuple[Sequence[View], int, int | None]:
        """A page of the organisation's keys, newest first, how many there are, and where the next page begins.

        A place is how many older keys lie behind it: new ones come before, and none is ever removed.
        """
        rows = await self._reader.point(lambda reads: reads.keys(who.organisation))
        start = page.offset if page.after is None else len(rows) - page.after
        behind = len(rows) - start - page.limit
        return [key_view(row) for row in rows[start : start + page.limit]], len(rows), behind if behind > 0 else None

    async def get(self, who: Principal, identifier: str) -> View:
        """One key of the organisation; raises `not_found`."""
        return key_view(await self._one(who, identifier))

    async def _one(self, who: Principal, identifier: str) -> ApiKeyRow:
        def work(reads: Reads) -> ApiKeyRow | None:
            return next((row for row in reads.keys(who.organisation) if row.id == identifier), None)

        row = await self._reader.point(work)
        if row is None:
            raise not_found("key", identifier)
        return row

    def _mint(self, who: Principal, wish: NewKey) -> Minted:
        scopes = _wished_scopes(wish)
        _refuse_widening(who, scopes, "scopes" if wish.role is UNSET else "role")
        now_ms = self._clock.now_ms()
        return mint(
            organisation=who.organisation,
            email=wish.email or who.email,
            name=wish.name,
            role=wish.role or None,
            scopes=() if wish.role else sorted(scopes),
            may_act_for=wish.may_act_for or (),
            now_ms=now_ms,
            expires_ms=_future(wish.expires_at, now_ms) if wish.expires_at else None,
        )

    async def _store(self, minted: Minted, append: Append, once: Once | None) -> Outcome:
        answer = {**key_view(minted.row), "key": minted.secret}
        if once is None:
            await self._ledger.append(Unit((append,)))
            return Outcome(answer)
        claim = remember(once, Remembered(sealed=self._seal.seal(encode(answer), _context(once))))
        committed = await self._ledger.append(Unit((append,), claim))
        return self._again(remembered(committed), once) if isinstance(committed, Replayed) else Outcome(answer)

    def _again(self, earlier: Remembered, once: Once) -> Outcome:
        if earlier.sealed is UNSET:
            raise another_kind_of_request()
        return Outcome(decode(self._seal.open(earlier.sealed, _context(once))), replayed=True)


def _append_revoked(who: Principal, row: ApiKeyRow, now_ms: int) -> Append:
    identifier, ref = new_id("evt"), revoked_ref(row.id)
    revoked = ObjectRow(
        kind=ref.kind,
        id=ref.id,
        organisation=row.organisation,
        revision=1,
        document=identifier.encode(),
        created_ms=now_ms,
        status="REVOKED",
    )
    return make_append(
        identifier=identifier,
        type="key_revoked",
        stream=admin_stream(row.organisation),
        principal=who,
        body={"key_id": row.id},
        parts={"principal": who.email},
        effect=KeyRevoked(row.organisation, row.id, (revoked,)),
    )


def _context(once: Once) -> bytes:
    """What a remembered secret is sealed to, so that it opens for the same caller's same key only."""
    return f"{once.scope}/{once.key}".encode()


def _wished_scopes(wish: NewKey) -> frozenset[str]:
    problems = Problems()
    if (wish.role is UNSET) == (wish.scopes is UNSET):
        problems.add("role", "Give either role or scopes")
    for n, scope in enumerate(() if wish.scopes is UNSET else wish.scopes):
        if scope not in SCOPES:
            problems.add(f"scopes.{n}", "Unknown scope")
    problems.refuse_if_any()
    return ROLES[wish.role] if wish.role is not UNSET else frozenset(wish.scopes or ())


def _refuse_widening(who: Principal, scopes: frozenset[str], field: str) -> None:
    """A key can mint subsets of itself only."""
    beyond = sorted(scopes - who.scopes)
    if beyond:
        raise invalid_field(field, f"Beyond what this key may do itself: {', '.join(beyond)}")


def _future(text: str, now_ms: int) -> int:
    instant = parse_instant(text, "expires_at")
    if instant <= now_ms:
        raise invalid_field("expires_at", "Must lie in the future")
    return instant

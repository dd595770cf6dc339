"""Values stored as one column: payload parts, and what is only ever read whole."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Final

import msgspec
from msgspec import msgpack

from xase_server.domain.entries import ApiKeyRow, BundleRow, Part
from xase_server.storage.session import Row

_encode: Final = msgpack.Encoder().encode
_decode_parts: Final = msgpack.Decoder(dict[str, Part]).decode
_decode_bundle: Final = msgpack.Decoder(BundleRow).decode
_decode_key: Final = msgpack.Decoder(tuple[str, str, str | None, tuple[str, ...], tuple[str, ...], str]).decode
_key_detail: Final = attrgetter("email", "name", "role", "scopes", "may_act_for", "display")


def pack_parts(parts: Mapping[str, Part]) -> bytes:
    """Payload parts as one value to store."""
    return _encode(parts)


def unpack_parts(packed: bytes | None) -> dict[str, Part]:
    """The payload parts that `pack_parts` stored; none where nothing is stored, or nothing that can be read.

    A damaged payload must not keep its record from being read; the audit says that it is missing.
    """
    try:
        return _decode_parts(packed) if packed else {}
    except msgspec.DecodeError:
        return {}


def unpack_text(part: Part) -> str:
    """The value of a part that is a JSON string."""
    return msgspec.json.decode(part.canonical, type=str)


def pack_bundle(row: BundleRow) -> bytes:
    """A bundle's row, which never changes."""
    return _encode(row)


def unpack_bundle(packed: bytes) -> BundleRow:
    """The row that `pack_bundle` stored."""
    return _decode_bundle(packed)


def pack_key_detail(key: ApiKeyRow) -> bytes:
    """What never changes about an API key and is never searched for."""
    return _encode(_key_detail(key))


def unpack_key(row: Row) -> ApiKeyRow:
    """The API key of a row: id, organisation, digest, created, expires, revoked, last used, rotated to, detail."""
    identifier, organisation, digest, created_ms, expires_ms, revoked_ms, last_used_ms, rotated_to, detail = row
    email, name, role, scopes, may_act_for, display = _decode_key(detail)
    return ApiKeyRow(
        id=identifier,
        organisation=organisation,
        email=email,
        name=name,
        role=role,
        scopes=scopes,
        may_act_for=may_act_for,
        digest=digest,
        display=display,
        created_ms=created_ms,
        expires_ms=expires_ms,
        revoked_ms=revoked_ms,
        last_used_ms=last_used_ms,
        rotated_to=rotated_to,
    )

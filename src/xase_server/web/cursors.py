"""Cursors: where the next page of a list begins, in a form that callers can neither read nor forge.

A cursor is bound to the organisation and to the question (endpoint, filter, order); it holds no
server state, so it survives a restart and works on every server of one store.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct, error
from typing import Any, Final

from xase.proof.canonical import canonical
from xase_server.domain.errors import Refused
from xase_server.services.data import Place

_FORM: Final = Struct(">BQQ8s16s")
_PLACE: Final = Struct(">8sQQ")
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list: the row number after which it goes on, and how many rows lie before."""

    after: int
    offset: int


def question(endpoint: str, criteria: Mapping[str, Any]) -> bytes:
    """What a cursor is bound to, as eight bytes."""
    return sha256(canonical([endpoint, dict(criteria)])).digest()[:8]


class Cursors:
    """Makes and opens cursors under one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, organisation: str, asked: bytes, position: Position) -> str:
        """The cursor of a place in the answer to a question."""
        tag = self._tag(organisation, asked, position)
        packed = _FORM.pack(_VERSION, position.after, position.offset, asked, tag)
        return urlsafe_b64encode(packed).rstrip(b"=").decode()

    def open(self, text: str, organisation: str, asked: bytes) -> Position:
        """The place of a cursor; raises `invalid_cursor` for one that was changed, or made for another question."""
        try:
            packed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            version, after, offset, bound, tag = _FORM.unpack(packed)
        except (ValueError, error):
            raise _invalid("malformed") from None
        position = Position(after, offset)
        genuine = hmac.compare_digest(tag, self._tag(organisation, bound, position))
        if version != _VERSION or not genuine or self.make(organisation, bound, position) != text:
            raise _invalid("malformed")
        if bound != asked:
            raise _invalid("other_query")
        return position

    def _tag(self, organisation: str, asked: bytes, position: Position) -> bytes:
        place = _PLACE.pack(asked, position.after, position.offset)
        return hmac.digest(self._secret, place + organisation.encode(), sha256)[:16]


def _invalid(reason: str) -> Refused:
    return Refused("invalid_cursor", "The cursor cannot be used here", {"reason": reason})


# ---------------------------------------------------------------------------- in a session


_SESSION_FORM: Final = Struct(">B8sQ8s8s16s")
_SESSION_VERSION: Final = 2
_PREFIX: Final = "cursor_"
_BATCH: Final = "batch_"


class SessionCursors:
    """Cursors into the data of a session, bound to it and to the query; they hold where the query can be read again."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, session_id: str, place: Place) -> str:
        """The cursor of a place."""
        batch = bytes.fromhex(place.batch_id.removeprefix(_BATCH))
        body = _SESSION_FORM.pack(_SESSION_VERSION, _bound(session_id), place.position, batch, place.digest, b"")[:-16]
        return _written(body + self._tag(body))

    def open(self, text: str, session_id: str) -> Place:
        """The place of a cursor; raises `invalid_cursor` for one that was changed, or belongs to another session."""
        try:
            coded = text.removeprefix(_PREFIX)
            packed = urlsafe_b64decode(coded + "=" * (-len(coded) % 4))
            version, bound, position, batch, digest, tag = _SESSION_FORM.unpack(packed)
        except (ValueError, error):
            raise _invalid("malformed") from None
        if version != _SESSION_VERSION or not hmac.compare_digest(tag, self._tag(packed[:-16])):
            raise _invalid("malformed")
        if bound != _bound(session_id):
            raise _invalid("other_session")
        if _written(packed) != text:  # other texts are read as the same bytes
            raise _invalid("malformed")
        return Place(position, _BATCH + batch.hex(), digest)

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, body, sha256)[:16]


def _written(packed: bytes) -> str:
    return _PREFIX + urlsafe_b64encode(packed).rstrip(b"=").decode()


def _bound(session_id: str) -> bytes:
    return sha256(session_id.encode()).digest()[:8]

"""Ledger entries: how one is prepared, sealed in its place, and read again.

An entry's bytes are canonical JSON and never change; its hash is the RFC 6962 leaf hash of those
bytes and serves the stream's chain and the log's tree alike. The form is in docs/spec/evidence.md,
section 3.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from xase.proof.canonical import MAX_INTEGER, CanonicalError, canonical, is_common, parse_canonical, reread
from xase.proof.digest import ZERO_DIGEST, format_digest, is_digest, leaf_hash

VERSION: Final = 1
MAX_ENTRY_BYTES: Final = 65_535
"""The limit of a C2SP entry bundle, whose lengths are two bytes."""

MAX_ORIGIN_BYTES: Final = 255
FIRST_SEQUENCE: Final = 0
"""The place of a stream's first entry, the one whose `previous_hash` is ZERO_DIGEST."""

_ORIGIN: Final = re.compile(r"[^\s+\"\\\x00-\x1f\x7f\ud800-\udfff]+")  # a note's key name that JSON writes as it is
_PLACE_BYTES: Final = MAX_ORIGIN_BYTES + 200  # index, log, previous_hash, sequence and time, with their names
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z")
_DIGESTS: Final = re.compile(r"(?:sha256:[0-9a-f]{64}\n?)*")
_DIGEST_LINE: Final = len(ZERO_DIGEST) + 1
_FIELDS: Final = 12
_known: Final = itemgetter(
    "log", "stream", "type", "id", "time", "previous_hash", "sequence", "index", "v", "actor", "body", "commitments"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class EntryError(ValueError):
    """The bytes are not an entry, or the entry would not be one."""


def entry_digest(raw: bytes) -> str:
    """The hash of an entry, in text, from its canonical bytes."""
    return format_digest(leaf_hash(raw))


@lru_cache(maxsize=64)
def _second(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=64)
def format_time(ms: int) -> str:
    """An instant, in milliseconds since 1970 UTC, as `2025-01-15T14:32:00.000Z`."""
    second, rest = divmod(ms, 1000)
    return f"{_second(second)}.{rest:03d}Z"


def parse_time(text: str) -> int:
    """Milliseconds since 1970 UTC of exactly the form `format_time` writes; else ValueError."""
    if not _is_instant(text):
        raise ValueError("not a time: expected 2025-01-15T14:32:00.000Z")
    return (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND


class Prepared(NamedTuple):
    """An entry that lacks only its place. Made by `Draft.prepare`."""

    head: bytes
    stream: bytes
    tail: bytes

    def seal(self, *, log: str, index: int, sequence: int, time_ms: int, previous_hash: str) -> bytes:
        """The entry's canonical bytes in this place.

        Joins pieces that were made before, so that sealing a batch under the head lock is cheap.
        Equal, byte for byte, to `canonical` of the whole entry.
        """
        return b'%b%d,"log":%b,"previous_hash":"%b","sequence":%d%b%b%b' % (
            self.head,
            index,
            _origin(log),
            previous_hash.encode(),
            sequence,
            self.stream,
            format_time(time_ms).encode(),
            self.tail,
        )


@lru_cache(maxsize=64)
def _origin(log: str) -> bytes:
    if not _ORIGIN.fullmatch(log) or len(log.encode()) > MAX_ORIGIN_BYTES:
        raise EntryError(f"a log's origin has 1 to {MAX_ORIGIN_BYTES} bytes, no blanks, quotes, + or \\")
    return canonical(log)


class Draft(NamedTuple):
    """What a caller says of an entry; its place, time and links come with the commit.

    `body` holds what names no person; everything else is committed to in `commitments`
    (part name → digest).
    """

    type: str
    id: str
    stream: str
    actor: Mapping[str, str]
    body: Mapping[str, Any]
    commitments: Mapping[str, str] = MappingProxyType({})

    def prepare(self) -> Prepared:
        """Everything that can be made canonical before the place is known.

        Raises EntryError when the entry would be longer than MAX_ENTRY_BYTES or is not I-JSON, so
        that sealing cannot fail later in the middle of a batch.
        """
        try:
            return self._prepare()
        except CanonicalError as error:
            raise EntryError(str(error)) from error

    def _prepare(self) -> Prepared:
        said = {
            "actor": dict(self.actor),
            "body": dict(self.body),
            "commitments": dict(self.commitments),
            "id": self.id,
        }
        head = canonical(said)[:-1] + b',"index":'  # the place comes here: its names sort between `id` and `stream`
        stream, tail = _constant(self.stream, self.type)
        if len(head) + len(stream) + len(tail) + _PLACE_BYTES > MAX_ENTRY_BYTES:
            raise EntryError(f"an entry has at most {MAX_ENTRY_BYTES} bytes")
        return Prepared(head, stream, tail)


@lru_cache(maxsize=1024)
def _constant(stream: str, type: str) -> tuple[bytes, bytes]:
    """What is the same in all entries of this type in this stream."""
    return b',"stream":%b,"time":"' % canonical(stream), b'","type":%b,"v":%d}' % (canonical(type), VERSION)


@dataclass(frozen=True, slots=True)
class Entry:
    """A parsed entry: its canonical bytes and their meaning. Unknown fields stay in `fields`."""

    raw: bytes
    fields: Mapping[str, Any]

    @property
    def hash(self) -> str:
        """`sha256:` and the RFC 6962 leaf hash of `raw`."""
        return entry_digest(self.raw)

    @property
    def leaf(self) -> bytes:
        """The raw leaf hash."""
        return leaf_hash(self.raw)

    @property
    def log(self) -> str:
        """The origin of the log the entry was written to."""
        return str(self.fields["log"])

    @property
    def stream(self) -> str:
        """The chain the entry belongs to."""
        return str(self.fields["stream"])

    @property
    def sequence(self) -> int:
        """The place in the stream, from 0."""
        return int(self.fields["sequence"])

    @property
    def index(self) -> int:
        """The place in the whole log, from 0."""
        return int(self.fields["index"])

    @property
    def type(self) -> str:
        """What happened: `decision`, `intervention` and so on."""
        return str(self.fields["type"])

    @property
    def id(self) -> str:
        """The id of the object the entry brought into being."""
        return str(self.fields["id"])

    @property
    def time(self) -> str:
        """The instant, as written."""
        return str(self.fields["time"])

    @property
    def time_ms(self) -> int:
        """The instant, in milliseconds since 1970 UTC."""
        return parse_time(self.time)

    @property
    def actor(self) -> Mapping[str, str]:
        """Who acted: organisation and key."""
        actor: Mapping[str, str] = self.fields["actor"]
        return actor

    @property
    def body(self) -> Mapping[str, Any]:
        """What was said openly."""
        body: Mapping[str, Any] = self.fields["body"]
        return body

    @property
    def commitments(self) -> Mapping[str, str]:
        """Part name → digest of what was said behind a commitment."""
        commitments: Mapping[str, str] = self.fields["commitments"]
        return commitments

    @property
    def previous_hash(self) -> str:
        """The hash of the stream's entry before this one."""
        return str(self.fields["previous_hash"])


def parse_entry(raw: bytes) -> Entry:
    """The entry that `raw` is.

    Raises EntryError unless `raw` is canonical, no longer than MAX_ENTRY_BYTES, of version 1, and every known field is
    there with its type.
    """
    if len(raw) > MAX_ENTRY_BYTES:
        raise EntryError(f"an entry has at most {MAX_ENTRY_BYTES} bytes")
    fields = reread(raw)
    if fields is not None and raw.isascii() and _is_well_typed(fields) and _is_plain(fields):
        return Entry(raw, fields)
    return _parse_entry(raw)


def _is_plain(fields: Any) -> bool:
    """Whether only the body of a well-typed entry could hold anything uncommon, and does not."""
    return len(fields) == _FIELDS and is_common(fields["body"]) and fields["sequence"] <= MAX_INTEGER >= fields["index"]


def _parse_entry(raw: bytes) -> Entry:
    try:
        fields = parse_canonical(raw)
    except CanonicalError as error:
        raise EntryError(str(error)) from error
    if not _is_well_typed(fields):
        raise EntryError(_fault(fields))
    return Entry(raw, fields)


def _is_well_typed(fields: Any) -> bool:
    """Whether every known field is there with its type: one pass for the many, `_fault` names the few."""
    try:
        log, stream, kind, name, time, previous, sequence, index, version, actor, body, commitments = _known(fields)
        digests = "\n".join((previous, *commitments.values()))
        return (
            type(log) is type(stream) is type(kind) is type(name) is type(time) is str
            and "" not in (log, stream, kind, name)
            and type(sequence) is type(index) is type(version) is int
            and (sequence >= 0 <= index)
            and version == VERSION
            and type(body) is type(actor) is type(commitments) is dict
            and "".join(actor.values()) is not None  # a join refuses all but strings
            and len(digests) == _DIGEST_LINE * len(commitments) + _DIGEST_LINE - 1
            and _DIGESTS.fullmatch(digests) is not None
            and _is_instant(time)
        )
    except (KeyError, TypeError, AttributeError):
        return False


def _is_instant(text: str) -> bool:
    return _TIME.fullmatch(text) is not None and _is_day(text[:10])


@lru_cache(maxsize=1024)
def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_texts(value: Any) -> bool:
    return type(value) is dict and all(type(item) is str for item in value.values())


_CHECKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("log", "stream", "type", "id"), lambda value: type(value) is str and value != ""),
    **dict.fromkeys(("sequence", "index"), lambda value: type(value) is int and value >= 0),
    "time": lambda value: type(value) is str and _is_instant(value),
    "previous_hash": is_digest,
    "v": lambda value: type(value) is int and value == VERSION,
    "actor": _is_texts,
    "body": lambda value: type(value) is dict,
    "commitments": lambda value: type(value) is dict and all(map(is_digest, value.values())),
}


def _fault(fields: Any) -> str:
    """What is wrong with an entry that is not well typed, in one clause."""
    if type(fields) is not dict:
        return "not an object"
    missing = [f"field {name} is missing" for name in _CHECKS if name not in fields]
    malformed = [f"field {name} is malformed" for name, is_well in _CHECKS.items() if not is_well(fields.get(name))]
    return (missing + malformed)[0]

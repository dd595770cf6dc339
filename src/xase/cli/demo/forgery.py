"""A forger's work: a copy of the evidence in which the model was surer than it was. One digit is another."""

from dataclasses import dataclass
from io import BytesIO
from typing import Final
from zipfile import ZipFile

_ENTRIES: Final = "entries.ndjson"
_LOCAL_HEADER_BYTES: Final = 30
_CONFIDENCE: Final = b'"confidence":0.'


@dataclass(frozen=True, slots=True)
class Forgery:
    """The forged bundle, and what stands in it where something else stood."""

    bundle: bytes
    place: int
    was: str
    now: str


def overstate(bundle: bytes, record_id: str) -> Forgery:
    """Change the first digit of one record's confidence, in place: nothing else in the archive moves."""
    entries, begin = _entries(bundle)
    marked = b'"id":"%b"' % record_id.encode()
    line = next(line for line in entries.splitlines(keepends=True) if marked in line)
    at = begin + entries.index(line) + line.index(_CONFIDENCE) + len(_CONFIDENCE)
    forged = bytearray(bundle)
    forged[at] = ord("9") if forged[at] != ord("9") else ord("8")
    word = slice(at - 2, at + 5)  # 0. and the digits that follow
    return Forgery(bytes(forged), at, _number(bundle[word]), _number(bytes(forged[word])))


def _entries(bundle: bytes) -> tuple[bytes, int]:
    """The entries, and where they begin in the archive; members of a bundle are stored as they are."""
    with ZipFile(BytesIO(bundle)) as archive:
        member = archive.getinfo(_ENTRIES)
        return archive.read(_ENTRIES), member.header_offset + _LOCAL_HEADER_BYTES + len(_ENTRIES)


def _number(text: bytes) -> str:
    """The digits up to what ends them."""
    return text.split(b",")[0].split(b"}")[0].decode()

"""Archives: zip files of which there is exactly one for given files.

Members are stored, not compressed (compressors differ, and what is not compressed is no bomb), sorted by name, dated
1980-01-01, without extra fields or comments. Reading accepts only what writing would have made: a plain zip reader
passes over thousands of one-bit changes. The layout is in docs/spec/evidence.md, section 6.
"""

import re
from binascii import crc32
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from struct import Struct, error
from typing import Final

_LOCAL: Final = Struct("<4s5H3I2H")
_CENTRAL: Final = Struct("<4s6H3I5H2I")
_END: Final = Struct("<4s4H2IH")
_LOCAL_MARK: Final = b"PK\x03\x04"
_CENTRAL_MARK: Final = b"PK\x01\x02"
_END_MARK: Final = b"PK\x05\x06"

_NEEDS: Final = 20  # what a reader must know: version 2.0
_MADE_BY: Final = 0x0314  # Unix, version 2.0: so that modes mean something
_MODE: Final = 0o100644 << 16
_DATE: Final = 0x0021  # 1980-01-01, the first date there is
_STORED: Final = 0

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")


class Unreadable(ValueError):
    """The bytes are no archive, or larger than the limits allow: nothing can be said about them."""


class ArchiveError(ValueError):
    """The bytes are an archive, but not one that was written here; `place` names the member, if one is to blame."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, slots=True)
class Limits:
    """The most a reader takes on. A verification's memory stays within 512 MiB and eight times the bundle's size."""

    max_bytes: int = 512 * 1024 * 1024
    max_files: int = 10_000
    max_name_bytes: int = 200
    max_manifest_bytes: int = 2 * 1024 * 1024
    max_entries: int = 250_000
    max_parts: int = 2_500_000
    max_part_bytes: int = 4 * 1024 * 1024
    max_findings: int = 100


@dataclass(frozen=True, slots=True)
class Archive:
    """The members of an archive, by name, and the names of those whose checksum does not match."""

    files: Mapping[str, bytes]
    damaged: tuple[str, ...] = field(default=())


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """The one archive of these files; raises ArchiveError for a name that could leave it."""
    for name in files:
        _check_name(name)
    return b"".join(_pieces(files))


def _pieces(files: Mapping[str, bytes]) -> Iterator[bytes]:
    """The archive's bytes, piece by piece."""
    directory: list[bytes] = []
    at = 0
    for name in sorted(files):
        data, encoded = files[name], name.encode()
        middle = (_NEEDS, 0, _STORED, 0, _DATE, crc32(data), len(data), len(data), len(encoded), 0)
        yield _LOCAL.pack(_LOCAL_MARK, *middle) + encoded
        yield data
        directory.append(_CENTRAL.pack(_CENTRAL_MARK, _MADE_BY, *middle, 0, 0, 0, _MODE, at) + encoded)
        at += _LOCAL.size + len(encoded) + len(data)
    yield from directory
    yield _END.pack(_END_MARK, 0, 0, len(directory), len(directory), sum(map(len, directory)), at, 0)


def read_archive(data: bytes, limits: Limits) -> Archive:
    """The members of an archive that `write_archive` made, or that differs from such a one only inside members.

    Raises Unreadable for what is no archive or over the limits, ArchiveError for any other archive.
    """
    if len(data) > limits.max_bytes:
        raise Unreadable(f"larger than {limits.max_bytes} bytes")
    if len(data) < _END.size or not data.startswith((_LOCAL_MARK, _END_MARK)):
        raise Unreadable("not a zip archive")
    mark, _, _, _, count, _, start, _ = _END.unpack_from(data, len(data) - _END.size)
    if mark != _END_MARK:
        raise Unreadable("not a zip archive, or cut short")
    if count > limits.max_files:
        raise Unreadable(f"more than {limits.max_files} files")
    try:
        files = _read_members(data, start, count, limits)
    except error as fault:
        raise Unreadable("the archive's directory is cut short") from fault
    return Archive(files, _compare(data, files))


def _read_members(data: bytes, start: int, count: int, limits: Limits) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    at, expected = start, 0
    for _ in range(count):
        header = _CENTRAL.unpack_from(data, at)
        method, size, name_length, offset = header[4], header[9], header[10], header[16]
        name = _member_name(data[at + _CENTRAL.size : at + _CENTRAL.size + name_length], files, limits)
        if method != _STORED:
            raise ArchiveError("is compressed; members of a bundle are stored", name)
        begin = expected + _LOCAL.size + name_length
        if offset != expected or begin + size > start:
            raise ArchiveError("does not lie where it should", name)
        files[name] = data[begin : begin + size]
        expected = begin + size
        at += _CENTRAL.size + name_length + header[11] + header[12]
    return files


def _member_name(encoded: bytes, files: Mapping[str, bytes], limits: Limits) -> str:
    name = encoded.decode("ascii", "backslashreplace")
    if len(encoded) > limits.max_name_bytes:
        raise ArchiveError("a member's name is too long")
    _check_name(name)
    if name in files:
        raise ArchiveError("two members have this name", name)
    return name


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ArchiveError("a member's name is not a plain path inside the archive", name)


def _compare(data: bytes, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """The members whose recorded checksum is false; ArchiveError when anything else differs from the one archive."""
    view, at = memoryview(data), 0
    damaged: list[str] = []
    names = sorted(files)
    pieces = _pieces(files)
    for name in names:
        header = next(pieces)
        found = bytes(view[at : at + len(header)])
        if found != header:
            if _without_checksum(found) != _without_checksum(header):
                raise ArchiveError("its header is not the one it should have", name)
            damaged.append(name)
        at += len(header) + len(next(pieces))
    rest = b"".join(pieces)
    if not damaged and view[at:] != rest:
        raise ArchiveError("the archive is not the one these files make")
    return tuple(damaged)


def _without_checksum(header: bytes) -> bytes:
    return header[:14] + header[18:]

"""Named storage roots: which file a registration may name."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from xase_server.domain.errors import Refused, invalid_field

DEFAULT: Final = "data"
_MOST_BYTES: Final = 1024
_REFUSED_CHARACTERS: Final = frozenset('*?[]\\\0"<>|')


class Roots:
    """The folders that sources may lie below, by name."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = dict(folders)

    def resolve(self, source: str) -> Path:
        """The regular file that `ROOT/path/below`, or `path/below` under the root `data`, names.

        No part of it may be a link. Raises Refused, alike for every reason, so that nothing is learnt
        about what else lies on this machine.
        """
        parts = source.split("/")
        if not _harmless(source, parts):
            raise _refused()
        folder = self._folders.get(parts[0]) if len(parts) > 1 else None
        if folder is None:
            folder = self._folders.get(DEFAULT)
        else:
            parts = parts[1:]
        if folder is None or not _is_file_below(folder, parts):
            raise _refused()
        return folder.joinpath(*parts)


def _harmless(source: str, parts: list[str]) -> bool:
    try:
        size = len(source.encode())
    except UnicodeEncodeError:
        return False
    return (
        size <= _MOST_BYTES
        and not _REFUSED_CHARACTERS & set(source)
        and all(part not in {"", ".", ".."} and not part.startswith("~") and part.isprintable() for part in parts)
        and not parts[0].endswith(":")
    )


def _is_file_below(folder: Path, parts: list[str]) -> bool:
    """Whether a readable regular file is there, each step taken from the folder before and never through a link."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        file = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=descriptor)
        try:
            return stat.S_ISREG(os.fstat(file).st_mode)
        finally:
            os.close(file)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _refused() -> Refused:
    return invalid_field("source", "No such file under a storage root")

"""What an audit finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

_MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be: at which entry, with which id ("" where none is known), and what."""

    index: int
    id: str
    message: str


class Findings:
    """Collects findings; of very many only the first are kept, so that a ruined store cannot fill the memory."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self._more = 0

    def add(self, index: int, identifier: str, message: str) -> None:
        """Note a finding."""
        if len(self._found) < _MOST:
            self._found.append(Finding(index, identifier, message))
        else:
            self._more += 1

    @property
    def found(self) -> Sequence[Finding]:
        """All that were kept, in the order of the log, and how many were not."""
        kept = sorted(self._found, key=attrgetter("index"))
        return [*kept, Finding(kept[-1].index, "", f"and {self._more} more findings")] if self._more else kept

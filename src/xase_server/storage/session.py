"""What a database offers to the code that is the same for both: run named statements."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

Row = tuple[Any, ...]


class Session(Protocol):
    """One open transaction. Statements are those of `xase_server.storage.statements`.

    A refused constraint raises `Unwritable`; any other failure `StorageUnavailable`.
    """

    def rows(self, name: str, /, **values: Any) -> Sequence[Row]:
        """All rows of one statement; a set of values is given as a list."""
        ...

    def find(self, name: str, keys: Iterable[Row]) -> Sequence[Row]:
        """The rows found for a set of keys, in no particular order; unknown keys are left out."""
        ...

    def many(self, name: str, rows: Sequence[Row]) -> None:
        """Write a set of rows; a refusal may be raised by a later call."""
        ...

    def run(self, name: str, /, **values: Any) -> None:
        """Run one writing statement; a refusal may be raised by a later call."""
        ...

    def change(self, name: str, /, **values: Any) -> int:
        """Run one writing statement; gives how many rows it changed."""
        ...

    def advance_head(self, **values: Any) -> None:
        """Run the statement of this name; unless it changes the one row, nothing is committed."""
        ...

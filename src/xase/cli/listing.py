"""Lists that commands show in part: the first so many of all that match."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from xase.cli.output import emit, note, show_table

if TYPE_CHECKING:
    from xase._client._sync.paging import Listing

Limit = Annotated[int, typer.Option(min=1, help="How many at most; more than a page is fetched page by page.")]
Offset = Annotated[int, typer.Option(min=0, help="How many to skip.")]

MOST_ON_A_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a list is wanted, and whether as JSON."""

    limit: int
    offset: int
    as_json: bool

    @property
    def paging(self) -> dict[str, Any]:
        """The part as a listing of the client is asked for it."""
        return {"limit": min(self.limit, MOST_ON_A_PAGE), "offset": self.offset}

    def show(self, listing: "Listing[Any]", columns: Sequence[str], row: Callable[[Any], Sequence[Any]]) -> None:
        """The part as JSON, or as a table of what `row` makes of each object, with how many there are."""
        found = [each.to_dict() for each in islice(listing, self.limit)]
        if self.as_json:
            emit({"data": found, "total": listing.total, "limit": self.limit, "offset": self.offset})
            return
        show_table(columns, map(row, found))
        note(f"{len(found)} of {listing.total}")

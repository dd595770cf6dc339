"""`xase usage`: what was used."""

from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from xase.cli.connection import AsJson, BaseUrl, KeyFile, connect
from xase.cli.listing import Limit, Offset, Part

app = typer.Typer(rich_markup_mode=None, add_completion=False)


class Grouping(StrEnum):
    """What each sum is of."""

    DATASET = "dataset"
    SESSION = "session"
    MODEL = "model"
    DAY = "day"


_AMOUNTS: Final = ("sessions", "records", "operations")
_COLUMNS: Final = {
    Grouping.DATASET: ("dataset_id", *_AMOUNTS, "queries", "bytes", "hours"),
    Grouping.SESSION: ("session_id", "dataset_id", "organisation", *_AMOUNTS[1:], "queries", "bytes", "hours"),
    Grouping.MODEL: ("model_id", "organisation", *_AMOUNTS),
    Grouping.DAY: ("day", *_AMOUNTS, "queries", "hours"),
}


@app.command()
def usage(
    *,
    by: Annotated[Grouping, typer.Option(help="What each sum is of.", case_sensitive=False)] = Grouping.DATASET,
    start_date: Annotated[str | None, typer.Option(metavar="DATE", help="From this date or time on.")] = None,
    end_date: Annotated[str | None, typer.Option(metavar="DATE", help="Up to this time, or with this day.")] = None,
    limit: Limit = 20,
    offset: Offset = 0,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Sum up what the organisation's sessions used, and those of others on its datasets."""
    part, columns = Part(limit, offset, as_json), _COLUMNS[by]

    def row(sum_: dict[str, Any]) -> list[Any]:
        return [round(value, 2) if isinstance(value, float) else value for value in map(sum_.get, columns)]

    with connect(base_url, key_file) as client:
        listing = client.usage.list(group_by=by.value, start_date=start_date, end_date=end_date, **part.paging)
        part.show(listing, columns, row)

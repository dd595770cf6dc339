"""`report.html`: the account as a page that stands alone. No script, nothing from elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from xase_server.services.report.blocks import Account, Code, Strong, Text

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

WIDTH: Final = 720
HEIGHT: Final = 120
LANE: Final = 26
_GAP: Final = 0.1


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a picture, in pixels from the bottom left."""

    label: str
    count: int
    x: float
    width: float
    height: float


def as_page(account: Account) -> bytes:
    """The page, as UTF-8 HTML."""
    return _template().render(account=account, width=WIDTH, height=HEIGHT, lane=LANE).encode()


def columns_of(counts: Sequence[tuple[str, int]], height: float) -> list[Column]:
    """The columns of a picture `WIDTH` wide; the highest fills the height, and none that counts is invisible."""
    if not counts:
        return []
    top = max(count for _, count in counts) or 1
    step = WIDTH / len(counts)
    return [
        Column(
            label,
            count,
            round(n * step + step * _GAP, 2),
            round(step * (1 - 2 * _GAP), 2),
            round(max(height * count / top, 2), 2) if count else 0,
        )
        for n, (label, count) in enumerate(counts)
    ]


def _lane(counts: Sequence[int]) -> list[Column]:
    return [column for column in columns_of([("", count) for count in counts], LANE) if column.count]


def _text(text: Text) -> "Markup":
    """A sentence whose pieces stand out as they should; everything in it is escaped."""
    from markupsafe import Markup

    return Markup("").join(_piece(each) for each in text)


def _piece(piece: str) -> "Markup":
    from markupsafe import Markup, escape

    if isinstance(piece, Code):
        return Markup("<code>{}</code>").format(piece)
    return Markup("<strong>{}</strong>").format(piece) if isinstance(piece, Strong) else escape(piece)


def _kind(block: Any) -> str:
    return type(block).__name__.lower()


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("xase_server.services.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"text": _text, "kind": _kind, "columns": columns_of, "lane": _lane}
    return environment.get_template("report.html")

"""`report.pdf`: the account as a typeset document. The same account makes the same bytes: no clock, no chance."""

from functools import cache
from io import BytesIO
from threading import Lock
from typing import Any, Final

from xase_server.services.report import blocks
from xase_server.services.report.blocks import Account, Block, Chapter, Code, Kind, Strong, Text
from xase_server.services.report.typefaces import BOLD, MONO, PLAIN, marked, typefaces

_INK, _SOFT, _LINE, _TINT, _ACCENT = "#17202a", "#586472", "#dde3e9", "#f5f7f9", "#0b6e6e"
_MARGIN: Final = 54.0
_WIDTH: Final = 595.27 - 2 * _MARGIN
_BARS, _LANE, _LANE_NAME = 70.0, 14.0, 84.0
_LEAST, _MOST = 7, 40
_ROOM: Final = 90.0  # a heading with less than this below it goes to the next page
_one_at_a_time = Lock()  # the library's registry of fonts belongs to the whole process


def as_paper(account: Account) -> bytes:
    """The document, as PDF on A4."""
    from xase_server.services.report.sheet import Sheet

    buffer = BytesIO()
    with _one_at_a_time:
        typefaces()
        sheet = Sheet(buffer, account, margin=_MARGIN, font=PLAIN, colour=_SOFT)
        sheet.build(_flow(account))
    return buffer.getvalue()


@cache
def _style(size: float = 9, font: str = PLAIN, colour: str = _INK, **more: float) -> Any:
    from reportlab.lib.styles import ParagraphStyle

    given = {"leading": size * 1.42, "spaceAfter": size * 0.5} | more
    return ParagraphStyle("", fontName=font, fontSize=size, textColor=_colour(colour), **given)


def _words(text: Text) -> str:
    """A sentence in the library's markup."""
    return "".join(map(_piece, text))


def _piece(piece: str) -> str:
    if isinstance(piece, Code):
        return f'<font face="{MONO}">{marked(piece, MONO)}</font>'
    if isinstance(piece, Strong):
        return f'<font face="{BOLD}">{marked(piece, BOLD)}</font>'
    return marked(piece)


def _line(text: Text, style: Any = None) -> Any:
    from reportlab.platypus import Paragraph

    return Paragraph(_words(text), style or _style())


def _flow(account: Account) -> list[Any]:
    flow = [
        _line(("Xase evidence bundle",), _style(9, colour=_SOFT)),
        _line((account.title,), _style(20, BOLD, spaceAfter=4)),
        _line(account.made, _style(9, colour=_SOFT, spaceAfter=10)),
        *(each for block in account.lead for each in _set(block)),
    ]
    for chapter in account.chapters:
        flow += _chapter(chapter)
    return flow


def _chapter(chapter: Chapter) -> list[Any]:
    from reportlab.platypus import CondPageBreak, HRFlowable

    rule = HRFlowable(width="100%", thickness=0.6, color=_LINE, spaceBefore=12, spaceAfter=9)
    heading = _line(chapter.title, _style(13, BOLD))
    heading.outline = "".join(chapter.title)
    flow = [CondPageBreak(_ROOM), rule, heading, *(each for block in chapter.blocks for each in _set(block))]
    for section in chapter.sections:
        flow += [CondPageBreak(_ROOM), _line((section.title,), _style(9.5, BOLD, spaceBefore=8))]
        flow += [each for block in section.blocks for each in _set(block)]
    return flow


def _set(block: Block) -> list[Any]:
    """One block, as what the library flows over pages."""
    match block:
        case blocks.Paragraph():
            return [_line(block.text, _style(8.5, colour=_SOFT) if block.soft else None)]
        case blocks.Numbers():
            return [_boxes(block.figures, size=14)]
        case blocks.Path():
            return [_boxes(block.stages, size=8, arrows=True)]
        case blocks.Bars():
            return [_bars(block.counts), _ends(block.ends), _line((block.about,), _style(8, colour=_SOFT))]
        case blocks.Lanes():
            return [_lanes(block), _ends(block.ends, indent=_LANE_NAME)]
        case blocks.Table():
            return _table(block)
        case blocks.Rules():
            return _rules(block)
        case blocks.Commands():
            return [_commands(block)]


def _boxes(pairs: Any, *, size: float, arrows: bool = False) -> Any:
    from reportlab.platypus import Table

    gap = 18.0 if arrows else 8.0
    width = (_WIDTH - gap * (len(pairs) - 1)) / len(pairs)
    cells: list[Any] = []
    for name, value in pairs:
        label = _line((name,), _style(7.5, colour=_SOFT, spaceAfter=1))
        cells += [[label, _line((Strong(value),), _style(size, spaceAfter=0))], _arrow(size) if arrows else ""]
    widths = [width, gap] * (len(pairs) - 1) + [width]
    styles = [each for place in range(0, len(widths), 2) for each in _boxed((place, 0), (place, 0))]
    return Table([cells[:-1]], colWidths=widths, style=[*styles, ("VALIGN", (0, 0), (-1, -1), "MIDDLE")], spaceAfter=8)


def _boxed(begin: tuple[int, int], end: tuple[int, int]) -> list[Any]:
    return [
        ("BACKGROUND", begin, end, _TINT),
        ("BOX", begin, end, 0.5, _LINE),
        ("LEFTPADDING", begin, end, 7),
        ("RIGHTPADDING", begin, end, 5),
        ("TOPPADDING", begin, end, 5),
        ("BOTTOMPADDING", begin, end, 6),
    ]


def _arrow(size: float) -> Any:
    return _line(("→",), _style(size + 2, colour=_ACCENT, leftIndent=-2, spaceAfter=0))


def _bars(counts: Any) -> Any:
    from reportlab.graphics.shapes import Drawing, Line

    drawing = Drawing(_WIDTH, _BARS)
    _columns(drawing, [count for _, count in counts], (0, 0, _WIDTH, _BARS))
    drawing.add(Line(0, 0, _WIDTH, 0, strokeColor=_colour(_LINE), strokeWidth=0.6))
    return drawing


def _lanes(block: blocks.Lanes) -> Any:
    from reportlab.graphics.shapes import Drawing, Line, String

    step = _LANE + 6
    drawing = Drawing(_WIDTH, step * len(block.lanes))
    for number, (name, counts) in enumerate(reversed(block.lanes)):
        base = number * step
        drawing.add(String(0, base + 3, name, fontName=PLAIN, fontSize=8, fillColor=_colour(_SOFT)))
        _columns(drawing, counts, (_LANE_NAME, base, _WIDTH - _LANE_NAME, _LANE))
        drawing.add(Line(_LANE_NAME, base, _WIDTH, base, strokeColor=_colour(_LINE), strokeWidth=0.6))
    return drawing


def _columns(drawing: Any, counts: Any, box: tuple[float, float, float, float]) -> None:
    from reportlab.graphics.shapes import Rect

    x, y, width, height = box
    top, step = max(counts, default=0) or 1, width / max(len(counts), 1)
    for number, count in enumerate(counts):
        if count:
            tall = max(height * count / top, 1)
            bar = Rect(x + (number + 0.1) * step, y, step * 0.8, tall, fillColor=_colour(_ACCENT), strokeColor=None)
            drawing.add(bar)


@cache
def _colour(name: str) -> Any:
    from reportlab.lib.colors import HexColor

    return HexColor(name)


def _ends(ends: tuple[str, str], *, indent: float = 0) -> Any:
    from reportlab.platypus import Table

    row = [_line((each,), _style(7.5, colour=_SOFT, alignment=side)) for each, side in zip(ends, (0, 2), strict=True)]
    width = (_WIDTH - indent) / 2
    none = (
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
    )
    return Table([["", *row]], colWidths=[indent, width, width], style=none)


def _table(table: blocks.Table) -> list[Any]:
    from reportlab.platypus import LongTable

    head = [_line((name,), _cell(kind, BOLD, _SOFT)) for name, kind in table.columns]
    kinds = [kind for _, kind in table.columns]
    rows = [[_value(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in table.rows]
    style = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-2, -1), 10),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 2.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ]
    set_out = [LongTable([head, *rows], colWidths=_widths(table), style=style, repeatRows=1, spaceAfter=6)]
    if table.is_cut:
        said = f"The first {len(table.rows):,} of {table.total:,}; all are in the bundle's files."
        set_out.append(_line((said,), _style(8, colour=_SOFT)))
    return set_out


def _value(value: str, kind: Kind) -> Any:
    return _line((Code(value) if kind is Kind.CODE else value,), _cell(kind))


def _cell(kind: Kind, font: str = PLAIN, colour: str = _INK) -> Any:
    return _style(7.5, font, colour, spaceAfter=0, alignment=2 if kind is Kind.NUMBER else 0)


def _widths(table: blocks.Table) -> list[float]:
    """Wide columns for long values, as far as there is room."""
    longest = [
        max(_LEAST, min(_MOST, max((len(row[place]) for row in table.rows), default=0)), len(name))
        for place, (name, _) in enumerate(table.columns)
    ]
    return [_WIDTH * each / sum(longest) for each in longest]


def _rules(rules: blocks.Rules) -> list[Any]:
    outer = _style(9, leftIndent=10, bulletIndent=0, spaceAfter=2)
    inner = _style(8.5, colour=_SOFT, leftIndent=22, bulletIndent=12, spaceAfter=1.5)
    flow = []
    for sentence, more in rules.sentences:
        flow.append(_bullet(sentence, outer))
        flow += [_bullet(each, inner) for each in more]
    return flow


def _bullet(sentence: str, style: Any) -> Any:
    from reportlab.platypus import Paragraph

    return Paragraph(_words((sentence,)), style, bulletText="•")


def _commands(commands: blocks.Commands) -> Any:
    from reportlab.platypus import Table

    style = _style(7.5, MONO, spaceAfter=2)
    lines = [_line((Code(line),), style) for line in commands.lines]
    return Table([[lines]], colWidths=[_WIDTH], style=_boxed((0, 0), (-1, -1)), spaceAfter=8)

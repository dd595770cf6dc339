"""The sheets of `report.pdf`: A4 with a foot on each, chapters in the reader's outline, and dates that never change."""

from typing import Any, BinaryIO

from reportlab.lib.pagesizes import A4
from reportlab.platypus import SimpleDocTemplate

from xase_server.services.report.blocks import Account

_FOOT = 30.0
_PADDING = 6.0  # what the library leaves free within its margins


class Sheet(SimpleDocTemplate):  # type: ignore[misc] # the library has no types
    """The document of one account; `build` writes it."""

    def __init__(self, to: BinaryIO, account: Account, *, margin: float, font: str, colour: str) -> None:
        sides = dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), margin - _PADDING)
        about = {"title": f"Evidence {account.bundle_id}", "author": "Xase", "subject": account.title, "lang": "en"}
        super().__init__(to, pagesize=A4, invariant=1, initialFontName=font, pageCompression=1, **sides, **about)
        self._foot = (account.bundle_id, font, colour, margin)
        self._chapters = 0

    def build(self, flowables: list[Any]) -> None:
        """Write the document."""
        super().build(flowables, onFirstPage=self._draw_foot, onLaterPages=self._draw_foot)

    def _draw_foot(self, canvas: Any, document: Any) -> None:
        name, font, colour, margin = self._foot
        canvas.setFont(font, 7)
        canvas.setFillColor(colour)
        canvas.drawString(
            margin, _FOOT, f"Evidence bundle {name} · a report proves nothing by itself: verify the bundle"
        )
        canvas.drawRightString(A4[0] - margin, _FOOT, f"{document.page}")

    def afterFlowable(self, flowable: Any) -> None:  # noqa: N802 - the library's name
        """Put each chapter's heading into the outline."""
        if hasattr(flowable, "outline"):
            self._chapters += 1
            name = f"chapter-{self._chapters}"
            self.canv.bookmarkPage(name)
            self.canv.addOutlineEntry(flowable.outline, name, 0)

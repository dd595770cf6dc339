"""Documentation pages as the tests see them: links, headings, and fenced blocks with their info strings."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPOSITORY

FENCE = re.compile(r"^(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(?P<title>.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block: the words after the fence, its text, and where it starts."""

    words: tuple[str, ...]
    body: str
    line: int

    @property
    def language(self) -> str:
        return self.words[0] if self.words else ""


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(REPOSITORY))

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def blocks(self) -> list[Block]:
        text = self.text
        return [
            Block(tuple(found["info"].split()), found["body"], text.count("\n", 0, found.start()) + 1)
            for found in FENCE.finditer(text)
        ]

    @property
    def links(self) -> list[str]:
        return [found["target"] for found in LINK.finditer(FENCE.sub("", self.text))]

    @property
    def anchors(self) -> set[str]:
        """The anchors that the usual Markdown renderers give to headings."""
        seen: dict[str, int] = {}
        anchors = set()
        for found in HEADING.finditer(FENCE.sub("", self.text)):
            words = re.sub(r"[^\w\- ]", "", found["title"].lower()).replace(" ", "-")
            count = seen.get(words, 0)
            seen[words] = count + 1
            anchors.add(f"{words}-{count}" if count else words)
        return anchors


def pages() -> list[Page]:
    """Every page a reader may open: those at the root and those under docs/."""
    return [Page(path) for path in [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").rglob("*.md"))]]

"""Every link inside the documentation leads somewhere, and every page can be reached."""

import pytest

from tests.conftest import REPOSITORY
from tests.docs.pages import Page, pages


def is_local(target: str) -> bool:
    return "://" not in target and not target.startswith("mailto:")


@pytest.mark.parametrize("page", pages(), ids=str)
def test_every_link_and_anchor_leads_somewhere(page):
    broken = []
    for target in filter(is_local, page.links):
        file, _, anchor = target.partition("#")
        destination = (page.path.parent / file).resolve() if file else page.path
        if not destination.exists() or (anchor and anchor not in Page(destination).anchors):
            broken.append(target)
    assert broken == []


def test_every_page_can_be_reached_from_the_readme():
    start = REPOSITORY / "README.md"
    seen, waiting = {start}, [start]
    while waiting:
        page = Page(waiting.pop())
        for target in filter(is_local, page.links):
            destination = (page.path.parent / target.partition("#")[0]).resolve()
            if destination.suffix == ".md" and destination.exists() and destination not in seen:
                seen.add(destination)
                waiting.append(destination)
    assert [str(page) for page in pages() if page.path not in seen] == []


def test_every_page_starts_with_its_title():
    assert [str(page) for page in pages() if not page.text.startswith("# ")] == []

"""README and tutorial do what they say: every block marked `run` is executed, in order, against a real server."""

import pytest

from tests.conftest import REPOSITORY
from tests.docs.pages import Page, pages

EXECUTED = ("README.md", "docs/tutorial/first-record.md", "docs/tutorial/first-session.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", EXECUTED)
def test_a_page_does_what_it_says(name, reader):
    page = Page(REPOSITORY / name)
    for block in page.blocks:
        try:
            reader.follow(block)
        except Exception as problem:
            problem.add_note(f"{page}, line {block.line}:\n{block.body}")
            raise


def test_every_executed_page_has_examples_and_expectations():
    words = {name: {word for block in Page(REPOSITORY / name).blocks for word in block.words} for name in EXECUTED}
    assert [name for name, found in words.items() if not {"run", "expect"} <= found] == []


def test_no_other_page_marks_blocks_that_nothing_executes():
    marked = [str(page) for page in pages() if any({"run", "expect"} & {*block.words} for block in page.blocks)]
    assert sorted(marked) == sorted(EXECUTED)

"""The page of operators and the tables of operators in the code hold the same names."""

import re

import pytest

from tests.conftest import REPOSITORY
from xase_server.query import operators
from xase_server.query.accumulators import ACCUMULATORS
from xase_server.query.functions import FUNCTIONS

SECTIONS = {
    "Filters": operators.FILTERS,
    "Stages": operators.STAGES,
    "Accumulators": operators.ACCUMULATORS,
    "Expressions": operators.EXPRESSIONS,
    "Refused": tuple(operators.REFUSED),
}


@pytest.fixture(scope="module")
def headings() -> dict[str, list[str]]:
    """The operators under each section of the page, in order."""
    found: dict[str, list[str]] = {}
    section = ""
    for level, title in re.findall(
        r"^(#{2,3}) `?(.+?)`?$", (REPOSITORY / "docs/reference/query.md").read_text(), re.MULTILINE
    ):
        if level == "##":
            section = title
            found[section] = []
        else:
            found[section].append(title)
    return found


@pytest.mark.parametrize("section", SECTIONS)
def test_every_operator_has_its_entry(headings, section):
    assert headings[section] == list(SECTIONS[section])


def test_the_page_has_no_other_section(headings):
    assert headings.keys() == SECTIONS.keys()


def test_the_tables_name_what_the_evaluators_know():
    assert {f"${name}" for name in FUNCTIONS} <= set(operators.EXPRESSIONS)
    assert {f"${name}" for name in ACCUMULATORS} == set(operators.ACCUMULATORS)

"""The benchmarks run from end to end; their figures are not looked at here."""

import pytest

from benchmarks.__main__ import BEGIN, END, TITLES, main, write
from benchmarks.measure import Result
from benchmarks.options import Options
from tests.conftest import REPOSITORY


@pytest.mark.slow
@pytest.mark.parametrize("name", TITLES)
def test_a_quick_run_prints_its_table(name, tmp_path, capsys):
    page = tmp_path / "performance.md"
    page.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\n\nAfter\n")
    assert main([name, "--quick", "--write", str(page)]) == 0
    assert TITLES[name] in capsys.readouterr().out
    written = page.read_text()
    assert "old" not in written
    assert f"### {TITLES[name]}" in written
    assert written.endswith("\n\nAfter\n")


def test_the_page_of_figures_has_a_place_for_them():
    page = (REPOSITORY / "docs" / "explanation" / "performance.md").read_text()
    assert page.index(BEGIN) < page.index(END)


def test_a_page_keeps_the_tables_of_other_groups(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n\n{BEGIN}\n{END}\n\nAfter\n")
    for title, value in (("Starting", 1.0), ("PostgreSQL", 2.0), ("Starting", 3.0)):
        write(page, [(title, [Result("this", value, "ms")])], Options(records=10))
    text = page.read_text()
    headings = [line for line in text.splitlines() if line.startswith("### ")]
    rows = [line for line in text.splitlines() if line.startswith("| this")]
    assert headings == ["### PostgreSQL", "### Starting"]
    assert [row.split(" | ")[1] for row in rows] == ["2 ms", "3 ms"]
    assert text.startswith("# Before\n")
    assert text.endswith("\n\nAfter\n")

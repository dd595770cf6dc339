"""Sizes and names that keep the code readable. A budget that pinches is a hint to find the missing noun."""

import ast
import statistics
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.conftest import REPOSITORY

SOURCE = REPOSITORY / "src"
GENERATED = SOURCE / "xase" / "_client" / "_sync"
WEB = SOURCE / "xase_server" / "web"
MAX_FILE = 400
MAX_FUNCTION = 40
MAX_HANDLER = 15
MAX_MEDIAN = 9
NOT_A_NOUN = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}


@dataclass(frozen=True)
class Function:
    """One function of ours: where it stands and how many lines it has, its docstring not counted."""

    file: Path
    node: ast.FunctionDef | ast.AsyncFunctionDef

    @property
    def place(self) -> str:
        return f"{self.file.relative_to(REPOSITORY)}:{self.node.lineno} {self.node.name}"

    @property
    def lines(self) -> int:
        first = self.node.body[0]
        end = self.node.end_lineno or self.node.lineno
        docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if ast.get_docstring(self.node) else 0
        return end - self.node.lineno + 1 - docstring

    @property
    def answers_requests(self) -> bool:
        """A handler of the web room: a coroutine whose first parameter is the request or call."""
        arguments = self.node.args.posonlyargs + self.node.args.args
        annotation = arguments[0].annotation if arguments else None
        return isinstance(self.node, ast.AsyncFunctionDef) and (
            isinstance(annotation, ast.Name) and annotation.id in {"Call", "Request"}
        )


def written_files() -> list[Path]:
    roots = (SOURCE, REPOSITORY / "scripts", REPOSITORY / "benchmarks")
    return [file for root in roots for file in sorted(root.rglob("*.py")) if GENERATED not in file.parents]


@cache
def functions() -> list[Function]:
    return [
        Function(file, node)
        for file in written_files()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_no_file_is_longer_than_its_budget():
    sizes = {str(file.relative_to(REPOSITORY)): len(file.read_text().splitlines()) for file in written_files()}
    assert {name: size for name, size in sizes.items() if size > MAX_FILE} == {}


def test_no_function_is_longer_than_its_budget():
    assert [f"{f.place}: {f.lines}" for f in functions() if f.lines > MAX_FUNCTION] == []


def test_no_handler_is_longer_than_its_budget():
    handlers = [f for f in functions() if WEB in f.file.parents and f.answers_requests]
    assert [f"{f.place}: {f.lines}" for f in handlers if f.lines > MAX_HANDLER] == []


def test_the_median_function_is_short():
    assert statistics.median(f.lines for f in functions()) <= MAX_MEDIAN


def test_every_module_is_named_by_a_noun():
    names = {file.stem.strip("_") for file in written_files()} | {file.parent.name for file in written_files()}
    assert names & NOT_A_NOUN == set()


def test_no_class_is_a_bare_record():
    classes = [
        f"{file.relative_to(REPOSITORY)}:{node.lineno}"
        for file in written_files()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef) and node.name == "Record"
    ]
    assert classes == []

"""Dotted paths: how they are written, and what they reach in a row."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from xase_server.query.refusal import refuse
from xase_server.query.schema import is_index
from xase_server.query.values import Value

Path = tuple[str, ...]

MAX_STEPS: Final = 32
MAX_STEP_CHARACTERS: Final = 256


def parse_path(text: str, where: str) -> Path:
    """The steps of a dotted path; raises `invalid_query` for an empty step, a `$` or a NUL."""
    steps = tuple(text.split("."))
    if len(steps) > MAX_STEPS:
        raise refuse(where, f"A path has at most {MAX_STEPS} steps")
    for step in steps:
        if not step or step.startswith("$") or "\0" in step or len(step) > MAX_STEP_CHARACTERS:
            raise refuse(where, "Not a path: steps are 1 to 256 characters, do not start with $, and hold no NUL")
    return steps


def reach(value: Value, path: Path) -> list[Value]:
    """Every value that a path of the query language reaches; None where it reaches nothing.

    Through a list the path goes on in each element that is a struct, and, when the step is a number,
    in the element at that position. A list itself at the end is one value.
    """
    found = [value]
    for step in path:
        found = [reached for start in found for reached in _step(start, step)]
    return found


def _step(value: Value, step: str) -> Iterator[Value]:
    if isinstance(value, list):
        yield from _through(value, step)
    elif isinstance(value, Mapping):
        yield value.get(step)
    else:
        yield None


def _through(elements: Sequence[Value], step: str) -> Iterator[Value]:
    if is_index(step):
        yield elements[int(step)] if int(step) < len(elements) else None
        yield from (each[step] for each in elements if isinstance(each, Mapping) and each.get(step) is not None)
    else:
        yield from (each.get(step) for each in elements if isinstance(each, Mapping))


def collect(value: Value, path: Path) -> Value:
    """What a path of the expression language means: through lists a list of what is there, no positions."""
    if not path:
        return value
    if isinstance(value, list):
        inside = (collect(each, path) for each in value if isinstance(each, Mapping))
        return [each for each in inside if each is not None]
    if isinstance(value, Mapping):
        return collect(value.get(path[0]), path[1:])
    return None

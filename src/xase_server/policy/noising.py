"""What a pipeline asks for under differential privacy, or why it cannot be answered: pure, nothing is read here.

    $match* $group  →  for each cell a few sums of whole numbers  →  noise  →  the group's rows

The cells are those that the query itself lists, so that which of them appear tells nothing of the data. Of each
person at most `max_contributions` rows are counted, and a row adds at most `most` to a sum: so no person, whatever
their rows hold, moves all cells of a sum together by more than `sensitivity`. Values are counted in steps of
their range: sums of whole numbers are exact, where those of fractions would depend on the order of the rows.
Why so: docs/adr/0025-differential-privacy.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Final

from xase_server.policy.contract import Contract
from xase_server.policy.grouping import walk
from xase_server.policy.privacy import Privacy, is_number, is_single, names_one
from xase_server.query.expressions import Call, Expression, Field, Literal, Members, Switch
from xase_server.query.nodes import And, At, Equal, Exists, Holds, In, Node
from xase_server.query.paths import Path
from xase_server.query.refusal import refuse
from xase_server.query.schema import Schema
from xase_server.query.stages import Accumulate, Assign, Group, Match, Pipeline, Stage, Unwind
from xase_server.query.values import group_key
from xase_server.query.values import is_number as is_a_number

STEPS: Final = 1 << 30
"""Steps from the middle of a range to its end; far below any noise."""

MOST_CELLS: Final = 10_000

_ROW: Final = "r"
_OF_SOMEBODY: Final = Match(At(("_id",), Exists()))
_FORM: Final = "Under a privacy budget a pipeline is $match stages and then one $group"


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows; of a field, those in which it has a value."""

    path: Path | None = None

    @property
    def most(self) -> int:
        """What one row adds at most."""
        return 1

    def of_row(self, held: Mapping[Path, Expression]) -> Expression:
        """What a row adds; `held` are its values."""
        if self.path is None:
            return Literal(1)
        return Switch(((_is_null(held[self.path]), Literal(0)),), Literal(1))


@dataclass(frozen=True, slots=True)
class Summed:
    """How far the values of a field lie from `centre`, in steps of `reach` / STEPS; values outside are moved inside."""

    path: Path
    least: float
    largest: float
    centre: float
    reach: float

    @property
    def most(self) -> int:
        """What one row adds at most."""
        return STEPS

    def steps(self, value: float) -> int:
        """A value in steps."""
        return max(-STEPS, min(STEPS, round((value - self.centre) * (STEPS / self.reach))))

    def of_row(self, held: Mapping[Path, Expression]) -> Expression:
        """What a row adds; `held` are its values. Null adds nothing, NaN the most, for no number is greater than it.

        Never more than `most`: `centre` is rounded, and near the ends of a narrow range that may be many steps.
        """
        value = held[self.path]
        away = Call("subtract", (value, Literal(self.centre)))
        steps = Call("toLong", (Call("round", (Call("multiply", (away, Literal(STEPS / self.reach))),)),))
        return Switch(
            (
                (_is_null(value), Literal(0)),
                (Call("gte", (value, Literal(self.largest))), Literal(self.steps(self.largest))),
                (Call("lte", (value, Literal(self.least))), Literal(self.steps(self.least))),
            ),
            Call("max", (Literal(-STEPS), Call("min", (Literal(STEPS), steps)))),
        )


Measure = Counted | Summed


@dataclass(frozen=True, slots=True)
class Output:
    """A field of the answer, made of these measures by their numbers: a mean of its sum and its count."""

    name: str
    operator: str
    measures: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A group of the answer: its key as it is shown, and as it is found among the engine's rows."""

    key: Any
    place: Any


@dataclass(frozen=True, slots=True)
class PrivateQuery:
    """A pipeline as it is answered: `exact` of `pipeline`'s rows, then noise, then `answer`.

    `beside` is the column that names persons, for `Engine.seeing`: under its own name it may be hidden.
    """

    beside: Mapping[str, str]
    pipeline: Pipeline
    cells: tuple[Cell, ...]
    measures: tuple[Measure, ...]
    outputs: tuple[Output, ...]
    contributions: int

    def sensitivity(self, measure: Measure) -> int:
        """How far one person can move all cells of a measure together."""
        return self.contributions * measure.most

    def exact(self, rows: Sequence[Mapping[str, Any]]) -> list[list[int]]:
        """For each measure its sum in each cell, in the order of the cells; 0 where no row falls.

        Rows of one cell are added up: an engine may tell 0.0 from -0.0.
        """
        sums = {cell.place: [0] * len(self.measures) for cell in self.cells}
        for row in rows:
            held = sums.get(group_key(row.get("_id") or {}), [])
            for number, before in enumerate(held):
                held[number] = before + int(row[_sum_name(number)])
        return [[sums[cell.place][number] for cell in self.cells] for number in range(len(self.measures))]

    def answer(self, noisy: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
        """The rows that leave, one for each cell."""
        return [
            {"_id": cell.key, **{each.name: self._value(each, noisy, place) for each in self.outputs}}
            for place, cell in enumerate(self.cells)
        ]

    def _value(self, output: Output, noisy: Sequence[Sequence[int]], place: int) -> float:
        sums = [noisy[number][place] for number in output.measures]
        if output.operator == "count":
            return sums[0]
        summed = self.measures[output.measures[0]]
        assert isinstance(summed, Summed), "what is added up has a range"
        total = sums[0] * (summed.reach / STEPS)
        if output.operator == "sum":
            return total
        return max(summed.least, min(summed.largest, summed.centre + total / max(1, sums[1])))


def private_query(pipeline: Pipeline, contract: Contract, seen: Schema, whole: Schema) -> PrivateQuery:
    """The pipeline as it is answered; `seen` is what the session sees, `whole` knows the field that names persons.

    Raises `invalid_query` for a pipeline of another form, saying which form there is.
    """
    assert contract.privacy is not None, "asked for under such a contract"
    *before, last = pipeline or (None,)
    matches = [_match(number, stage) for number, stage in enumerate(before)]
    if not isinstance(last, Group):
        raise refuse(str(len(before)), _FORM)
    if not last.fields:
        raise refuse(str(len(before)), "Under a privacy budget a group counts or adds up something")
    place = f"{len(before)}.$group"
    (entity,) = contract.entity_keys
    head, *inner = entity.split(".")
    if not names_one(whole, entity):
        raise refuse(place, "Under a privacy budget this version of the dataset cannot be asked: nobody is named in it")
    keys = _keys(last.key, matches, seen, f"{place}._id")
    plan = _Measures(contract.privacy, seen, place)
    outputs = tuple(plan.output(each) for each in last.fields)
    return PrivateQuery(
        beside={f".{head}": head},
        pipeline=_exactly(before, keys, plan.measures, (f".{head}", *inner), contract.privacy.max_contributions),
        cells=tuple(_cells(last.key, keys, f"{place}._id")),
        measures=tuple(plan.measures),
        outputs=outputs,
        contributions=contract.privacy.max_contributions,
    )


# ---------------------------------------------------------------------------- the form


def _match(number: int, stage: Stage | None) -> Match:
    if not isinstance(stage, Match):
        raise refuse(str(number), _FORM)
    if any(isinstance(each, Holds) for each in walk(stage.filter)):
        raise refuse(f"{number}.$match.$expr", "Not under a privacy budget: where it fails tells of single records")
    return stage


def _keys(key: Expression, matches: Sequence[Match], seen: Schema, place: str) -> dict[str, tuple[Path, list[Any]]]:
    """Of each field of the key its path and the values that the query lists; no field for a constant key."""
    if isinstance(key, Literal):
        return {}
    named = key.items if isinstance(key, Members) else (("", key),)
    found: dict[str, tuple[Path, list[Any]]] = {}
    for name, each in named:
        if not isinstance(each, Field) or each.variable is not None or not is_single(seen, ".".join(each.path)):
            raise refuse(place, "Under a privacy budget groups are by fields that hold one value of one type")
        listed = next((values for match in matches for values in _listed(match.filter, each.path)), None)
        if listed is None:
            raise refuse(place, f"List the groups: $match {'.'.join(each.path)} with $in before $group")
        found[name] = (each.path, list({group_key(value): value for value in listed}.values()))
    return found


def _listed(node: Node, path: Path) -> Iterator[tuple[Any, ...]]:
    """The lists of single values that a field must be among for the filter to be true."""
    if isinstance(node, And):
        for item in node.items:
            yield from _listed(item, path)
    elif isinstance(node, At) and node.path == path and isinstance(node.test, In | Equal):
        values = node.test.values if isinstance(node.test, In) else (node.test.value,)
        if not any(isinstance(value, list | tuple | Mapping) for value in values):
            yield tuple(values)


def _cells(key: Expression, keys: Mapping[str, tuple[Path, list[Any]]], place: str) -> list[Cell]:
    lists = [values for _, values in keys.values()]
    if prod(map(len, lists)) > MOST_CELLS:
        raise refuse(place, f"At most {MOST_CELLS} groups under a privacy budget")
    return [Cell(_shown(key, keys, values), _place(values)) for values in product(*lists)]


def _shown(key: Expression, names: Iterable[str], values: Sequence[Any]) -> Any:
    if isinstance(key, Literal):
        return key.value
    return dict(zip(names, values, strict=True)) if isinstance(key, Members) else values[0]


def _place(values: Sequence[Any]) -> Any:
    return group_key({_key_name(n): value for n, value in enumerate(values)})


class _Measures:
    """What must be measured for the fields of a group; what two of them need is measured once."""

    def __init__(self, privacy: Privacy, seen: Schema, place: str) -> None:
        self.measures: list[Measure] = []
        self._privacy = privacy
        self._seen = seen
        self._place = place

    def output(self, asked: Accumulate) -> Output:
        """One field; raises `invalid_query` for what has no noise of its own."""
        place = f"{self._place}.{asked.name}"
        if asked.operator == "count" or (asked.operator == "sum" and _is_one(asked.operand)):
            return Output(asked.name, "count", (self._number(Counted()),))
        if asked.operator not in {"sum", "avg"}:
            raise refuse(place, f"Not under a privacy budget: ${asked.operator}. There are $count, $sum and $avg")
        path, least, largest = self._range(asked.operand, f"{place}.${asked.operator}")
        if asked.operator == "sum":
            summed = Summed(path, least, largest, centre=0.0, reach=max(abs(least), abs(largest)))
            return Output(asked.name, "sum", (self._number(summed),))
        summed = Summed(path, least, largest, centre=(least + largest) / 2, reach=(largest - least) / 2)
        return Output(asked.name, "avg", (self._number(summed), self._number(Counted(path))))

    def _range(self, operand: Expression, place: str) -> tuple[Path, float, float]:
        path = operand.path if isinstance(operand, Field) and operand.variable is None else ()
        name = ".".join(path)
        if name not in self._privacy.bounds or not is_number(self._seen, name):
            raise refuse(place, "Under a privacy budget only fields that the policy gives bounds can be added up")
        return path, *self._privacy.bounds[name]

    def _number(self, measure: Measure) -> int:
        if measure not in self.measures:
            self.measures.append(measure)
        return self.measures.index(measure)


# ---------------------------------------------------------------------------- the exact sums


def _exactly(
    matches: Sequence[Stage],
    keys: Mapping[str, tuple[Path, list[Any]]],
    measures: Sequence[Measure],
    entity: Path,
    contributions: int,
) -> Pipeline:
    """The sums of each cell over the first rows of each person, as a pipeline for the engine.

    Which rows of a person are counted depends on that person's rows alone; rows of nobody are left out.
    """
    paths = [*(path for path, _ in keys.values()), *(each.path for each in measures if each.path is not None)]
    columns = {path: f"c{n}" for n, path in enumerate(dict.fromkeys(paths))}
    held = {path: Field((_ROW, name)) for path, name in columns.items()}
    row = Members(tuple((name, Field(path)) for path, name in columns.items())) if columns else Literal(1)
    key = Members(tuple((_key_name(n), held[path]) for n, (path, _) in enumerate(keys.values())))
    sums = (Accumulate(_sum_name(n), "sum", each.of_row(held)) for n, each in enumerate(measures))
    return (
        *matches,
        *_first_rows(entity, row, contributions),
        Group(key if keys else Literal(None), tuple(sums)),
    )


def _first_rows(entity: Path, row: Expression, most: int) -> Pipeline:
    """Of each person at most so many rows; one alone costs a fifth of a list with one."""
    if most == 1:
        return (Group(Field(entity), (Accumulate(_ROW, "first", row),)), _OF_SOMEBODY)
    first = Call("slice", (Field((_ROW,)), Literal(most)))
    listed = Group(Field(entity), (Accumulate(_ROW, "push", row),))
    return (listed, _OF_SOMEBODY, Assign((((_ROW,), first),)), Unwind((_ROW,)))


def _key_name(number: int) -> str:
    return f"k{number}"


def _sum_name(number: int) -> str:
    return f"m{number}"


def _is_one(operand: Expression) -> bool:
    return isinstance(operand, Literal) and is_a_number(operand.value) and operand.value == 1


def _is_null(value: Expression) -> Expression:
    return Call("eq", (value, Literal(None)))

"""Transforms made for one schema and one session's keys: what they make of its types and of its rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never

import pyarrow as pa

from xase_server.delivery.nesting import Array, around_members, around_window, members, window
from xase_server.query.schema import Kind, ListOf, Scalar, Schema, Struct, Type, is_index
from xase_server.transforms.bands import bucketized, generalized
from xase_server.transforms.distinct import by_text_of_one_width
from xase_server.transforms.hashing import hashed
from xase_server.transforms.keys import Keys
from xase_server.transforms.masking import masked, redacted
from xase_server.transforms.memo import Labels, Memo, Memory
from xase_server.transforms.numbered import FindNumbered, nothing_numbered
from xase_server.transforms.places import Integers, Places, whole
from xase_server.transforms.shifting import noised, shifted
from xase_server.transforms.specs import (
    ALGORITHMS,
    Bucketize,
    DateShift,
    Domain,
    Drop,
    Generalize,
    Hash,
    InvalidSpec,
    Mask,
    Noise,
    Redact,
    Spec,
    Tokenize,
    is_subject,
    read_spec,
)
from xase_server.transforms.tokenizing import GiveTokens, tokenized

Change = Callable[[Array, Places], Array]

_OF_A_DOMAIN: Final = frozenset({"hash", "tokenize"})


@dataclass(frozen=True, slots=True)
class Part:
    """What becomes of a field: its type afterwards and the change, None where it stays as it is."""

    type: Type
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Transforms:
    """Compiled transforms. `schema` is what rows are afterwards; `columns` the top-level columns that change."""

    schema: Schema
    columns: frozenset[str]
    key_ids: Mapping[str, str]
    _parts: Mapping[str, Part | None]
    _subjects: Mapping[str, frozenset[str]]

    def reads(self, columns: Sequence[str]) -> tuple[str, ...]:
        """The columns that are needed to make these."""
        needed = [subject for name in columns for subject in self._subjects.get(name, ())]
        return tuple(dict.fromkeys((*columns, *sorted(needed))))

    def apply(self, table: pa.Table, numbers: Integers | range, numbered: FindNumbered = nothing_numbered) -> pa.Table:
        """The rows with these record numbers afterwards: the table's columns in their order, dropped ones left out.

        `numbered` is for rows as they are in their version: it knows the columns whose values are numbered there.
        """
        places = Places(table, numbers, numbered=numbered)
        columns: dict[str, Any] = {}
        for name in table.column_names:
            part = self._parts.get(name) if name in self.columns else Part(Struct(()))
            if part is not None:
                column = table.column(name)
                columns[name] = column if part.change is None else part.change(whole(column), places)
        return pa.table(columns)


@dataclass(frozen=True, slots=True)
class _Means:
    """What transforms are made with."""

    keys: Keys
    memory: Memory
    give_tokens: GiveTokens | None


def compile_transforms(
    specs: Mapping[str, Mapping[str, Any]],
    schema: Schema,
    keys: Keys,
    *,
    memory: Memory | None = None,
    give_tokens: GiveTokens | None = None,
) -> Transforms:
    """What the transforms, by path, mean for this schema; `memory` is shared by those that are given the same.

    To apply them may block where tokens are given; where none can be, fields with tokens are dropped.

    A path without a field is passed over. What does not fit its field drops it: a policy is checked
    against the dataset when it is made, and what has slipped through must not leave as it is.
    """
    read = {path: _read(spec, schema, has_map=give_tokens is not None) for path, spec in specs.items()}
    wishes = _tree(read)
    means = _Means(keys, memory or Memory(), give_tokens)
    parts = {name: _compiled(type_, wishes[name], means, name) for name, type_ in schema.members if name in wishes}
    after = ((name, parts[name] if name in parts else Part(type_)) for name, type_ in schema.members)
    return Transforms(
        schema=Struct(tuple((name, part.type) for name, part in after if part is not None)),
        columns=frozenset(parts),
        key_ids=_key_ids(read, keys),
        _parts=parts,
        _subjects=_subjects(read),
    )


def _key_ids(read: Mapping[str, Spec], keys: Keys) -> dict[str, str]:
    found: dict[str, str] = {}
    for path, spec in read.items():
        op = spec.__struct_config__.tag
        if op in ALGORITHMS:
            found[path] = keys.key_id(str(op), spec.domain if isinstance(spec, Hash | Tokenize) else "dataset")
    return found


def _read(raw: Mapping[str, Any], schema: Schema, *, has_map: bool) -> Spec:
    try:
        spec = read_spec(raw)
    except InvalidSpec:
        return Drop()
    lost = isinstance(spec, DateShift) and not is_subject(schema, spec.subject)
    return Drop() if lost or (isinstance(spec, Tokenize) and not has_map) else spec


def _subjects(read: Mapping[str, Spec]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for path, spec in read.items():
        if isinstance(spec, DateShift):
            found[_head(path)] = found.get(_head(path), frozenset()) | {_head(spec.subject)}
    return found


def _head(path: str) -> str:
    return path.partition(".")[0]


_Wish = Spec | dict[str, Any]


def _tree(read: Mapping[str, Spec]) -> dict[str, _Wish]:
    """The transforms by the steps of their paths; one for a whole object takes in those for its members."""
    tree: dict[str, _Wish] = {}
    for path, spec in sorted(read.items()):
        below, (*steps, last) = tree, [step for step in path.split(".") if not is_index(step)] or [path]
        for step in steps:
            inner = below.setdefault(step, {})
            if isinstance(inner, Spec):
                break
            below = inner
        else:
            below[last] = spec
    return tree


def _compiled(type_: Type, wish: _Wish, means: _Means, path: str) -> Part | None:
    """What becomes of a field; None when nothing is left of it."""
    match type_:
        case ListOf():
            inside = _compiled(type_.element, wish, means, path)
            return None if inside is None else Part(ListOf(inside.type), inside.change and _in_lists(inside.change))
        case Struct():
            return _members(type_, wish, means, path) if isinstance(wish, dict) else None
        case Scalar():
            # a wish for what lies inside values of mixed types cannot be done to them, so that they go as a whole
            return (
                None if isinstance(wish, dict) or any(wish.misfits(type_.kind)) else _single(type_, wish, means, path)
            )
        case _ as never:
            assert_never(never)


def _members(type_: Struct, wishes: dict[str, Any], means: _Means, path: str) -> Part | None:
    parts = {
        name: _compiled(member, wishes[name], means, f"{path}.{name}") if name in wishes else Part(member)
        for name, member in type_.members
    }
    left = {name: part for name, part in parts.items() if part is not None}
    if not left and type_.members:
        return None
    after = Struct(tuple((name, part.type) for name, part in left.items()))
    same = len(left) == len(parts) and all(part.change is None for part in left.values())
    return Part(after, None if same else _in_structs(left))


def _in_structs(parts: Mapping[str, Part]) -> Change:
    def change(array: Array, places: Places) -> Array:
        own = members(array)
        return around_members(
            array, {name: part.change(own[name], places) if part.change else own[name] for name, part in parts.items()}
        )

    return change


def _in_lists(inside: Change) -> Change:
    def change(array: Array, places: Places) -> Array:
        offsets, values = window(array)
        return around_window(array, offsets, inside(values, places.inside(offsets)))

    return change


def _single(type_: Scalar, spec: Spec, means: _Means, path: str) -> Part | None:
    """What becomes of single values, by what must be done to them."""
    kind, keys = type_.kind, means.keys
    match spec:
        case Drop():
            return None
        case _ if kind is Kind.NULL:
            change = _everywhere(lambda array: array)
        case Hash() | Tokenize():
            change = _standing_in(_stand_ins(spec, means), path)
        case Mask():
            change = _everywhere(masked(spec, means.memory))
        case Redact():
            change = _everywhere(redacted(spec, kind))
        case Generalize():
            change = _labelling(generalized(spec, kind), spec, means, path)
        case Bucketize():
            change = _labelling(bucketized(spec, kind), spec, means, path)
        case DateShift():
            change = shifted(spec, keys.key("date_shift", "dataset"), means.memory)
        case Noise():
            change = noised(spec, kind, keys.key(f"noise:{path}", "dataset"), means.memory)
        case _:
            return None
    return Part(spec.result(kind), change)


def _stand_ins(spec: Hash | Tokenize, means: _Means) -> Memo:
    """What makes of values others that stand for them."""
    if isinstance(spec, Hash):
        return hashed(means.keys.key("hash", spec.domain), means.memory)
    assert means.give_tokens is not None, "without a map they were dropped"
    return tokenized(means.keys, spec.domain, means.give_tokens, means.memory)


def _standing_in(memo: Memo, path: str) -> Change:
    def change(array: Array, places: Places) -> Array:
        coded = places.own_codes(path)
        return by_text_of_one_width(memo.of_coded(coded) if coded else memo.of(array))

    return change


def _labelling(change: Callable[[Array], Array], spec: Spec, means: _Means, path: str) -> Change:
    labels = Labels(change, means.memory, repr(spec))
    return lambda array, places: labels.of(array, places.own_codes(path))


def _everywhere(change: Callable[[Array], Array]) -> Change:
    return lambda array, _: change(array)


def domain_of(specs: Mapping[str, Mapping[str, Any]]) -> Domain:
    """`grant` when values differ between sessions, else `dataset`."""
    own = (each for each in specs.values() if each.get("op") in _OF_A_DOMAIN)
    return "grant" if any(each.get("domain", "grant") == "grant" for each in own) else "dataset"

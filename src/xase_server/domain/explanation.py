"""Everything that is wrong with a body: the slow pass, run only once fast decoding has refused it."""

import re
from collections.abc import Iterable
from itertools import repeat
from typing import Any

from msgspec import UnsetType, ValidationError, inspect

from xase_server.domain.errors import Problems, Refused, invalid
from xase_server.domain.forms import TOLD

_Items = inspect.ListType | inspect.TupleType | inspect.VarTupleType
_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_WORDS = (
    (inspect.StrType, str, "Must be a string"),
    (inspect.DictType, dict, "Must be an object"),
    (inspect.StructType, dict, "Must be an object"),
    (inspect.ListType, list, "Must be an array"),
    (inspect.TupleType, list, "Must be an array"),
    (inspect.VarTupleType, list, "Must be an array"),
    (inspect.BoolType, bool, "Must be true or false"),
)


def explain(value: Any, kind: type, failure: ValidationError, summary: str = "Invalid request body") -> Refused:
    """The `validation_error` that names each fault of `value` as a body of type `kind`."""
    problems = Problems()
    _walk(value, inspect.type_info(kind), "", problems)
    if not problems.found:  # a constraint this pass does not know: say what the decoder said
        text = str(failure)
        place = _PATH.search(text)
        found = place["path"].replace("[...]", ".*") if place else "body"  # the decoder names no keys of mappings
        field = found.lstrip(".").replace("[", ".").replace("]", "")
        problems.add(field or "body", _PATH.sub("", text))
    return invalid(summary, *problems.found)


def _walk(value: Any, kind: inspect.Type, path: str, problems: Problems) -> None:
    if value is None and _takes_null(kind):
        return
    kind = _one_of(_bare(kind), value)
    for known, wanted, message in _WORDS:
        if isinstance(kind, known) and not isinstance(value, wanted):
            problems.add(path or "body", message)
            return
    match kind:
        case inspect.StructType():
            _walk_struct(value, kind, path, problems)
        case inspect.DictType():
            _walk_dict(value, kind, path, problems)
        case inspect.ListType() | inspect.TupleType() | inspect.VarTupleType():
            _walk_items(value, kind, path, problems)
        case inspect.StrType():
            _check_text(value, kind, path, problems)
        case inspect.FloatType() | inspect.IntType():
            _check_number(value, kind, path, problems)
        case inspect.LiteralType() if value not in kind.values:
            problems.add(path, f"Must be one of {', '.join(map(str, kind.values))}")
        case _:
            pass


def _bare(kind: inspect.Type) -> inspect.Type:
    """The type of a field that is there, without what only describes it."""
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        rest = tuple(each for each in kind.types if not _is_absence(each))
        return _bare(rest[0]) if len(rest) == 1 else inspect.UnionType(rest)
    return kind


def _one_of(kind: inspect.Type, value: Any) -> inspect.Type:
    """Of several kinds the one that the value is of, or else the first; a single kind as it is."""
    if not isinstance(kind, inspect.UnionType):
        return kind
    return next((each for each in kind.types if _fits(value, each)), _bare(kind.types[0]))


def _fits(value: Any, kind: inspect.Type) -> bool:
    """Whether the value is of this one of several kinds, whatever its bounds."""
    return any(isinstance(_bare(kind), known) and isinstance(value, wanted) for known, wanted, _ in _WORDS)


def _takes_null(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.Metadata):
        return _takes_null(kind.type)
    return isinstance(kind, inspect.UnionType) and kind.includes_none


def _is_absence(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.NoneType) or (isinstance(kind, inspect.CustomType) and kind.cls is UnsetType)


def _walk_struct(value: dict[str, Any], kind: inspect.StructType, path: str, problems: Problems) -> None:
    fields = {field.encode_name: field for field in kind.fields}
    prefix = f"{path}." if path else ""
    for name, field in fields.items():
        if name in value:
            _walk(value[name], field.type, prefix + name, problems)
        elif field.required:
            problems.add(prefix + name, "Required field missing")
    for name in value:
        if name not in fields:
            problems.add(prefix + name[:256], "Unknown field")


def _walk_dict(value: dict[str, Any], kind: inspect.DictType, path: str, problems: Problems) -> None:
    if kind.max_length is not None and len(value) > kind.max_length:
        problems.add(path, f"Must have at most {kind.max_length} fields")
        return
    for name, item in value.items():
        place = f"{path}.{name[:256]}" if path else name[:256]
        _walk(name, kind.key_type, place, problems)
        _walk(item, kind.value_type, place, problems)


def _walk_items(value: list[Any], kind: _Items, path: str, problems: Problems) -> None:
    kinds: Iterable[inspect.Type]
    least: int | None
    most: int | None
    if isinstance(kind, inspect.TupleType):
        kinds, least, most = kind.item_types, len(kind.item_types), len(kind.item_types)
    else:
        kinds, least, most = repeat(kind.item_type), kind.min_length, kind.max_length
    if most is not None and len(value) > most:
        problems.add(path, f"Must have at most {most} items")
        return
    if least is not None and len(value) < least:
        problems.add(path, f"Must have at least {least} item{'s' * (least > 1)}")
    for n, (item, item_kind) in enumerate(zip(value, kinds, strict=False)):
        _walk(item, item_kind, f"{path}.{n}" if path else str(n), problems)


def _check_text(value: str, kind: inspect.StrType, path: str, problems: Problems) -> None:
    if kind.min_length is not None and len(value) < kind.min_length:
        problems.add(path, f"Must have at least {kind.min_length} character{'s' * (kind.min_length > 1)}")
    elif kind.max_length is not None and len(value) > kind.max_length:
        problems.add(path, f"Must have at most {kind.max_length} characters")
    elif kind.pattern is not None and not re.search(kind.pattern, value):
        problems.add(path, TOLD[kind.pattern])


def _check_number(value: Any, kind: inspect.FloatType | inspect.IntType, path: str, problems: Problems) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        problems.add(path, "Must be a number")
    elif isinstance(kind, inspect.IntType) and isinstance(value, float) and not value.is_integer():
        problems.add(path, "Must be a whole number")
    elif kind.gt is not None and value <= kind.gt:
        problems.add(path, f"Must be above {_plain(kind.gt)}")
    elif (kind.ge is not None and value < kind.ge) or (kind.le is not None and value > kind.le):
        least = kind.gt if kind.ge is None else kind.ge
        problems.add(path, f"Must be between {_plain(least)} and {_plain(kind.le)}")


def _plain(bound: float | None) -> str:
    """A bound as people write it: whole numbers in full."""
    return f"{bound:.0f}" if bound is not None and bound == int(bound) else str(bound)

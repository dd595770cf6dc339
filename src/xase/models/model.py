"""The object that every answer is: read-only, by attribute or by item, nothing thrown away.

A field the server sends and this version does not know is kept and readable like any other. A field
that is declared here but absent from the answer reads as None. `to_dict()` gives plain data back.
A field whose name is also a method of mappings (`items`, `keys`, `values`, `get`) is read by item.
"""

# mypy: disable-error-code="explicit-override"
# `typing.override` begins with Python 3.12; these are all methods of the data model.

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

SHOWN: Final = 60
"""How many characters of one value a repr shows."""


class Items(tuple[Any, ...]):
    """A list as the server sent it: read-only, equal to a list or tuple of the same values."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return tuple.__eq__(self, tuple(other) if isinstance(other, list) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return tuple.__hash__(self)

    def __repr__(self) -> str:
        return repr(list(self))


class Model(Mapping[str, Any]):
    """A JSON object: `model.field` and `model["field"]` are the same value.

    Compares equal to any mapping with the same content. Its repr never shows what lies inside
    nested objects: those may hold personal data.
    """

    _declared: ClassVar[frozenset[str]] = frozenset()
    _kinds: ClassVar[Mapping[str, type["Model"]]] = {}
    _nested: ClassVar[type["Model"] | None] = None  # of objects in it that `_kinds` does not name; None: Document
    _secret: ClassVar[frozenset[str]] = frozenset()

    __slots__ = ("_fields",)
    _fields: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = (name for name in cls.__annotations__ if not name.startswith("_"))
        cls._declared = cls._declared | frozenset(own)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        nested = self._nested or Document
        kept = {name: _freeze(value, self._kinds.get(name, nested)) for name, value in fields.items()}
        object.__setattr__(self, "_fields", kept)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # never a field; and `_fields` itself is missing while unpickling
            raise AttributeError(name)
        try:
            return self._fields[name]
        except KeyError:
            if name in self._declared:
                return None
            raise AttributeError(f"{type(self).__name__} has no field {name!r}") from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is read-only")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is read-only")

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __hash__(self) -> int:
        return hash(frozenset(self._fields.items()))

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._declared, *(name for name in self._fields if name.isidentifier())})

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.to_dict(),)

    def __repr__(self) -> str:
        shown = (f"{name}={self._show(name, value)}" for name, value in self._fields.items())
        return f"{type(self).__name__}({', '.join(shown)})"

    def _show(self, name: str, value: Any) -> str:
        if name in self._secret:
            return "…"
        if isinstance(value, Model):
            return f"{{{len(value)} fields}}"
        if isinstance(value, Items):
            return f"[{len(value)} items]"
        return _cut(repr(value))

    def to_dict(self) -> dict[str, Any]:
        """The object as plain dictionaries and lists, the caller's own copy."""
        return {name: _thaw(value) for name, value in self._fields.items()}


class Document(Model):
    """A nested object whose fields are the caller's own, such as a decision's input.

    Its repr names the fields and shows none of their values.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Document({', '.join(self)})"


class Facts(Document):
    """A nested object in the server's own words: terms, limits, counts, ids. Nothing of it is about the people in data.

    Its repr shows what is in it, as much as fits.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Facts({', '.join(f'{name}={_cut(repr(_thaw(value)))}' for name, value in self._fields.items())})"


Facts._nested = Facts  # noqa: SLF001 - what is in them is of their kind


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _freeze(value: Any, kind: type[Model]) -> Any:
    if isinstance(value, Model) and (kind is Document or type(value) is kind):
        return value
    if isinstance(value, Mapping):
        return kind(value)
    if isinstance(value, list | tuple):
        return Items(_freeze(each, kind) for each in value)
    return value


def _thaw(value: Any) -> Any:
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_thaw(each) for each in value]
    return value


def plain(value: Any) -> Any:
    """What `json` is to write for a value it does not know: a model as its dictionary.

    Raises TypeError for everything else that is not JSON.
    """
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON; convert it before it is sent")

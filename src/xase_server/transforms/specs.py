"""The transforms that a policy may name, and their parameters: closed forms, checked when a policy is loaded.

Source: docs/spec/policy.md, section 3.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, ValidationError, convert

from xase_server.query.schema import NULL, STRING, Kind, ListOf, Scalar, Schema, Type
from xase_server.query.schema import Struct as StructType

Fault = tuple[str, str]
"""A parameter's name, and what is wrong with it."""

Domain = Literal["grant", "dataset"]
Number = int | float
Positive = Annotated[int, Meta(gt=0, le=1 << 53)] | Annotated[float, Meta(gt=0, le=1e15)]

MAX_KEPT: Final = 4
"""The most graphemes of a value that `mask` keeps."""
MAX_KEPT_SHARE: Final = 0.4
"""The largest part of a value that `mask` keeps."""
REDACTED: Final = "[REDACTED]"

_NUMBERS: Final = frozenset({Kind.INT, Kind.FLOAT})
_MOST_EDGES: Final = 1_000
_MOST_DAYS: Final = 36_500

Count = Annotated[int, Meta(ge=0, le=1 << 20)]
Label = Annotated[str, Meta(min_length=1, max_length=256)]


class Spec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="op", omit_defaults=True):
    """One transform with its parameters."""

    kinds: ClassVar[frozenset[Kind]] = frozenset()

    def faults(self) -> Iterator[Fault]:
        """What is wrong whatever the field."""
        yield from ()

    def misfits(self, kind: Kind) -> Iterator[Fault]:
        """What is wrong for values of this kind."""
        if kind not in self.kinds and kind is not Kind.NULL:
            names = ", ".join(sorted(each.value for each in self.kinds))
            yield "op", f"Fits fields of type {names}; this one is {kind.value}"

    def result(self, kind: Kind) -> Type:
        """The type of what becomes of values of a kind that fits."""
        return NULL if kind is Kind.NULL else STRING


class Hash(Spec, frozen=True, kw_only=True, tag="hash"):
    """HMAC-SHA256 of the value's NFC text; other values in another session, unless the domain is `dataset`."""

    kinds = frozenset({Kind.STRING, Kind.INT, Kind.BOOL, Kind.DATE})
    domain: Domain = "grant"


class Tokenize(Spec, frozen=True, kw_only=True, tag="tokenize"):
    """A random token, kept in a map that the holder can follow back; other tokens in another session as for `hash`."""

    kinds = Hash.kinds
    domain: Domain = "grant"


class Mask(Spec, frozen=True, kw_only=True, tag="mask"):
    """The first and last graphemes; `char` for each of the others, and for all where too much would be kept."""

    kinds = frozenset({Kind.STRING, Kind.INT})
    keep_first: Count = 0
    keep_last: Count = 0
    char: Annotated[str, Meta(min_length=1, max_length=1)] = "*"

    def faults(self) -> Iterator[Fault]:
        """See `Spec.faults`."""
        if self.keep_first + self.keep_last > MAX_KEPT:
            yield "keep_first" if self.keep_first else "keep_last", f"At most {MAX_KEPT} characters may be kept in all"


class Redact(Spec, frozen=True, kw_only=True, tag="redact"):
    """One text for every value and for none; null where the field is no text."""

    kinds = frozenset(Kind)
    value: Annotated[str, Meta(max_length=256)] = REDACTED

    def misfits(self, kind: Kind) -> Iterator[Fault]:
        """See `Spec.misfits`."""
        if kind is not Kind.STRING and self.value != REDACTED:
            yield "value", "Only a text field takes one; others become null"

    def result(self, kind: Kind) -> Type:
        """See `Spec.result`."""
        return Scalar(kind)


class Drop(Spec, frozen=True, kw_only=True, tag="drop"):
    """The field does not exist."""

    kinds = frozenset(Kind)


class Generalize(Spec, frozen=True, kw_only=True, tag="generalize"):
    """A number's band (`width`, `top`, `bottom`), a date's `part`, or a code's `prefix`."""

    kinds = frozenset({Kind.INT, Kind.FLOAT, Kind.DATE, Kind.STRING})
    width: Positive | UnsetType = UNSET
    top: Number | UnsetType = UNSET
    bottom: Number | UnsetType = UNSET
    part: Literal["month", "quarter", "year"] | UnsetType = UNSET
    prefix: Annotated[int, Meta(ge=1, le=64)] | UnsetType = UNSET

    def faults(self) -> Iterator[Fault]:
        """See `Spec.faults`."""
        given = [name for name in ("width", "part", "prefix") if getattr(self, name) is not UNSET]
        if len(given) != 1:
            yield "op", "Needs one of width (numbers), part (dates) and prefix (codes)"
        for name in ("top", "bottom"):
            bound = getattr(self, name)
            if bound is not UNSET and (self.width is UNSET or bound % self.width):
                yield name, "Must be a multiple of width"
        if self.top is not UNSET and self.bottom is not UNSET and self.bottom >= self.top:
            yield "bottom", "Must be below top"

    def misfits(self, kind: Kind) -> Iterator[Fault]:
        """See `Spec.misfits`."""
        yield from super().misfits(kind)
        wanted = {Kind.INT: "width", Kind.FLOAT: "width", Kind.DATE: "part", Kind.STRING: "prefix"}.get(kind)
        if wanted is not None and getattr(self, wanted) is UNSET:
            yield "op", f"A field of type {kind.value} is generalized by {wanted}"
        if kind is Kind.INT and isinstance(self.width, float):
            yield "width", "Must be a whole number for a field of whole numbers"


class Bucketize(Spec, frozen=True, kw_only=True, tag="bucketize"):
    """The label of the bucket between two edges; an edge belongs to what is above it."""

    kinds = _NUMBERS
    edges: Annotated[list[Number], Meta(min_length=1, max_length=_MOST_EDGES)]
    labels: Annotated[list[Label], Meta(max_length=_MOST_EDGES + 1)] | None = None

    def faults(self) -> Iterator[Fault]:
        """See `Spec.faults`."""
        if any(after <= before for before, after in pairwise(self.edges)):
            yield "edges", "Must rise"
        if self.labels is not None and len(self.labels) != len(self.edges) + 1:
            yield "labels", "Must be one more than the edges"

    def misfits(self, kind: Kind) -> Iterator[Fault]:
        """See `Spec.misfits`."""
        yield from super().misfits(kind)
        if kind is Kind.INT and any(isinstance(edge, float) for edge in self.edges):
            yield "edges", "Must be whole numbers for a field of whole numbers"


class DateShift(Spec, frozen=True, kw_only=True, tag="date_shift"):
    """All dates of a subject moved by the same number of days, never zero; null where the subject is null."""

    kinds = frozenset({Kind.DATE})
    subject: Annotated[str, Meta(min_length=1, max_length=256)]
    max_days: Annotated[int, Meta(ge=1, le=_MOST_DAYS)]

    def result(self, kind: Kind) -> Type:
        """See `Spec.result`."""
        return Scalar(kind)


class Noise(Spec, frozen=True, kw_only=True, tag="noise"):
    """The number with Laplace noise of this scale: obfuscation, not differential privacy."""

    kinds = _NUMBERS
    scale: Positive

    def result(self, kind: Kind) -> Type:
        """See `Spec.result`."""
        return Scalar(kind)


_Any = Hash | Tokenize | Mask | Redact | Drop | Generalize | Bucketize | DateShift | Noise
OPS: Final = ("hash", "tokenize", "mask", "redact", "drop", "generalize", "bucketize", "date_shift", "noise")

ELSEWHERE: Final[Mapping[str, str]] = {
    "k_anonymize": "POST /v1/datasets/{id}/anonymize makes a dataset by it",
    "scrub_text": "`scrub` in a dataset's notes on fields asks for it when data is read",
}
"""In the specification, but not done to what a session sees: refused by name, saying where to turn."""


ALGORITHMS: Final[Mapping[str, str]] = {
    "hash": "HMAC-SHA256",
    "tokenize": "random-128",
    "date_shift": "HMAC-SHA256",
    "noise": "SipHash-2-4",
}
"""What is computed, or kept, under a key, by op."""


_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)


class InvalidSpec(Exception):
    """What is wrong with a transform, parameter by parameter."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(faults)
        self.faults = faults


def read_spec(raw: Mapping[str, Any]) -> Spec:
    """The transform that a policy writes as `{op, …}`; raises InvalidSpec."""
    op = raw.get("op")
    if isinstance(op, str) and op in ELSEWHERE:
        raise InvalidSpec((("op", f"{op} is not done in a session: {ELSEWHERE[op]}"),))
    if op not in OPS:
        raise InvalidSpec((("op", f"Must be one of {', '.join(OPS)}"),))
    try:
        spec: Spec = convert(raw, _Any)
    except ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        if unknown := _UNKNOWN.fullmatch(message):
            raise InvalidSpec(((unknown["name"], f"{op} has no such parameter"),)) from None
        raise InvalidSpec(((path.rstrip("`").lstrip(".").partition("[")[0] or "op", message),)) from None
    faults = tuple(spec.faults())
    if faults:
        raise InvalidSpec(faults)
    return spec


def misfits(spec: Spec, path: str, schema: Schema) -> Iterator[Fault]:
    """Why a transform does not fit the field at a path: the values of lists are looked at one by one."""
    type_ = field_at(schema, path)
    if type_ is None:
        yield "op", "The dataset has no such field, or it lies inside values of mixed types, which change as a whole"
    elif isinstance(type_, Scalar):
        yield from spec.misfits(type_.kind)
    elif not isinstance(spec, Drop):
        yield "op", "Only drop fits a whole object; name its members"
    if isinstance(spec, DateShift) and not is_subject(schema, spec.subject):
        yield "subject", "Must name a field with one value for each record: text, a whole number or a date"


def field_at(schema: Schema, path: str) -> Scalar | StructType | None:
    """The type of the single values, or of the objects, at a path of names; lists are passed through."""
    found: Type | None = schema
    for step in path.split("."):
        found = found.member(step) if isinstance(found, StructType) else None
        while isinstance(found, ListOf):
            found = found.element
    return None if isinstance(found, ListOf) else found


def is_subject(schema: Schema, path: str) -> bool:
    """Whether a field can say whom a record is about."""
    found: Type | None = schema
    for step in path.split("."):
        found = found.member(step) if isinstance(found, StructType) else None
    return isinstance(found, Scalar) and found.kind in Hash.kinds

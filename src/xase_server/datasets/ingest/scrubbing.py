"""`scrub_text`: personal data in free text, replaced by its kind before the text is kept (docs/adr/0024).

Presidio's patterns and checksums find it, without any model of language: `[EMAIL_ADDRESS]` is found, the name
of a person is not. Nothing is fetched from anywhere.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import pyarrow as pa

from xase_server.datasets.types import Array, arrow_schema
from xase_server.datasets.union import rebuilt_list, rebuilt_struct
from xase_server.domain.datasets import PATTERN_ONLY
from xase_server.ports.datasets import IngestProblem
from xase_server.query.schema import STRING, ListOf, Schema, Struct, Type

_LEAST_SCORE: Final = 0.4
"""Patterns that are surer than that alone; weaker ones would need words around them, and a model to read those."""

_MOST_PASSES: Final = 8

_RECOGNIZERS: Final[Mapping[str, str]] = {
    "CREDIT_CARD": "CreditCardRecognizer",
    "CRYPTO": "CryptoRecognizer",
    "DATE_TIME": "DateRecognizer",
    "IBAN_CODE": "IbanRecognizer",
    "IP_ADDRESS": "IpRecognizer",
    "MAC_ADDRESS": "MacAddressRecognizer",
    "MEDICAL_LICENSE": "MedicalLicenseRecognizer",
    "PHONE_NUMBER": "PhoneRecognizer",
    "UK_NHS": "NhsRecognizer",
    "URL": "UrlRecognizer",
    "US_ITIN": "UsItinRecognizer",
    "US_SSN": "UsSsnRecognizer",
    "UUID": "UuidRecognizer",
}

Batch = pa.RecordBatch
Span = tuple[int, int, str]


def is_installed() -> bool:
    """Whether text can be scrubbed on this server."""
    return find_spec("presidio_analyzer") is not None


class Scrubber:
    """Replaces kinds of personal data in fields of text: path → kinds, for batches of this schema.

    Raises IngestProblem for a path without text, or one that record ids were taken from (`kept`), and where
    Presidio is not installed.
    """

    def __init__(self, wishes: Mapping[str, Sequence[str]], schema: Schema, *, kept: str | None) -> None:
        self._schema = schema
        self._fields = {path: _Field(path, kinds) for path, kinds in wishes.items()}
        for path in wishes:
            if path == kept or not _is_text(schema, path.split(".")):
                raise IngestProblem(
                    f"Field '{path}' cannot be scrubbed: it holds no free text, or ids are taken from it"
                )
        if wishes and not is_installed():
            raise IngestProblem("Text cannot be scrubbed on this server: xase[presidio] is not installed")

    def scrubbed(self, batch: Batch) -> Batch:
        """The batch with its text replaced."""
        return self._scrubbed(batch, self._fields.values())

    def again(self, before: Mapping[str, Mapping[str, Any]]) -> Callable[[Batch], Batch]:
        """What to do with rows of a version in which this was replaced: nothing where the same was wished for."""
        open_ = []
        for path, field in self._fields.items():
            if path in before and tuple(before[path]["entities"]) == field.kinds:
                field.found.update(before[path]["found"])
            else:
                open_.append(field)
        return lambda batch: self._scrubbed(batch, open_)

    def _scrubbed(self, batch: Batch, fields: "Iterable[_Field]") -> Batch:
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        for field in fields:
            head, *steps = field.steps
            columns[head] = _changed(columns[head], self._schema.member(head), steps, field.change)
        return pa.RecordBatch.from_arrays(list(columns.values()), schema=arrow_schema(self._schema))

    def found(self) -> dict[str, dict[str, Any]]:
        """By field: how it was done, what was looked for, and how many of each were found."""
        return {
            path: {"label": PATTERN_ONLY, "entities": list(field.kinds), "found": dict(sorted(field.found.items()))}
            for path, field in self._fields.items()
        }


class _Field:
    def __init__(self, path: str, kinds: Sequence[str]) -> None:
        self.steps = path.split(".")
        self.kinds = tuple(kinds)
        self.found: Counter[str] = Counter()
        self._recognizers: dict[str, Any] | None = None

    def change(self, array: Array) -> Array:
        """The texts with what was found replaced; each different text is looked at once."""
        if self._recognizers is None:
            self._recognizers = _recognizers(self.kinds)
        encoded = array.dictionary_encode()
        counts = np.bincount(encoded.indices.drop_null().to_numpy(), minlength=len(encoded.dictionary))
        texts = []
        for text, count in zip(encoded.dictionary.to_pylist(), counts.tolist(), strict=True):
            clean, kinds = _clean(text, self._recognizers)
            texts.append(clean)
            for kind in kinds:
                self.found[kind] += count
        return pa.array(texts, pa.string()).take(encoded.indices)


class _TooSlow(logging.Filter):
    """Presidio passes over a pattern that takes too long, and warns. Text that was not looked at must not be kept."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Raise IngestProblem for every warning."""
        if record.levelno >= logging.WARNING:
            raise IngestProblem("A text takes too long to be searched for personal data; shorten it, or leave it out")
        return False


def _recognizers(kinds: Sequence[str]) -> dict[str, Any]:
    from presidio_analyzer import PatternRecognizer, predefined_recognizers

    found: dict[str, Any] = {}
    for kind in kinds:
        if kind == "EMAIL_ADDRESS":  # the class looks domains up in a list that it would fetch
            patterns = predefined_recognizers.EmailRecognizer.PATTERNS
            found[kind] = PatternRecognizer(kind, patterns=patterns)
        else:
            found[kind] = getattr(predefined_recognizers, _RECOGNIZERS[kind])()
    logger = logging.getLogger("presidio-analyzer")
    logger.setLevel(logging.WARNING)
    logger.addFilter(_TooSlow())
    return found


def _clean(text: str, recognizers: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The text with every find replaced by its kind, and the kinds, until nothing more is found.

    What stood beside a find may look like another one once that is gone.
    """
    kinds: list[str] = []
    for _ in range(_MOST_PASSES):
        text, found = _replaced(text, recognizers)
        if not found:
            break
        kinds += found
    return text, kinds


def _replaced(text: str, recognizers: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The text with every find replaced by its kind, and the kinds; finds that overlap are one, of the surest kind."""
    finds = sorted(
        (find.start, -find.end, -find.score, kind)
        for kind, recognizer in recognizers.items()
        for find in recognizer.analyze(text, [kind], None)
        if find.score >= _LEAST_SCORE
    )
    spans: list[tuple[int, int, float, str]] = []
    for start, end, score, kind in finds:
        if spans and start < spans[-1][1]:
            first, last, surest, name = spans.pop()
            best = min((surest, name), (score, kind), key=lambda each: each[0])
            spans.append((first, max(last, -end), *best))
        else:
            spans.append((start, -end, score, kind))
    parts, at = [], 0
    for start, end, _, kind in spans:
        parts += [text[at:start], f"[{kind}]"]
        at = end
    return "".join([*parts, text[at:]]), [kind for *_, kind in spans]


def _is_text(type_: Type | None, steps: Sequence[str]) -> bool:
    if isinstance(type_, ListOf):
        return _is_text(type_.element, steps)
    if not steps:
        return type_ == STRING
    return isinstance(type_, Struct) and _is_text(type_.member(steps[0]), steps[1:])


def _changed(array: Array, type_: Type | None, steps: Sequence[str], change: Callable[[Array], Array]) -> Array:
    if isinstance(type_, ListOf):
        return rebuilt_list(array, _changed(array.flatten(), type_.element, steps, change))
    if isinstance(type_, Struct):
        parts = array.flatten()
        place = [name for name, _ in type_.members].index(steps[0])
        parts[place] = _changed(parts[place], type_.members[place][1], steps[1:], change)
        return rebuilt_struct(array, parts, type_)
    return change(array)

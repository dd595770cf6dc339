"""`mask` and `redact`: less of a text, or nothing of it."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from xase_server.delivery.nesting import Array
from xase_server.query.schema import Kind
from xase_server.transforms.distinct import by_text, texts
from xase_server.transforms.graphemes import graphemes
from xase_server.transforms.memo import Memo, Memory, Results
from xase_server.transforms.specs import MAX_KEPT_SHARE, Mask, Redact


def masked(spec: Mask, memory: Memory) -> Callable[[Array], Array]:
    """Keeps the first and the last characters as people count them."""

    def made(values: Array) -> Results:
        return np.array([_masked(graphemes(each), spec) for each in texts(values)], object)

    memo = Memo(made, memory, spec)
    return lambda array: by_text(array, memo)


def _masked(parts: Sequence[str], spec: Mask) -> str:
    first, last = spec.keep_first, spec.keep_last
    if first + last > MAX_KEPT_SHARE * len(parts):
        first = last = 0
    hidden = spec.char * (len(parts) - first - last)
    return "".join((*parts[:first], hidden, *parts[len(parts) - last :]))


def redacted(spec: Redact, kind: Kind) -> Callable[[Array], Array]:
    """Makes all rows alike, also those without a value: that one is missing may be telling, too."""
    if kind is Kind.STRING:
        return lambda array: pa.repeat(spec.value, len(array)).cast(array.type)
    return lambda array: pa.nulls(len(array), array.type)

"""Arrays whose buffers hold the values of their own rows and nothing else.

A slice shares the buffers of what it was cut from, and what writes Arrow pads each of them to a multiple
of 64 bytes with whatever comes next: the values of rows that were not to leave. And below a null there may
still be the value that it replaced. The arrays made here end where their rows end and have zeros, or
nothing, below nulls. Nothing is copied for it but bits, offsets that do not begin at 0, and what hid a value.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from xase_server.delivery.nesting import (
    Array,
    around_members,
    around_window,
    bits,
    buffer,
    is_list,
    validity,
    window,
)


def exact(array: Array) -> Array:
    """The same values in buffers of their own extent."""
    type_ = array.type
    if pa.types.is_struct(type_):
        # flatten, for below a null struct its members are to be null as well
        return around_members(array, {field.name: exact(child) for field, child in _flattened(array)})
    if is_list(type_):
        return _list(array)
    if pa.types.is_boolean(type_):
        return pa.Array.from_buffers(type_, len(array), [validity(array), bits(array.fill_null(False))])
    if pa.types.is_primitive(type_):
        return _fixed(array, type_.bit_width // 8)
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return _texts(array)
    return _copied(array)


def _flattened(array: Array) -> Any:
    return zip(array.type.fields, array.flatten(), strict=True)


def _list(array: Array) -> Array:
    offsets, values = window(array)
    if _hides(array, offsets):
        offsets, values = window(_copied(array))
    return around_window(array, offsets, exact(values))


def _fixed(array: Array, width: int) -> Array:
    values = array.buffers()[1].slice(array.offset * width, len(array) * width)
    if array.null_count:
        shown, nulls = np.frombuffer(memoryview(values), f"u{width}"), _nulls(array)
        if ((shown != 0) & nulls).any():  # much faster than shown[nulls]
            values = buffer(np.where(nulls, shown.dtype.type(0), shown))
    return pa.Array.from_buffers(array.type, len(array), [validity(array), values])


def _texts(array: Array) -> Array:
    kind: Any = np.int64 if pa.types.is_large_string(array.type) else np.int32
    _, starts, content = array.buffers()
    if not len(array) or content is None:
        return _copied(array)
    offsets = np.frombuffer(starts, kind)[array.offset : array.offset + len(array) + 1]
    if _hides(array, offsets):
        return _texts(_copied(array))
    first = offsets[0]
    text = content.slice(int(first), int(offsets[-1] - first))
    starts = buffer(offsets - first if first else offsets)
    return pa.Array.from_buffers(array.type, len(array), [validity(array), starts, text])


def _hides(array: Array, offsets: "np.ndarray[Any, Any]") -> bool:
    """Whether a null has something below it."""
    return bool(array.null_count) and bool((np.diff(offsets).astype(bool) & _nulls(array)).any())


def _nulls(array: Array) -> Any:
    packed = np.frombuffer(memoryview(bits(array.is_null())), np.uint8)
    return np.unpackbits(packed, count=len(array), bitorder="little").view(bool)


def _copied(array: Array) -> Array:
    return array.take(pa.array(np.arange(len(array))))

"""Arrays whose buffers hold their own rows and nothing else.

A slice shares the buffers of what it was cut from, and what writes Arrow pads each of them to a multiple
of 64 bytes with whatever comes next: the values of rows that were not to leave. The arrays made here end
where their rows end. Nothing is copied but bits, and the offsets of texts and lists that do not begin at 0.
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
    members,
    validity,
    window,
)


def exact(array: Array) -> Array:
    """The same values in buffers of their own extent."""
    type_ = array.type
    if pa.types.is_struct(type_):
        return around_members(array, {name: exact(child) for name, child in members(array).items()})
    if is_list(type_):
        offsets, values = window(array)
        return around_window(array, offsets, exact(values))
    if pa.types.is_boolean(type_):
        return pa.Array.from_buffers(type_, len(array), [validity(array), bits(array.fill_null(False))])
    if pa.types.is_primitive(type_):
        return _fixed(array, type_.bit_width // 8)
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return _texts(array)
    return array.take(pa.array(np.arange(len(array))))


def _fixed(array: Array, width: int) -> Array:
    values = array.buffers()[1].slice(array.offset * width, len(array) * width)
    return pa.Array.from_buffers(array.type, len(array), [validity(array), values])


def _texts(array: Array) -> Array:
    kind: Any = np.int64 if pa.types.is_large_string(array.type) else np.int32
    _, starts, content = array.buffers()
    if not len(array) or content is None:
        return array.take(pa.array(np.arange(len(array))))
    offsets = np.frombuffer(starts, kind)[array.offset : array.offset + len(array) + 1]
    first = offsets[0]
    text = content.slice(int(first), int(offsets[-1] - first))
    return pa.Array.from_buffers(
        array.type, len(array), [validity(array), buffer(offsets - first if first else offsets), text]
    )

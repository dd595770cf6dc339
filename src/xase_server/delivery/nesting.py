"""Arrow structs and lists taken apart and put together around other children, without copying what stays."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

Array = Any
"""An Arrow array; its stubs, six versions behind, know neither members nor offsets."""

Column = Any
"""A chunked Arrow array."""

Change = Callable[[Array], Array]

_BYTE = 8


def is_list(type_: pa.DataType) -> bool:
    """Whether arrays of the type are lists by offsets."""
    return pa.types.is_list(type_) or pa.types.is_large_list(type_)


def members(array: Array) -> dict[str, Array]:
    """A struct's members by name, each as long as the struct."""
    return {field.name: array.field(place) for place, field in enumerate(array.type.fields)}


def around_members(array: Array, children: Mapping[str, Array]) -> Array:
    """The struct with these members instead of its own; where it is null it stays null."""
    fields = [pa.field(name, child.type) for name, child in children.items()]
    return pa.Array.from_buffers(pa.struct(fields), len(array), [validity(array)], children=list(children.values()))


def around_values(array: Array, change: Change) -> Array:
    """The list with its values changed; `change` keeps their number. It does not see values of other rows."""
    offsets, values = window(array)
    after = change(values)
    return array if after is values else around_window(array, offsets, after)


def dense(array: Array) -> Array:
    """The list without its null elements."""
    offsets, values = window(array)
    if not values.null_count:
        return array
    before = np.concatenate([[0], np.cumsum(values.is_valid().to_numpy(zero_copy_only=False))])
    return around_window(array, before[offsets].astype(offsets.dtype), values.drop_null())


def leaves(array: Array, change: Change) -> Array:
    """The array with `change` done to whatever in it is neither struct nor list; itself when nothing changed.

    Its structs begin at their first row: arrow-rs counts the offset of a sliced struct twice where another
    one lies in it (https://github.com/apache/arrow-rs/issues/9235).
    """
    if pa.types.is_struct(array.type):
        before = members(array)
        after = {name: leaves(child, change) for name, child in before.items()}
        same = not array.offset and all(after[name] is before[name] for name in before)
        return array if same else around_members(array, after)
    if is_list(array.type):
        return around_values(array, lambda values: leaves(values, change))
    return change(array)


def changed(table: pa.Table, change: Change) -> pa.Table:
    """The table with every chunk of every column changed."""
    columns = [chunked(table.column(place), change) for place in range(table.num_columns)]
    return pa.Table.from_arrays(columns, names=table.column_names)


def chunked(column: Column, change: Change) -> Column:
    """The column with every chunk changed; the type changes even where there is no chunk."""
    return pa.chunked_array([change(chunk) for chunk in column.chunks or [pa.array([], type=column.type)]])


def window(array: Array) -> tuple["np.ndarray[Any, Any]", Array]:
    """A list's offsets, beginning at 0, and the values between the first and the last of them."""
    if not len(array):
        return np.zeros(1, "int64" if pa.types.is_large_list(array.type) else "int32"), array.values.slice(0, 0)
    offsets = array.offsets.to_numpy()
    first, last = int(offsets[0]), int(offsets[-1])
    values = array.values
    if last - first != len(values):
        values = values.slice(first, last - first)
    return (offsets - offsets[0] if first else offsets), values


def around_window(array: Array, offsets: "np.ndarray[Any, Any]", values: Array) -> Array:
    """The list with other offsets and values; where it is null it stays null."""
    kind: Any = pa.large_list if pa.types.is_large_list(array.type) else pa.list_
    type_ = kind(pa.field(array.type.value_field.name, values.type))
    return pa.Array.from_buffers(type_, len(array), [validity(array), buffer(offsets)], children=[values])


def validity(array: Array) -> pa.Buffer | None:
    """The bits of this array alone that tell what is there; None where everything is."""
    return bits(array.is_valid()) if array.null_count else None


def bits(array: Array) -> pa.Buffer:
    """The bits of a boolean array without nulls, from the first on, and no others."""
    if array.offset % _BYTE:
        return buffer(np.packbits(array.to_numpy(zero_copy_only=False), bitorder="little"))
    held: pa.Buffer = array.buffers()[1].slice(array.offset // _BYTE, -(-len(array) // _BYTE))
    if not len(array) % _BYTE:
        return held
    # the last byte has bits of the rows that follow
    own = np.frombuffer(memoryview(held), np.uint8).copy()
    own[-1] &= (1 << len(array) % _BYTE) - 1
    return buffer(own)


def buffer(words: Any) -> pa.Buffer:
    """The memory of a numpy array."""
    return pa.py_buffer(words)

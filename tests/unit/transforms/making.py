"""Compiling and applying a few transforms to a few rows."""

from typing import Any

import numpy as np
import pyarrow as pa

from xase_server.query.schema import Schema
from xase_server.transforms.compiled import Transforms, compile_transforms
from xase_server.transforms.keys import Keys

KEYS = Keys(b"\x07" * 32, "org_hospital", "ds_1", "sess_1")


def compiled(specs: dict[str, Any], schema: Schema, keys: Keys = KEYS) -> Transforms:
    return compile_transforms(specs, schema, keys)


def applied(specs: dict[str, Any], schema: Schema, table: pa.Table, keys: Keys = KEYS) -> pa.Table:
    return compiled(specs, schema, keys).apply(table, np.arange(table.num_rows, dtype=np.int64))


def column(spec: dict[str, Any], type_, values: list[Any], arrow: pa.DataType | None = None, keys: Keys = KEYS):
    """What becomes of one column."""
    from xase_server.query.schema import Struct

    table = pa.table({"f": pa.array(values, arrow)})
    return applied({"f": spec}, Struct((("f", type_),)), table, keys).column("f").to_pylist()

"""Sources for datasets: content written in the format that the name says."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Content = bytes | str | pa.Table | Sequence[Any]


def write(path: Path, content: Content) -> Path:
    """Text and bytes as they are, a table as the name says, anything else as NDJSON."""
    if isinstance(content, pa.Table):
        _write_table(path, content)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else "".join(json.dumps(each) + "\n" for each in content)
        path.write_text(text, newline="")
    return path


def _write_table(path: Path, table: pa.Table) -> None:
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".arrows":
        with pa.ipc.new_stream(str(path), table.schema) as stream:
            stream.write_table(table)
    else:
        with pa.ipc.new_file(str(path), table.schema) as file:
            file.write_table(table)

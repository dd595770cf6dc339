"""The digest of a version: a Merkle tree whose leaves are the bytes of its Parquet file, group by group.

The cuts are where row groups begin, and where the last one ends: what stands after it (the footer: names,
types, statistics) is a leaf of its own, so that no byte of the file is left out.
"""

from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq

from xase.proof.digest import format_digest
from xase.proof.merkle import root_hash

_PIECE = 1 << 20


def file_digest(path: Path, metadata: pq.FileMetaData) -> str:
    """`sha256:…`: the root over the file's row groups and its footer (RFC 9162)."""
    cuts = [_begin(metadata.row_group(n)) for n in range(1, metadata.num_row_groups)]
    if metadata.num_row_groups:
        cuts.append(_end(metadata.row_group(metadata.num_row_groups - 1)))
    bounds = [0, *cuts, path.stat().st_size]
    with path.open("rb") as stream:
        leaves = [_leaf(stream, stop - start) for start, stop in pairwise(bounds)]
    return format_digest(root_hash(leaves))


def _leaf(stream: BinaryIO, length: int) -> bytes:
    digest = sha256(b"\x00")
    while length:
        piece = stream.read(min(length, _PIECE))
        digest.update(piece)
        length -= len(piece)
    return digest.digest()


def _begin(group: pq.RowGroupMetaData) -> int:
    return min(_start(group.column(n)) for n in range(group.num_columns))


def _end(group: pq.RowGroupMetaData) -> int:
    columns = [group.column(n) for n in range(group.num_columns)]
    return max(_start(column) + column.total_compressed_size for column in columns)


def _start(column: pq.ColumnChunkMetaData) -> int:
    dictionary = column.dictionary_page_offset
    return min(column.data_page_offset, dictionary) if dictionary else column.data_page_offset

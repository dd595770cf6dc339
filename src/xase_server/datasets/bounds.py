"""What an ingest may cost. Every bound is checked before the memory or disk it guards is asked for."""

from msgspec import Struct

from xase_server.ports.datasets import IngestProblem


class Bounds(Struct, frozen=True, kw_only=True):
    """Passing one of these is an IngestProblem with `too_large`.

    `rows_unquestioned` and `rows_per_byte`: a Parquet file may claim so many rows, or so many for each of
    its bytes; three kilobytes can claim 10^12. `memory_bytes` is what the converting process may have.
    """

    rows: int = (1 << 31) - 1
    columns: int = 10_000
    depth: int = 32
    source_bytes: int = 1 << 40
    written_bytes: int = 1 << 40
    memory_bytes: int = 2 << 30
    footer_bytes: int = 64 << 20
    line_bytes: int = 16 << 20
    id_bytes: int = 512
    rows_unquestioned: int = 10_000_000
    rows_per_byte: int = 100

    def check_source(self, size: int) -> None:
        """Raise IngestProblem for a file that is empty or too long."""
        if size == 0:
            raise IngestProblem("The file is empty")
        if size > self.source_bytes:
            raise too_large(f"The file has {size:,} bytes; at most {self.source_bytes:,} are read")

    def check_rows(self, rows: int) -> None:
        """Raise IngestProblem for more rows than a version may have."""
        if rows > self.rows:
            raise too_large(f"There are more than {self.rows:,} rows")

    def check_claim(self, rows: int, size: int) -> None:
        """Raise IngestProblem when a file of this size claims rows that it can hardly have."""
        if not 0 <= rows <= max(self.rows_unquestioned, size * self.rows_per_byte):
            raise too_large(f"The file claims {rows:,} rows in {size:,} bytes")
        self.check_rows(rows)

    def check_columns(self, columns: int) -> None:
        """Raise IngestProblem for more columns than a version may have, members of structs counted."""
        if columns > self.columns:
            raise too_large(f"There are {columns:,} columns; at most {self.columns:,} are read")


def too_large(message: str) -> IngestProblem:
    """The refusal of what passes a bound."""
    return IngestProblem(message, too_large=True)

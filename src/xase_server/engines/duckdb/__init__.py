"""DuckDB as an engine: nodes to SQL expressions with bound parameters, compiled once for each shape of query."""

from xase_server.engines.duckdb.engine import DuckDBEngine

__all__ = ["DuckDBEngine"]

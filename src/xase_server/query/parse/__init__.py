"""From decoded JSON to typed nodes whose paths exist. Whatever the grammar does not name is refused with its place."""

from xase_server.query.parse.filters import parse_filter
from xase_server.query.parse.finds import parse_fields, parse_find, parse_sort
from xase_server.query.parse.pipelines import parse_pipeline
from xase_server.query.parse.request import decode

__all__ = ["decode", "parse_fields", "parse_filter", "parse_find", "parse_pipeline", "parse_sort"]

"""The functions of the expression language in SQL: one for each entry of `query.functions.FUNCTIONS`."""

from collections.abc import Mapping
from typing import Final

from xase_server.engines.duckdb.functions import arithmetic, comparison, conversion, dates, elsewhere, lists, text
from xase_server.engines.duckdb.functions.checking import Compile

FUNCTIONS: Final[Mapping[str, Compile]] = {
    **comparison.FUNCTIONS,
    **arithmetic.FUNCTIONS,
    **text.FUNCTIONS,
    **lists.FUNCTIONS,
    **elsewhere.FUNCTIONS,
    **dates.FUNCTIONS,
    **conversion.FUNCTIONS,
}

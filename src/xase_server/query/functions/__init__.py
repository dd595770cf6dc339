"""Every operator of the expression language that is a function of its operands' values."""

from collections.abc import Mapping
from typing import Final

from xase_server.query.functions import arithmetic, comparison, conversion, dates, lists, sets, text
from xase_server.query.functions.function import Function

FUNCTIONS: Final[Mapping[str, Function]] = {
    **comparison.FUNCTIONS,
    **arithmetic.FUNCTIONS,
    **text.FUNCTIONS,
    **lists.FUNCTIONS,
    **sets.FUNCTIONS,
    **dates.FUNCTIONS,
    **conversion.FUNCTIONS,
}

"""What a caller is told when a query is not one of ours."""

from xase_server.domain.errors import Refused

# One wording for a field that does not exist and for one that the caller may not see.
NO_SUCH_FIELD = "No such field"


class EvaluationError(Exception):
    """An expression has no value for some row: division by zero, `$toInt` of a word, `$size` of a number."""


def refuse(where: str, message: str) -> Refused:
    """An `invalid_query` about one place; `where` is the path into the filter or pipeline, empty for all of it."""
    return Refused("invalid_query", "Invalid query", [{"field": where or "query", "message": message}])


def below(where: str, step: str | int) -> str:
    """The path one step further down, as it is reported."""
    return f"{where}.{step}" if where else str(step)

"""How a command ends: exit codes, and what is said when it ends badly."""

from enum import IntEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from xase.errors import APIError, XaseError


class ExitCode(IntEnum):
    """What the exit code of every command means. Scripts rely on it: a code never changes its meaning."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    NOT_ALLOWED = 3
    NOT_FOUND = 4
    UNAVAILABLE = 5
    VERIFICATION_FAILED = 6
    NOT_JUDGED = 7
    REFUSED = 8


MEANING: Final = {
    ExitCode.OK: "done",
    ExitCode.UNEXPECTED: "something unexpected: a defect, or a fault of the machine",
    ExitCode.USAGE: "the command line, a file it names, or JSON it was given is wrong",
    ExitCode.NOT_ALLOWED: "no API key, one that does not work, or one that may not do this",
    ExitCode.NOT_FOUND: "there is no such object",
    ExitCode.UNAVAILABLE: "the server cannot be reached, or cannot answer now; try again",
    ExitCode.VERIFICATION_FAILED: "verification failed: what was checked is not what was signed",
    ExitCode.NOT_JUDGED: "could not be judged: unreadable, or no trusted key",
    ExitCode.REFUSED: "the server refused the request: a validation, conflict or limit",
}


class Stop(Exception):
    """Ends the command with a message for people, and a code and facts for scripts."""

    def __init__(self, message: str, code: ExitCode, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.facts = facts


def stop_of(error: "XaseError") -> Stop:
    """How a command ends on an error of the client: message and code."""
    from xase import errors

    if isinstance(error, errors.APIError):
        facts = {"slug": error.slug, "details": error.details, "request_id": error.request_id}
        return Stop(_spell(error), _code(error), **facts)
    by_kind = (
        (errors.ConfigurationError, ExitCode.USAGE),
        (errors.TransportError, ExitCode.UNAVAILABLE),
        (errors.DatasetError, ExitCode.REFUSED),
        (errors.EvidenceError, ExitCode.VERIFICATION_FAILED),
        (errors.SpoolFull, ExitCode.REFUSED),
    )
    return Stop(str(error), next((code for kind, code in by_kind if isinstance(error, kind)), ExitCode.UNEXPECTED))


def _code(error: "APIError") -> ExitCode:
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ExitCode.UNAVAILABLE
    by_status = {401: ExitCode.NOT_ALLOWED, 403: ExitCode.NOT_ALLOWED, 404: ExitCode.NOT_FOUND}
    return by_status.get(error.status, ExitCode.REFUSED)


def _spell(error: "APIError") -> str:
    """The server's message, each field it names on a line of its own, and the request's id."""
    fields = error.details if isinstance(error.details, list) else []
    lines = [f"  {each.get('field')}: {each.get('message')}" for each in fields if isinstance(each, dict)]
    scope = error.details.get("required_scope") if isinstance(error.details, dict) else None
    lines += [f"  it needs the scope {scope}"] if scope else []
    lines += [f"  request {error.request_id}"] if error.request_id else []
    return "\n".join([f"{error.message} ({error.slug or error.status})", *lines])

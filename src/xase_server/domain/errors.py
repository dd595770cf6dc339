"""The error catalogue: one table drives the answers, the SDK's classes and the reference page.

Source: docs/spec/api.md, section 1. A refusal is raised as `Refused`; everything else that
escapes is a defect and leaves the server as `internal_error`, without its cause.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One line of the catalogue."""

    slug: str
    status: int
    title: str
    meaning: str


_KINDS: Final = (
    ErrorKind(
        "validation_error",
        400,
        "Invalid request",
        "A field or parameter is missing, malformed, unknown or out of range.",
    ),
    ErrorKind("invalid_cursor", 400, "Invalid cursor", "The cursor was changed, or was made for another question."),
    ErrorKind(
        "invalid_query",
        400,
        "Invalid query",
        "A filter, sort, projection or pipeline that the language does not have, or beyond a limit.",
    ),
    ErrorKind(
        "authentication_error", 401, "Not authenticated", "No API key, or one that is unknown, expired or revoked."
    ),
    ErrorKind(
        "authorization_error", 403, "Not allowed", "The key is valid but lacks the scope that this endpoint needs."
    ),
    ErrorKind(
        "policy_violation",
        403,
        "Not allowed by policy",
        "The policy does not allow this access; `violations` says what could be changed.",
    ),
    ErrorKind(
        "approval_required",
        403,
        "Approval required",
        "People must agree first; the request waits for them.",
    ),
    ErrorKind("session_expired", 403, "Session expired", "The session's time is over; ask for access again."),
    ErrorKind("access_revoked", 403, "Access revoked", "The data holder has ended this session."),
    ErrorKind("session_closed", 403, "Session closed", "The session was closed by those who used it."),
    ErrorKind(
        "group_too_small",
        403,
        "Group too small",
        "The answer would speak of fewer subjects than the policy allows.",
    ),
    ErrorKind("budget_exhausted", 403, "Budget exhausted", "The privacy budget does not cover another such query."),
    ErrorKind(
        "quota_exceeded",
        403,
        "Quota exceeded",
        "The session, or its organisation over all of its sessions, has used up what the policy allows.",
    ),
    ErrorKind("not_found", 404, "Not found", "No such object, or one of another organisation."),
    ErrorKind("method_not_allowed", 405, "Method not allowed", "The address exists but does not answer this method."),
    ErrorKind("request_timeout", 408, "Too slow", "The body did not arrive within the time limit."),
    ErrorKind("conflict", 409, "Conflict", "The request contradicts the present state, or names more than one object."),
    ErrorKind(
        "idempotency_in_progress",
        409,
        "Still running",
        "A request with this idempotency key has not been answered yet.",
    ),
    ErrorKind("payload_too_large", 413, "Too large", "The body is larger than the limit."),
    ErrorKind(
        "unsupported_media_type", 415, "Unsupported media type", "The body is not in a format that this endpoint reads."
    ),
    ErrorKind(
        "idempotency_mismatch", 422, "Idempotency key reused", "This idempotency key was used before with another body."
    ),
    ErrorKind(
        "rate_limit_exceeded",
        429,
        "Too many requests",
        "The key, its session or its organisation made more requests than it may in this period.",
    ),
    ErrorKind("internal_error", 500, "Internal error", "A defect of the server; the request id finds it in the log."),
    ErrorKind(
        "unavailable", 503, "Unavailable", "The ledger cannot be written or read now; the request may be repeated."
    ),
)

CATALOGUE: Final[Mapping[str, ErrorKind]] = {kind.slug: kind for kind in _KINDS}


class Refused(Exception):
    """A request that is answered with an error of the catalogue; nothing was stored.

    `retry_after` are the seconds after which the same request may be taken.
    """

    def __init__(self, slug: str, message: str, details: Any = None, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.kind = CATALOGUE[slug]
        self.message = message
        self.details = details
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field; `field` is a dotted path."""

    field: str
    message: str


@dataclass(slots=True)
class Problems:
    """Collects what is wrong with a request, so that the caller learns of all of it at once."""

    found: list[FieldProblem] = field(default_factory=list)

    def add(self, field_path: str, message: str) -> None:
        """Note what is wrong with one field."""
        self.found.append(FieldProblem(field_path, message))

    def refuse_if_any(self, message: str = "Invalid request body") -> None:
        """Raise `validation_error` when something was found."""
        if self.found:
            raise invalid(message, *self.found)


def invalid(message: str, *problems: FieldProblem) -> Refused:
    """A `validation_error` naming each field."""
    return Refused("validation_error", message, [{"field": p.field, "message": p.message} for p in problems])


def invalid_field(field_path: str, message: str, *, summary: str = "Invalid request body") -> Refused:
    """A `validation_error` about a single field."""
    return invalid(summary, FieldProblem(field_path, message))


def not_found(resource: str, identifier: str) -> Refused:
    """The one answer for what does not exist and for what belongs to somebody else."""
    return Refused("not_found", f"No such {resource}", {"resource": resource, "id": identifier})


def unavailable(message: str, retry_after: int = 1) -> Refused:
    """The request may be repeated after `retry_after` seconds; nothing was acknowledged."""
    return Refused("unavailable", message, {"retry_after": retry_after}, retry_after=retry_after)

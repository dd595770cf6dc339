"""Everything this package raises on purpose.

    XaseError
    ├── ConfigurationError                the client cannot be made, or a local file is not usable
    ├── SpoolError                        the local spool cannot be read or written
    │   └── SpoolFull                         it holds as much as it may
    ├── APIError                          the server answered, and refused
    │   ├── BadRequest                    400
    │   │   ├── ValidationFailed              validation_error
    │   │   ├── InvalidQuery                  invalid_query
    │   │   └── InvalidCursor                 invalid_cursor
    │   ├── AuthenticationFailed          401 authentication_error
    │   ├── Forbidden                     403
    │   │   ├── AuthorizationFailed           authorization_error
    │   │   ├── PolicyViolation               policy_violation
    │   │   ├── ApprovalRequired              approval_required
    │   │   ├── SessionExpired                session_expired
    │   │   ├── AccessRevoked                 access_revoked
    │   │   ├── SessionClosed                 session_closed
    │   │   ├── GroupTooSmall                 group_too_small
    │   │   ├── BudgetExhausted               budget_exhausted
    │   │   └── QuotaExceeded                 quota_exceeded
    │   ├── NotFound                      404 not_found
    │   ├── MethodNotAllowed              405 method_not_allowed
    │   ├── RequestTimeout                408 request_timeout
    │   ├── Conflict                      409 conflict
    │   │   └── IdempotencyInProgress         idempotency_in_progress
    │   ├── PayloadTooLarge               413 payload_too_large
    │   ├── UnsupportedMediaType          415 unsupported_media_type
    │   ├── IdempotencyMismatch           422 idempotency_mismatch
    │   ├── RateLimitExceeded             429 rate_limit_exceeded
    │   └── ServerError                   5xx
    │       ├── InternalError             500 internal_error
    │       └── Unavailable               503 unavailable
    ├── TransportError                    no answer that could be understood
    │   ├── ConnectionFailed                  the server was never reached: nothing was sent
    │   ├── ConnectionLost                    the answer did not arrive whole
    │   ├── UnexpectedAnswer                  the answer is not one of this API
    │   └── Timeout                           the server took longer than the timeout
    │       └── DeadlineExceeded              the whole call took longer than its deadline
    ├── DatasetError                      the data of a dataset cannot be read
    └── EvidenceError                     evidence does not prove what it claims
        ├── UntrustedKey                      signed by a key that is not trusted
        ├── UntrustedMessage                  a webhook's message that is not from who shares its secret
        └── LedgerInconsistent                the log is not the one that was seen before
            ├── LedgerForked                      it contradicts a checkpoint seen before
            └── LedgerTruncated                   it is shorter than a checkpoint seen before

`APIError` is what the server said, `TransportError` the way there. An unknown slug becomes the class of its status.
"""

# mypy: disable-error-code="explicit-override"
# `typing.override` begins with Python 3.12; these are all methods of the data model.

from functools import partial
from typing import Any


class XaseError(Exception):
    """The root: `except xase.XaseError` catches all of the above."""


class ConfigurationError(XaseError):
    """The client cannot be made from these arguments, or a local file it keeps is not usable."""


class SpoolError(XaseError):
    """The local spool cannot be read or written; a decision that was being captured was not taken in."""


class SpoolFull(SpoolError):
    """The local spool holds as much as it may; the decision was not taken in and is still the caller's."""


# ------------------------------------------------------------------ the server refused


class APIError(XaseError):
    """The server answered with an error.

    `status` is the HTTP status, `slug` the name from the error catalogue, `details` what the
    catalogue promises for it, `request_id` what the server's log knows the request by, `retry_after`
    the seconds the server asked to wait (None if it did not).
    """

    slug: str = ""
    status: int = 0

    def __init__(
        self,
        message: str,
        *,
        slug: str | None = None,
        status: int | None = None,
        details: Any = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.slug = type(self).slug if slug is None else slug
        self.status = type(self).status if status is None else status
        self.details = details
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        known_by = f" ({self.request_id})" if self.request_id else ""
        return f"{self.slug or self.status}: {self.message}{self._fields()}{known_by}"

    def _fields(self) -> str:
        """The fields that `details` names, for a reader of the message."""
        if not isinstance(self.details, list | tuple):
            return ""
        named = [f"{each['field']}: {each['message']}" for each in self.details if _names_a_field(each)]
        return f" – {'; '.join(named)}" if named else ""

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), **vars(self)), ()


def _names_a_field(detail: Any) -> bool:
    return isinstance(detail, dict) and "field" in detail and "message" in detail


class BadRequest(APIError):
    """The request cannot be understood as it stands; sending it again will not help."""

    status = 400


class ValidationFailed(BadRequest):
    """A field or parameter is missing, malformed, unknown or out of range; `details` names each."""

    slug = "validation_error"


class InvalidQuery(BadRequest):
    """A filter or pipeline is not in the query language; `details` names the path into it."""

    slug = "invalid_query"


class InvalidCursor(BadRequest):
    """The cursor is malformed, has expired, or belongs to another query or session."""

    slug = "invalid_cursor"


class AuthenticationFailed(APIError):
    """No API key, or one that is unknown, expired or revoked."""

    slug = "authentication_error"
    status = 401


class Forbidden(APIError):
    """Understood, and not allowed."""

    status = 403


class AuthorizationFailed(Forbidden):
    """The key lacks the scope in `details["required_scope"]`."""

    slug = "authorization_error"


class PolicyViolation(Forbidden):
    """The policy says no; `details` names the policy and the rules."""

    slug = "policy_violation"


class ApprovalRequired(Forbidden):
    """People must approve first; `details` names the approval request and who may."""

    slug = "approval_required"


class SessionExpired(Forbidden):
    """The access session has reached its end."""

    slug = "session_expired"


class AccessRevoked(Forbidden):
    """The data holder has revoked access; nothing more will be delivered."""

    slug = "access_revoked"


class SessionClosed(Forbidden):
    """The access session was closed."""

    slug = "session_closed"


class GroupTooSmall(Forbidden):
    """The answer would describe fewer subjects than the policy allows."""

    slug = "group_too_small"


class BudgetExhausted(Forbidden):
    """The privacy budget of the session is spent."""

    slug = "budget_exhausted"


class QuotaExceeded(Forbidden):
    """The session has received as much as the policy allows."""

    slug = "quota_exceeded"


class NotFound(APIError):
    """No such object, or one of another organisation: the server does not tell which."""

    slug = "not_found"
    status = 404


class MethodNotAllowed(APIError):
    """The address exists and does not answer this method."""

    slug = "method_not_allowed"
    status = 405


class RequestTimeout(APIError):
    """The body did not arrive within the server's time limit."""

    slug = "request_timeout"
    status = 408


class Conflict(APIError):
    """The request contradicts the present state, or an id prefix names more than one object."""

    slug = "conflict"
    status = 409


class IdempotencyInProgress(Conflict):
    """A request with this idempotency key is still running."""

    slug = "idempotency_in_progress"


class PayloadTooLarge(APIError):
    """The body is larger than `details["limit_bytes"]`."""

    slug = "payload_too_large"
    status = 413


class UnsupportedMediaType(APIError):
    """The body is in no format that the endpoint reads."""

    slug = "unsupported_media_type"
    status = 415


class IdempotencyMismatch(APIError):
    """The idempotency key was used before with another body."""

    slug = "idempotency_mismatch"
    status = 422


class RateLimitExceeded(APIError):
    """The key made more requests than it may in this period; `retry_after` says when to come back."""

    slug = "rate_limit_exceeded"
    status = 429


class ServerError(APIError):
    """The server could not; the same request may succeed later."""

    status = 500


class InternalError(ServerError):
    """A defect of the server; `request_id` finds it in its log."""

    slug = "internal_error"


class Unavailable(ServerError):
    """The ledger cannot be written or read now; nothing was acknowledged."""

    slug = "unavailable"
    status = 503


# ------------------------------------------------------------------ the way there


class TransportError(XaseError):
    """No answer that could be understood. The request may or may not have taken effect."""


class ConnectionFailed(TransportError):
    """The server was never reached: nothing was sent."""


class ConnectionLost(TransportError):
    """The answer did not arrive whole; the request may have taken effect."""


class UnexpectedAnswer(TransportError):
    """What answered does not speak this API: a proxy's page, a redirect, something that is not JSON."""


class Timeout(TransportError):
    """The server took longer than the timeout; the request may have taken effect."""


class DeadlineExceeded(Timeout):
    """The whole call, retries included, took longer than its deadline."""


# ------------------------------------------------------------------ evidence


class DatasetError(XaseError):
    """The server could not make a version of the data it was given; the message says why, without its values."""


class EvidenceError(XaseError):
    """A proof, signature or hash does not prove what it claims. Keep what you hold: it may be needed."""


class UntrustedKey(EvidenceError):
    """Signed by a key that is not the one remembered or given."""


class UntrustedMessage(EvidenceError):
    """A webhook's message that is not signed by the secret, or was not sent just now: do nothing of what it says."""


class LedgerInconsistent(EvidenceError):
    """The log is not the one that was seen before.

    `remembered` and `shown` are the two signed checkpoints (C2SP notes): together they are the
    evidence against the operator.
    """

    def __init__(self, message: str, *, remembered: str = "", shown: str = "") -> None:
        super().__init__(message)
        self.remembered = remembered
        self.shown = shown

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), str(self), remembered=self.remembered, shown=self.shown), ()


class LedgerForked(LedgerInconsistent):
    """The log contradicts a checkpoint seen before: two histories under one name."""


class LedgerTruncated(LedgerInconsistent):
    """The log is shorter than a checkpoint seen before: its tail was cut or an old copy restored."""


# ------------------------------------------------------------------ from an answer to its class


def _descendants(kind: type[APIError]) -> list[type[APIError]]:
    return [each for child in kind.__subclasses__() for each in (child, *_descendants(child))]


BY_SLUG: dict[str, type[APIError]] = {kind.slug: kind for kind in _descendants(APIError) if kind.slug}
"""Slug → class, for every slug this version knows."""

_BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequest,
    401: AuthenticationFailed,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    408: RequestTimeout,
    409: Conflict,
    413: PayloadTooLarge,
    415: UnsupportedMediaType,
    429: RateLimitExceeded,
    503: Unavailable,
}


def error_class(slug: str | None, status: int) -> type[APIError]:
    """The class for an answer: by slug, else by status, else `ServerError` or `APIError`."""
    if slug in BY_SLUG:
        return BY_SLUG[slug]
    return _BY_STATUS.get(status, ServerError if status >= 500 else APIError)  # noqa: PLR2004 - HTTP's own border

"""Errors as answers: the envelope of the source documents, or RFC 9457 for callers that ask for it."""

from typing import Any, Final

from msgspec.json import encode

from xase_server.domain.errors import CATALOGUE, Refused
from xase_server.web.answer import JSON, PROBLEM, Answer, Header

INTERNAL: Final = Refused("internal_error", "Something went wrong here; the request id finds it in the server's log")


def refusal_answer(refusal: Refused, request_id: str, *, as_problem: bool) -> Answer:
    """The answer to a request that was refused."""
    form, media = (_problem, PROBLEM) if as_problem else (_envelope, JSON)
    answer = Answer(encode(form(refusal, request_id)), refusal.kind.status, media)
    answer.headers += [(b"cache-control", b"no-store"), *_headers(refusal)]
    return answer


def _envelope(refusal: Refused, request_id: str) -> dict[str, Any]:
    slug = refusal.kind.slug
    error: dict[str, Any] = {"type": slug, "code": slug, "message": refusal.message}
    if refusal.details is not None:
        error["details"] = refusal.details
    error["request_id"] = request_id
    return {"error": error}


def _problem(refusal: Refused, request_id: str) -> dict[str, Any]:
    kind = refusal.kind
    problem: dict[str, Any] = {
        "type": problem_type(kind.slug),
        "title": kind.title,
        "status": kind.status,
        "detail": refusal.message,
        "code": kind.slug,
    }
    if refusal.details is not None:
        problem["details"] = refusal.details
    problem["request_id"] = request_id
    return problem


def problem_type(slug: str) -> str:
    """The reference that names an error; it leads to its paragraph in the reference page."""
    assert slug in CATALOGUE, slug
    return f"/docs#{slug}"


def _headers(refusal: Refused) -> list[Header]:
    if refusal.retry_after is not None:
        return [(b"retry-after", b"%d" % refusal.retry_after)]
    match refusal.kind.slug:
        case "authentication_error":
            return [(b"www-authenticate", b"Bearer")]
        case "method_not_allowed":
            return [(b"allow", ", ".join(refusal.details["allowed"]).encode())]
        case "request_timeout" | "payload_too_large":
            return [(b"connection", b"close")]
        case _:
            return []

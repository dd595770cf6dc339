"""What goes over the wire: requests as data, answers as values or errors. No I/O.

Source: docs/spec/api.md, section 1.
"""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from os import PathLike
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from xase._client.config import Config
from xase._client.sources import Source
from xase.errors import APIError, ConfigurationError, UnexpectedAnswer, error_class
from xase.models import plain

JSON: Final = "application/json"
YAML: Final = "application/yaml"
REQUEST_ID: Final = "x-request-id"
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_LONGEST_SHOWN: Final = 200
_DOUBT: Final = "is base_url the address of a Xase server?"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, before anybody sends it.

    A write carries its idempotency key from the start, so that every retry has the same.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    idempotency_key: str | None = None
    accept: str = JSON
    at_root: bool = False  # an address outside /v1, such as /.well-known
    media: str = JSON  # of the body
    size: int | None = None  # of a body that is sent while it is read


def call(
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    body: Any = None,
    idempotency_key: str | None = None,
    accept: str = JSON,
    at_root: bool = False,
) -> Call:
    """A request with JSON body. Raises ValueError or TypeError for a body that is not JSON."""
    if method in _WRITES and idempotency_key is None:
        idempotency_key = uuid4().hex
    content = None if body is None else encode(body)
    return Call(method, path, query(params or {}), content, idempotency_key, accept, at_root=at_root)


def upload(path: str, source: Source, params: Mapping[str, Any], idempotency_key: str | None) -> Call:
    """A request whose body is sent while it is read."""
    key = idempotency_key or uuid4().hex
    return Call("PUT", path, query(params), idempotency_key=key, media=source.media, size=source.size)


def document(
    method: str, path: str, written: Mapping[str, Any] | str | PathLike[str], idempotency_key: str | None = None
) -> Call:
    """A request whose body is a document: as an object, or in a file of JSON or (by its name) YAML.

    Raises ConfigurationError for a file that cannot be read.
    """
    if isinstance(written, Mapping):
        return call(method, path, body=dict(written), idempotency_key=idempotency_key)
    file = Path(written).expanduser()
    media = YAML if file.suffix.lower() in {".yaml", ".yml"} else JSON
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    return Call(method, path, content=content, idempotency_key=idempotency_key or uuid4().hex, media=media)


def encode(value: Any) -> bytes:
    """The JSON of a value: no NaN, no lone surrogates, nothing that is not JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain).encode()


def sent(**fields: Any) -> dict[str, Any]:
    """The fields that were given: None means *not sent*."""
    return {name: value for name, value in fields.items() if value is not None}


def segment(identifier: str) -> str:
    """An identifier as one path segment. Raises ValueError for what cannot be one."""
    if not identifier or identifier in {".", ".."}:
        raise ValueError("an identifier is a non-empty string")
    return quote(identifier, safe="")


def query(params: Mapping[str, Any]) -> dict[str, str]:
    """Query parameters as text; those that are None are not sent."""
    return {name: _parameter(value) for name, value in params.items() if value is not None}


def _parameter(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return instant(value)
    return str(value)


def instant(value: str | date | datetime) -> str:
    """A moment as the API takes it; a date stays a bare date, a naive datetime is refused."""
    if not isinstance(value, datetime):
        return value.isoformat() if isinstance(value, date) else value
    if value.tzinfo is None:
        raise ValueError("a datetime needs a time zone; datetime.now(timezone.utc) has one")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def user_agent(version: str) -> str:
    """What the server's log shows about this client."""
    return f"xase-python/{version} Python/{platform.python_version()}"


def headers(config: Config, request: Call, *, version: str) -> dict[str, str]:
    """The request's headers."""
    chosen = {
        "Authorization": f"Bearer {config.api_key}",
        "Accept": request.accept,
        "User-Agent": user_agent(version),
    }
    if request.content is not None or request.media != JSON:
        chosen["Content-Type"] = request.media
    if request.size is not None:
        chosen["Content-Length"] = str(request.size)
    if request.idempotency_key is not None:
        chosen["Idempotency-Key"] = request.idempotency_key
    return chosen


def url(config: Config, request: Call) -> str:
    """The request's address without its query."""
    return (config.root_url if request.at_root else config.base_url) + request.path


def interpret(status: int, header: Mapping[str, str], content: bytes) -> Any:
    """The answer's JSON value (None for an empty answer).

    `header` has lower-case names. Raises the `APIError` of an error answer, and UnexpectedAnswer
    for what this API never says.
    """
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own border
        return _value(content, status) if content else None
    if status < 400:  # noqa: PLR2004 - HTTP's own border
        raise UnexpectedAnswer(f"the server answered with status {status}; {_DOUBT}")
    raise error_of(status, header, content)


def _value(content: bytes, status: int) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnexpectedAnswer(f"the server answered {status} with something that is not JSON; {_DOUBT}") from error


def error_of(status: int, header: Mapping[str, str], content: bytes) -> APIError:
    """The error an answer stands for. A body that is not our envelope still gives the class of its status."""
    envelope = _envelope(content)
    slug = _text(envelope.get("code")) or _text(envelope.get("type"))
    kind = error_class(slug, status)
    return kind(
        _text(envelope.get("message")) or _wordless(status),
        slug=slug or "",
        status=status,
        details=envelope.get("details"),
        request_id=_text(envelope.get("request_id")) or header.get(REQUEST_ID),
        retry_after=retry_after(header, datetime.now(UTC)),
    )


def _wordless(status: int) -> str:
    """What is said of an error answer that says nothing we know. A failing server may be one of ours behind a proxy."""
    said = f"the server answered with status {status}"
    return said if status >= 500 else f"{said}; {_DOUBT}"  # noqa: PLR2004 - HTTP's own border


def _envelope(content: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    inner = parsed.get("error") if isinstance(parsed, dict) else None
    return inner if isinstance(inner, dict) else {}


def _text(value: Any) -> str | None:
    return value[:_LONGEST_SHOWN] if isinstance(value, str) and value else None


def retry_after(header: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that `Retry-After` asks to wait: a number or a date (RFC 9110, 10.2.3); None for anything else."""
    said = header.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())

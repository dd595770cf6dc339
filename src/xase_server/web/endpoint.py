"""What an endpoint is. Routes, the OpenAPI file, the reference page and the authorisation test derive from it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from xase_server.domain.errors import CATALOGUE, ErrorKind
from xase_server.web.parameters import Parameter, PathParameter

if TYPE_CHECKING:
    from xase_server.web.answer import Answer
    from xase_server.web.call import Call

PUBLIC: Final = "public"
"""In place of a scope: the endpoint needs no key."""

ANY_KEY: Final = "any key"
"""In place of a scope: every working key will do."""

JSON: Final = "application/json"
YAML: Final = "application/yaml"


class Caching(Enum):
    """What may be kept of an answer, and by whom; the value is the `Cache-Control` header."""

    NEVER = "no-store"
    PRIVATE = "private, no-cache"
    PRIVATE_IMMUTABLE = "private, max-age=31536000, immutable"
    FRESH = "no-cache"
    MINUTES = "public, max-age=300"
    IMMUTABLE = "public, max-age=31536000, immutable"

    @property
    def tagged(self) -> bool:
        """Whether answers carry a strong ETag."""
        return self is not Caching.NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer that an endpoint gives when all is well.

    `schema` is a type for JSON, None for other media; `also` lists further media types of the
    same answer with their examples.
    """

    description: str
    schema: Any = None
    media: str = JSON
    example: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    also: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class Endpoint:
    """One method of one address.

    `access` is the scope that a key must hold, or PUBLIC or ANY_KEY. A path segment `{id}` is one
    parameter, `{rest...}` takes all remaining segments. `alias_of` names the path whose
    idempotency keys it shares. With `bare_field` a JSON array is read as that field of the body.
    `counted` endpoints use up quota.

    With `forms` the body is a free object that may be written in JSON or YAML, and looks like one of
    them. With `streams` the body, of one of these media types, is not read before the handler asks for it.
    """

    method: str
    path: str
    name: str
    access: str
    summary: str
    handler: "Callable[[Call], Awaitable[Answer]]"
    answers: Mapping[int, Reply]
    group: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    path_parameters: tuple[PathParameter, ...] = ()
    body: type[Struct] | None = None
    body_example: Any = None
    body_required: bool = True
    forms: tuple[type[Struct], ...] = ()
    upload: str | None = None
    streams: tuple[str, ...] = ()
    large: bool = False
    bare_field: str | None = None
    key_in_body: bool = False
    errors: tuple[str, ...] = ()
    caching: Caching = Caching.NEVER
    counted: bool = True
    alias_of: str | None = None

    @cached_property
    def scope(self) -> str | None:
        """The scope that a key must hold, if any."""
        return None if self.access in {PUBLIC, ANY_KEY} else self.access

    @cached_property
    def public(self) -> bool:
        """Whether no key is needed."""
        return self.access == PUBLIC

    @cached_property
    def writes(self) -> bool:
        """Whether the method may change something, so that idempotency keys count."""
        return self.method in {"POST", "PUT", "PATCH", "DELETE"}

    @cached_property
    def route(self) -> str:
        """What an idempotency key is bound to."""
        return f"{self.method} {self.alias_of or self.path}"

    @cached_property
    def accepted(self) -> tuple[str, ...]:
        """The media types of bodies that are read."""
        documents = (JSON, YAML) if self.forms else (JSON,) if self.body else ()
        return (*documents, *((self.upload,) if self.upload else ()), *self.streams)

    @cached_property
    def known_parameters(self) -> Mapping[str, Parameter]:
        """The query parameters by name."""
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def needs_query(self) -> bool:
        """Whether a request without a query lacks something."""
        return any(parameter.required for parameter in self.parameters)

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """The query as it is when no parameter is given."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    @cached_property
    def cache_control(self) -> bytes:
        """The `Cache-Control` header of good answers."""
        return self.caching.value.encode()

    @cached_property
    def refusals(self) -> tuple[ErrorKind, ...]:
        """Every error that this endpoint may answer, in the catalogue's order."""
        slugs = {"validation_error", "internal_error", "unavailable", *self.errors}
        slugs |= {"rate_limit_exceeded"} if self.counted else set()
        slugs |= set() if self.public else {"authentication_error"}
        slugs |= {"authorization_error"} if self.scope else set()
        slugs |= {"not_found"} if self.path_parameters else set()
        slugs |= {"payload_too_large", "request_timeout"} if self.writes else set()
        slugs |= {"unsupported_media_type"} if self.accepted else set()
        slugs |= {"idempotency_in_progress", "idempotency_mismatch", "conflict"} if self.writes else set()
        return tuple(kind for slug, kind in CATALOGUE.items() if slug in slugs)

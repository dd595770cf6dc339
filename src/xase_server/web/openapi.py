"""The OpenAPI 3.1 file, made of the endpoint table: every parameter, body, answer, error and example."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from msgspec.json import schema_components

from xase_server.domain.errors import CATALOGUE, ErrorKind
from xase_server.domain.principals import SCOPES
from xase_server.web import examples
from xase_server.web.endpoint import JSON, YAML, Endpoint, Reply
from xase_server.web.parameters import Parameter, PathParameter
from xase_server.web.refusal import problem_type
from xase_server.web.schemas import Error, ProblemDetails

VERSION: Final = "1"
REQUEST_ID: Final = "req_5d41402abc4b2a76"
_REF: Final = "#/components/schemas/{name}"
_ABOUT: Final = (
    "Decision records in a tamper-evident ledger, and evidence that a stranger can check offline.\n\n"
    "Times are ISO 8601 in UTC with milliseconds. Unknown body fields and query parameters are refused by name. "
    "Every answer carries `X-Request-Id` and, where a limit is set, what is left of it."
)

Node = dict[str, Any]


@cache
def contract(endpoints: tuple[Endpoint, ...]) -> bytes:
    """The file as it is served and committed."""
    return (json.dumps(document(endpoints), indent=1, ensure_ascii=False) + "\n").encode()


def document(endpoints: Iterable[Endpoint]) -> Node:
    """The file as a value."""
    listed = list(endpoints)
    types = _types(listed)
    references, components = schema_components(types, ref_template=_REF)
    schemas = dict(zip(types, references, strict=True))
    paths: Node = {}
    for endpoint in listed:
        path = endpoint.path.replace("...}", "}")
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Xase", "version": VERSION, "description": _ABOUT, "license": _LICENSE},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(endpoint.group for endpoint in listed)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": _SECURITY,
            "headers": _HEADERS,
            "examples": _error_examples(listed),
        },
    }


_LICENSE: Final = {"name": "Apache-2.0", "identifier": "Apache-2.0"}

_SECURITY: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "`X-API-Key: KEY`"},
}

_HEADERS: Final = {
    name: {"description": description, "schema": {"type": kind}, "required": name == "X-Request-Id"}
    for name, kind, description in (
        ("X-Request-Id", "string", "Finds this request in the server's log."),
        ("RateLimit", "string", "What is left of the quota, and seconds until it is whole again."),
        ("RateLimit-Policy", "string", "The quota and its window in seconds."),
        ("X-RateLimit-Limit", "integer", "Requests per window."),
        ("X-RateLimit-Remaining", "integer", "Requests left in this window."),
        ("X-RateLimit-Reset", "integer", "When the window ends, in seconds since 1970."),
        ("ETag", "string", "Strong entity tag of the body."),
        ("Retry-After", "integer", "Seconds to wait before trying again."),
        ("WWW-Authenticate", "string", "`Bearer`."),
        ("Allow", "string", "The methods of this address."),
        ("Idempotency-Replayed", "string", "`true` when this is the answer of an earlier request with the same key."),
    )
}

_ON_EVERY_ANSWER: Final = (
    "X-Request-Id",
    "RateLimit",
    "RateLimit-Policy",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)
_ERROR_HEADERS: Final = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}


def _types(endpoints: Iterable[Endpoint]) -> list[Any]:
    """Every type that bodies and answers are made of, each once."""
    found: dict[Any, None] = {Error: None, ProblemDetails: None}
    for endpoint in endpoints:
        replies = [reply.schema for reply in endpoint.answers.values()]
        found |= dict.fromkeys(each for each in (endpoint.body, *endpoint.forms, *replies) if each is not None)
    return list(found)


def _operation(endpoint: Endpoint, schemas: Mapping[Any, Node]) -> Node:
    operation: Node = {
        "operationId": endpoint.name,
        "tags": [endpoint.group],
        "summary": endpoint.summary,
        "description": _description(endpoint),
        "security": [] if endpoint.public else [{name: []} for name in _SECURITY],
        "parameters": _parameters(endpoint),
    }
    if endpoint.scope is not None:
        operation["x-required-scope"] = endpoint.scope
    if endpoint.accepted:
        operation["requestBody"] = _request_body(endpoint, schemas)
    operation["responses"] = _responses(endpoint, schemas)
    return operation


def _description(endpoint: Endpoint) -> str:
    if endpoint.public:
        need = "Needs no key."
    elif endpoint.scope is None:
        need = "Needs any working key."
    else:
        need = f"Needs the scope `{endpoint.scope}`: {SCOPES[endpoint.scope]}."
    return f"{endpoint.description}\n\n{need}".strip()


def _parameters(endpoint: Endpoint) -> list[Node]:
    listed = [_path_parameter(each) for each in endpoint.path_parameters]
    listed += [_query_parameter(each) for each in endpoint.parameters]
    if endpoint.writes:
        listed.append(_IDEMPOTENCY_KEY)
    if endpoint.caching.tagged:
        listed.append(_IF_NONE_MATCH)
    return listed


_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes the request take effect once, however often it is sent; remembered for at least 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
    "example": "5e0f3c1a-9c1e-4b7e-8f0a-2f1f5d3b7c11",
}
_IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "description": "An `ETag` that is already there; the answer is 304 while it holds.",
    "schema": {"type": "string"},
    "example": '"9f86d081884c7d659a2feaa0c55ad015"',
}


def _path_parameter(parameter: PathParameter) -> Node:
    return {
        "name": parameter.name,
        "in": "path",
        "required": True,
        "description": parameter.description,
        "schema": {"type": "string", "pattern": f"^{parameter.pattern}$"},
        "example": parameter.example,
    }


def _query_parameter(parameter: Parameter) -> Node:
    schema = dict(parameter.kind.schema())
    if parameter.default is not None:
        schema["default"] = parameter.default
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "description": parameter.description,
        "schema": schema,
        "example": parameter.example,
    }


def _request_body(endpoint: Endpoint, schemas: Mapping[Any, Node]) -> Node:
    if endpoint.streams:
        return {"required": True, "content": {media: _binary(media) for media in endpoint.streams}}
    if endpoint.forms:
        schema: Node = {"anyOf": [schemas[form] for form in endpoint.forms]}
        return {"required": True, "content": {media: _media(schema, endpoint.body_example) for media in (JSON, YAML)}}
    schema = schemas[endpoint.body]
    if endpoint.bare_field is not None:
        name = schema["$ref"].rpartition("/")[2]
        bare = {"$ref": f"{schema['$ref']}/properties/{endpoint.bare_field}", "description": f"{name}, bare."}
        schema = {"anyOf": [schema, bare]}
    content: Node = {JSON: {"schema": schema, "example": endpoint.body_example}}
    if endpoint.upload is not None:
        content[endpoint.upload] = _binary(endpoint.upload)
    return {"required": endpoint.body_required, "content": content}


def _binary(media: str) -> Node:
    return {"schema": {"contentMediaType": media}}


def _responses(endpoint: Endpoint, schemas: Mapping[Any, Node]) -> Node:
    responses: Node = {}
    for status, reply in endpoint.answers.items():
        responses[str(status)] = _reply(endpoint, reply, schemas)
    if endpoint.caching.tagged:
        responses["304"] = {"description": "The caller has it already.", "headers": _headers("ETag")}
    by_status: dict[int, list[ErrorKind]] = {}
    for kind in endpoint.refusals:
        by_status.setdefault(kind.status, []).append(kind)
    for status, kinds in sorted(by_status.items()):
        responses[str(status)] = _refusal(status, kinds)
    return responses


def _reply(endpoint: Endpoint, reply: Reply, schemas: Mapping[Any, Node]) -> Node:
    names = ["ETag"] if endpoint.caching.tagged else []
    names += ["Idempotency-Replayed"] if endpoint.writes else []
    headers = _headers(*names)
    headers |= {name: {"description": said, "schema": {"type": "string"}} for name, said in reply.headers.items()}
    content: Node = {reply.media: _media(schemas.get(reply.schema) if reply.schema else None, reply.example)}
    content |= {media: _media(None, example) for media, example in reply.also.items()}
    return {"description": reply.description, "headers": headers, "content": content}


def _media(schema: Node | None, example: Any) -> Node:
    media: Node = {} if schema is None else {"schema": schema}
    return media if example is None else media | {"example": example}


def _headers(*names: str) -> Node:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*_ON_EVERY_ANSWER, *names)}


def _refusal(status: int, kinds: list[ErrorKind]) -> Node:
    slugs = [kind.slug for kind in kinds]
    name = _ERROR_HEADERS.get(status)
    return {
        "description": " ".join(f"`{kind.slug}`: {kind.meaning}" for kind in kinds),
        "headers": _headers(*([name] if name else [])),
        "content": {
            JSON: {"schema": {"$ref": _REF.format(name="Error")}, "examples": _examples(slugs, "")},
            "application/problem+json": {
                "schema": {"$ref": _REF.format(name="ProblemDetails")},
                "examples": _examples(slugs, "_problem"),
            },
        },
    }


def _examples(slugs: Iterable[str], suffix: str) -> Node:
    return {slug: {"$ref": f"#/components/examples/{slug}{suffix}"} for slug in slugs}


def _error_examples(endpoints: Iterable[Endpoint]) -> Node:
    answered = {kind for endpoint in endpoints for kind in endpoint.refusals}
    kinds = [kind for kind in CATALOGUE.values() if kind in answered]
    plain = {kind.slug: {"value": error_example(kind)} for kind in kinds}
    return plain | {f"{kind.slug}_problem": {"value": problem_example(kind)} for kind in kinds}


def error_example(kind: ErrorKind) -> Node:
    """An error of this kind in the envelope."""
    details = examples.ERROR_DETAILS.get(kind.slug)
    error: Node = {"type": kind.slug, "code": kind.slug, "message": _message(kind)}
    error |= {} if details is None else {"details": details}
    return {"error": error | {"request_id": REQUEST_ID}}


def problem_example(kind: ErrorKind) -> Node:
    """An error of this kind as RFC 9457 has it."""
    details = examples.ERROR_DETAILS.get(kind.slug)
    problem: Node = {
        "type": problem_type(kind.slug),
        "title": kind.title,
        "status": kind.status,
        "detail": _message(kind),
        "code": kind.slug,
    }
    problem |= {} if details is None else {"details": details}
    return problem | {"request_id": REQUEST_ID}


def _message(kind: ErrorKind) -> str:
    return examples.ERROR_MESSAGES.get(kind.slug, kind.meaning)

"""The reference page: plain HTML made of the endpoint table, readable offline and without scripts."""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import groupby
from typing import Any, Final

from xase_server.domain.errors import CATALOGUE
from xase_server.domain.principals import ROLES, SCOPES
from xase_server.web import examples
from xase_server.web.endpoint import Endpoint
from xase_server.web.fields import Field, fields_of, form_of
from xase_server.web.markup import Markup, element, join, prose
from xase_server.web.openapi import document, error_example

_BASE: Final = "http://127.0.0.1:8000"
_TITLE: Final = "Xase API reference"
_CONVENTIONS: Final = (
    (
        "Authentication",
        (
            "`Authorization: Bearer KEY` or `X-API-Key: KEY`. Every key belongs to an organisation and to a principal, "
            "and carries a role or a list of scopes. What is another organisation's answers as if it did not exist."
        ),
    ),
    (
        "Requests",
        (
            "JSON in UTF-8. Unknown fields and parameters, duplicate keys, NaN, lone surrogates, integers beyond "
            "±(2^53−1) and nesting deeper than 64 are refused, and nothing is stored."
        ),
    ),
    (
        "Idempotency",
        (
            "With an `Idempotency-Key` header, a POST or DELETE takes effect once. Sending it again gives the first "
            "answer with `Idempotency-Replayed: true`; the same key with another body is refused."
        ),
    ),
    (
        "Lists",
        (
            "`limit` and `offset`, answering `data`, `total`, `limit`, `offset` and `next_cursor`. Send `next_cursor` "
            "as `cursor`, with the same filters, to go on at any depth."
        ),
    ),
    (
        "Caching",
        ("Answers that do not change carry a strong `ETag`. Send it as `If-None-Match` and get 304 while it holds."),
    ),
    (
        "Rate limits",
        (
            "Where the operator sets a limit, every answer says what is left: `RateLimit`, `RateLimit-Policy` "
            "and `X-RateLimit-Limit`, `-Remaining`, `-Reset`. Beyond it the answer is 429 with `Retry-After`."
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class ReferencePage:
    """The page, and the content security policy that allows its one style sheet and nothing else."""

    html: bytes
    policy: bytes


@cache
def reference(endpoints: tuple[Endpoint, ...]) -> ReferencePage:
    """The page for these endpoints."""
    style = files("xase_server.web").joinpath("reference.css").read_text(encoding="utf-8")
    schemas = document(endpoints)["components"]["schemas"]
    groups = [(name, list(each)) for name, each in groupby(endpoints, key=lambda endpoint: endpoint.group)]
    main = element(
        "main",
        element("h1", _TITLE),
        element(
            "p",
            "Every endpoint of this server, made from the table that it routes by. The same as a file: ",
            element("a", "openapi.json", href="/openapi.json"),
            class_="lead",
        ),
        _conventions(),
        *(
            join(element("h2", name, id=_anchor(name)), *(_endpoint(each, schemas) for each in listed))
            for name, listed in groups
        ),
        _scopes(),
        _errors(),
        id="main",
    )
    body = element(
        "body",
        element("a", "Skip to the content", href="#main", class_="skip"),
        element("div", _navigation(groups), main, class_="page"),
    )
    page = f"<!doctype html>\n{element('html', _head(style), body, lang='en')}\n".encode()
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return ReferencePage(page, policy.encode())


def _head(style: str) -> Markup:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", _TITLE),
        element("style", Markup(style)),
    )


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _navigation(groups: list[tuple[str, list[Endpoint]]]) -> Markup:
    def links(title: str, items: list[tuple[str, str]]) -> Markup:
        entries = (element("li", element("a", text, href=f"#{anchor}")) for text, anchor in items)
        return join(element("h2", title), element("ul", *entries))

    return element(
        "nav",
        element("a", "Xase", href="#main", class_="name"),
        links("Conventions", [(name, _anchor(name)) for name, _ in _CONVENTIONS]),
        *(links(name, [(each.summary, each.name) for each in listed]) for name, listed in groups),
        links("More", [("Scopes and roles", "scopes"), ("Errors", "errors")]),
        aria_label="Contents",
    )


def _conventions() -> Markup:
    terms = (join(element("dt", name, id=_anchor(name)), element("dd", prose(text))) for name, text in _CONVENTIONS)
    return join(element("h2", "Conventions", id="conventions"), element("dl", *terms))


def _endpoint(endpoint: Endpoint, schemas: dict[str, Any]) -> Markup:
    parts = [
        element("h3", element("a", endpoint.summary, href=f"#{endpoint.name}")),
        element(
            "p",
            element("span", endpoint.method, class_=f"method {endpoint.method.lower()}"),
            endpoint.path.replace("...}", "}"),
            class_="address",
        ),
        element("p", prose(endpoint.description)) if endpoint.description else Markup(),
        element("p", prose(_need(endpoint)), class_="need"),
        _parameters(endpoint),
    ]
    described = endpoint.forms[0] if endpoint.forms else endpoint.body
    if described is not None:
        parts.append(_table("Body", fields_of(described.__name__, schemas)))
    parts += [_block("Request", _curl(endpoint)), *_replies(endpoint, schemas), _possible_errors(endpoint)]
    return element("section", *parts, class_="endpoint", id=endpoint.name)


def _need(endpoint: Endpoint) -> str:
    if endpoint.public:
        return "Needs no key."
    return f"Needs the scope `{endpoint.scope}`." if endpoint.scope else "Needs any working key."


def _parameters(endpoint: Endpoint) -> Markup:
    in_path = [Field(each.name, "part of the address", True, each.description) for each in endpoint.path_parameters]
    in_query = [
        Field(
            each.name,
            form_of(each.kind.schema())
            + (f", default `{json.dumps(each.default)}`" if each.default is not None else ""),
            each.required,
            each.description,
        )
        for each in endpoint.parameters
    ]
    return _table("Parameters", in_path + in_query)


def _table(title: str, fields: list[Field]) -> Markup:
    return join(element("h4", title), _rows(fields, always="required")) if fields else Markup()


def _rows(fields: list[Field], *, always: str) -> Markup:
    rows = (
        element(
            "tr",
            element("td", element("code", field.name), *_mark(always if field.required else "")),
            element("td", prose(field.form)),
            element("td", prose(field.description)),
        )
        for field in fields
    )
    return _grid(("Name", "Form", "Meaning"), rows)


def _mark(text: str) -> tuple[str, ...]:
    return (" ", element("span", text, class_="must")) if text else ()


def _grid(titles: Iterable[str], rows: Iterable[Markup]) -> Markup:
    head = element("tr", *(element("th", title, scope="col") for title in titles))
    table = element("table", element("thead", head), element("tbody", *rows))
    return element("div", table, class_="wide")


def _replies(endpoint: Endpoint, schemas: dict[str, Any]) -> list[Markup]:
    parts: list[Markup] = []
    for status, reply in endpoint.answers.items():
        title = f"Answer {status}"
        if reply.example is not None:
            parts.append(_block(title, _pretty(reply.example)))
        else:
            parts += [element("h4", title), element("p", prose(f"{reply.description} `{reply.media}`"))]
        name = getattr(reply.schema, "__name__", "")
        if name in schemas:
            fields = _rows(fields_of(name, schemas), always="always there")
            parts.append(element("details", element("summary", "Fields of the answer"), fields))
    return parts


def _block(title: str, text: str) -> Markup:
    return join(element("h4", title), element("pre", element("code", text), tabindex="0"))


def _pretty(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _curl(endpoint: Endpoint) -> str:
    path = endpoint.path.replace("...}", "}")
    for parameter in endpoint.path_parameters:
        path = path.replace(f"{{{parameter.name}}}", parameter.example)
    required = [f"{each.name}={each.example}" for each in endpoint.parameters if each.required]
    address = f'"{_BASE}{path}{"?" if required else ""}{"&".join(required)}"'
    lines = ["curl " + ("" if endpoint.method == "GET" else f"-X {endpoint.method} ") + address]
    if not endpoint.public:
        lines.append('-H "Authorization: Bearer $XASE_API_KEY"')
    if endpoint.streams:
        lines += [f'-H "Content-Type: {endpoint.streams[0]}"', "-T FILE"]
    if endpoint.body_example is not None:
        lines.append('-H "Content-Type: application/json"')
        lines.append(f"-d '{json.dumps(endpoint.body_example, indent=2, ensure_ascii=False)}'")
    return " \\\n  ".join(lines)


def _possible_errors(endpoint: Endpoint) -> Markup:
    links: list[str] = []
    for kind in endpoint.refusals:
        links += [", ", element("a", kind.slug, href=f"#{kind.slug}")]
    return join(element("h4", "Errors"), element("p", *links[1:]))


def _scopes() -> Markup:
    roles = {role: ", ".join(f"`{each}`" for each in sorted(held)) for role, held in ROLES.items()}
    return join(
        element("h2", "Scopes and roles", id="scopes"),
        _grid(("Scope", "Allows to"), _pairs(SCOPES)),
        _grid(("Role", "Holds"), _pairs(roles)),
    )


def _pairs(said: Mapping[str, str]) -> list[Markup]:
    return [
        element("tr", element("td", element("code", name)), element("td", prose(text))) for name, text in said.items()
    ]


def _errors() -> Markup:
    parts = [
        element("h2", "Errors", id="errors"),
        element(
            "p",
            prose(
                "Every error has this form; `type` and `code` hold the same slug. With "
                "`Accept: application/problem+json` the same content comes as RFC 9457."
            ),
        ),
        element("pre", element("code", _pretty(error_example(CATALOGUE["validation_error"]))), tabindex="0"),
    ]
    terms: list[Markup] = []
    for kind in CATALOGUE.values():
        details = examples.ERROR_DETAILS.get(kind.slug)
        said = f"{kind.meaning}" + (f" Details: `{json.dumps(details, ensure_ascii=False)}`" if details else "")
        terms.append(element("dt", f"{kind.status} ", element("code", kind.slug), id=kind.slug))
        terms.append(element("dd", prose(said)))
    return join(*parts, element("dl", *terms))

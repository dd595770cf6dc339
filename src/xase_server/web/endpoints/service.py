"""The server about itself."""

from typing import Final

from xase_server.web.endpoint import PUBLIC, Caching, Endpoint, Reply
from xase_server.web.handlers import service
from xase_server.web.metrics import MEDIA
from xase_server.web.schemas import Health, Readiness

_GROUP: Final = "Service"

SERVICE: Final = (
    Endpoint(
        method="GET",
        path="/healthz",
        name="get_health",
        access=PUBLIC,
        group=_GROUP,
        summary="Is the process alive?",
        handler=service.get_health,
        counted=False,
        answers={200: Reply(description="It is.", schema=Health, example={"status": "ok"})},
    ),
    Endpoint(
        method="GET",
        path="/readyz",
        name="get_readiness",
        access=PUBLIC,
        group=_GROUP,
        summary="Can decisions be recorded and read?",
        handler=service.get_readiness,
        counted=False,
        answers={
            200: Reply(
                description="They can.",
                schema=Readiness,
                example={"status": "ready", "log": "xase.local/4f1c9a2b7d3e8f60", "size": 98766},
            )
        },
    ),
    Endpoint(
        method="GET",
        path="/metrics",
        name="get_metrics",
        access=PUBLIC,
        group=_GROUP,
        summary="Get counters for Prometheus",
        description="Answered only to callers on the server's own machine that no proxy stands before; to all others "
        "this address does not exist.",
        handler=service.get_metrics,
        counted=False,
        answers={200: Reply(description="Prometheus text.", media=MEDIA.decode())},
        errors=("not_found",),
    ),
    Endpoint(
        method="GET",
        path="/openapi.json",
        name="get_contract",
        access=PUBLIC,
        group=_GROUP,
        summary="Get this contract",
        handler=service.get_contract,
        caching=Caching.FRESH,
        answers={200: Reply(description="The OpenAPI 3.1 file.", schema=dict)},
    ),
    Endpoint(
        method="GET",
        path="/docs",
        name="get_reference",
        access=PUBLIC,
        group=_GROUP,
        summary="Read the reference",
        handler=service.get_reference,
        caching=Caching.FRESH,
        answers={200: Reply(description="This page.", media="text/html; charset=utf-8")},
    ),
)

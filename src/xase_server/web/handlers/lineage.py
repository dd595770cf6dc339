"""Lineage (docs/spec/api.md, section 8)."""

from typing import Final

from msgspec.json import encode

from xase_server.domain.errors import invalid_field
from xase_server.services.graph import Graph
from xase_server.web.answer import Answer, json_answer
from xase_server.web.call import Call

_LD: Final = b"application/ld+json"
_LINES: Final = b"application/x-ndjson"


async def of_decision(call: Call) -> Answer:
    """What a decision came from."""
    return await _written(call, await call.services.lineage.of_decision(call.who, call.path["id"]))


async def of_model(call: Call) -> Answer:
    """What a model was made of, and what it decided."""
    return await _written(call, await call.services.lineage.of_model(call.who, call.path["model_id"]))


async def of_dataset(call: Call) -> Answer:
    """Where a dataset has gone."""
    which = {name: call.query[name] for name in ("record_id", "subject", "withdrawn")}
    if sum(bool(each) for each in which.values()) > 1:
        raise invalid_field(
            "subject", "Ask for one of record_id, subject, withdrawn", summary="Invalid query parameters"
        )
    return await _written(call, await call.services.lineage.of_dataset(call.who, call.path["id"], **which))


async def _written(call: Call, graph: Graph) -> Answer:
    form = call.query["format"]
    if form == "openlineage":
        events = graph.openlineage((await call.services.health.head()).log)
        return Answer(b"".join(encode(event) + b"\n" for event in events), media=_LINES)
    if form == "prov" or call.accepts(_LD):
        answer = json_answer(graph.prov())
        answer.media = _LD
        return answer
    return json_answer(graph.view())

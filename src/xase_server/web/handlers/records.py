"""Decision records and interventions (docs/spec/api.md, section 2)."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from xase_server.domain.decisions import DecisionFilter
from xase_server.domain.errors import Problems
from xase_server.web.answer import Answer, created_answer, json_answer, outcome_answer
from xase_server.web.call import Call
from xase_server.web.pages import counted_answer, page_answer, read_stretch


async def create_record(call: Call) -> Answer:
    """Record one decision."""
    outcome = await call.services.decisions.record(call.who, call.body, call.once, with_receipt=call.query["receipt"])
    return created_answer(outcome, "/v1/records")


async def create_records(call: Call) -> Answer:
    """Record many decisions in one durable commit."""
    problems = Problems()
    for n, decision in enumerate(call.body.records):
        if decision.idempotency_key is not UNSET:
            problems.add(f"records.{n}.idempotency_key", "A batch takes one key, in the Idempotency-Key header")
    problems.refuse_if_any()
    outcome = await call.services.decisions.record_batch(
        call.who, call.body.records, call.once, with_receipt=call.query["receipt"]
    )
    return outcome_answer(outcome, 201)


async def get_record(call: Call) -> Answer:
    """One decision record."""
    return json_answer(await call.services.decisions.get(call.who, call.path["id"]))


async def list_records(call: Call) -> Answer:
    """Decision records, filtered."""
    stretch = read_stretch(call)
    page = stretch.page(descending=call.query["order"] == "desc")
    rows, total, next_after = await call.services.decisions.list(call.who, _filter(call.query), page)
    return page_answer(call, stretch, rows, total, next_after)


async def prove_record(call: Call) -> Answer:
    """A record's proof."""
    return json_answer(await call.services.decisions.prove(call.who, call.path["id"]))


async def erase_payload(call: Call) -> Answer:
    """Destroy a record's personal content."""
    return outcome_answer(await call.services.decisions.erase(call.who, call.path["id"], call.body, call.once))


async def create_intervention(call: Call) -> Answer:
    """Act on a decision."""
    outcome = await call.services.interventions.intervene(
        call.who, call.path["id"], call.body, call.once, with_receipt=call.query["receipt"]
    )
    return outcome_answer(outcome, 201)


async def list_interventions(call: Call) -> Answer:
    """The interventions on one record."""
    stretch = read_stretch(call)
    rows = await call.services.decisions.interventions(call.who, call.path["id"])
    return counted_answer(call, stretch, rows[stretch.offset : stretch.offset + stretch.limit], len(rows))


def _filter(query: Mapping[str, Any]) -> DecisionFilter:
    """The filter of a list; raises `validation_error` for bounds that leave nothing between them."""
    problems = Problems()
    since, until = query["start_date"], query["end_date"]
    if since is not None and until is not None and since >= until:
        problems.add("start_date", "Must not be after end_date")
    least, most = query["min_confidence"], query["max_confidence"]
    if least is not None and most is not None and least > most:
        problems.add("min_confidence", "Must not be above max_confidence")
    problems.refuse_if_any("Invalid query parameters")
    return DecisionFilter(
        model_id=query["model_id"],
        policy_id=query["policy_id"],
        transaction_id=query["transaction_id"],
        since_ms=since,
        until_ms=until,
        has_intervention=query["has_intervention"],
        min_confidence=least,
        max_confidence=most,
    )

"""Transformations (docs/spec/api.md, section 6)."""

from xase_server.web.answer import Answer, json_answer
from xase_server.web.call import Call


async def transform(call: Call) -> Answer:
    """Data records, transformed."""
    made = await call.services.transforming.run(call.who, call.path["id"], call.body)
    return json_answer(
        {
            "transformed_records": made.records,
            "transformation_id": made.transformation_id,
            "evidence_url": f"{call.base_url}/v1/evidence/{made.transformation_id}",
            "algorithm": made.algorithm,
            "key_id": made.key_id,
        }
    )

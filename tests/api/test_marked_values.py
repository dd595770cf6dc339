"""Values that may name a person are nowhere but in the payloads: a run with marked values, then a search.

What a holder writes into a policy is no such value: it is kept to be applied, and shown to whoever may read policies.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.api.sessions import make_policy, open_session

MARK = "MARKED-4711"
PAYLOADS = {"payloads", "bundle_chunks"}
"""What holds content, and so is where erasure works."""


@pytest.fixture
async def marked(open_site, capfd):
    """A site on which everything that a caller can say of a person has been said with the mark."""
    site = open_site(rate_limit=0, log_requests=True)
    async with site.client() as client:
        policy = await make_policy(client, row_filter={"ward": {"$ne": "z"}})
        wish = {"name": "marked", "subject_field": "patient", "policy_id": policy, "id_field": "patient"}
        dataset = (await client.post("/v1/datasets", json=wish)).json()["dataset_id"]
        rows = "".join(f'{{"patient": "{MARK}-{n}", "ward": "a", "note": "{MARK}"}}\n' for n in range(20))
        ndjson = {"content-type": "application/x-ndjson"}
        await client.put(f"/v1/datasets/{dataset}/data", content=rows, headers=ndjson)
        address = f"/v1/sessions/{await open_session(client, dataset, metadata={'who': MARK})}"
        key = {"idempotency-key": "marked"}
        bodies = [
            (await client.get(f"{address}/stream")).text,
            (await client.post(f"{address}/filter", json={"filter": {"note": MARK}}, headers=key)).text,
            (await client.get(f"{address}/records/{MARK}-3")).text,
            (await client.post(f"{address}/aggregate", json={"pipeline": [{"$match": {"note": MARK}}]})).text,
        ]
        assert all(MARK in body for body in bodies), "the mark went through"
        errors = [
            await client.post(f"{address}/filter", json={"filter": {"note": {"$size": MARK}}}),
            await client.post(f"{address}/aggregate", json={"pipeline": [{"$project": {"x": {"$toInt": "$note"}}}]}),
            await client.put(f"/v1/datasets/{dataset}/data", content=f'{{"a": "{MARK}"', headers=ndjson),
        ]
        operation = {"operation_type": "TRAIN", "records": [f"{MARK}-1", f"{MARK}-unknown"], "metadata": {"x": MARK}}
        await client.post(f"{address}/operations", json=operation, headers={"idempotency-key": "op"})
        decision = {"model_id": "m", "input": {"name": MARK}, "output": {"to": MARK}, "transaction_id": None}
        del decision["transaction_id"]
        await client.post("/v1/records", json=decision, headers={"idempotency-key": "decision"})
        withdrawal = {"subject": f"{MARK}-5", "reason": MARK}
        await client.post(
            f"/v1/datasets/{dataset}/subjects/withdraw", json=withdrawal, headers={"idempotency-key": "w"}
        )
        await client.post(f"{address}/close", json={"reason": MARK})
        shown = [
            (await client.get("/metrics")).text,
            (await client.get("/v1/ledger/entries", params={"limit": 100})).text,
            (await client.get(f"{address}/events", params={"limit": 100})).text,
            *(error.text for error in errors),
        ]
    await site.app.close()
    return site, shown, capfd.readouterr()


def rows_outside_payloads(database: Path) -> Iterator[tuple[str, bytes]]:
    """Every stored value of every table but those that hold content."""
    with closing(sqlite3.connect(database)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in set(tables) - PAYLOADS:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    yield table, value if isinstance(value, bytes) else str(value).encode()


async def test_marked_values_are_nowhere_but_in_the_payloads(marked):
    site, shown, printed = marked
    assert [text[:200] for text in shown if MARK in text] == []
    assert MARK not in printed.out + printed.err
    found = {table for table, value in rows_outside_payloads(site.app.core.home.database) if MARK.encode() in value}
    assert found == set()

"""Datasets and sessions as a holder and a lab make them over HTTP."""

import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any

import anyio
import httpx2

_numbers = itertools.count(1)


async def make_dataset(client: httpx2.AsyncClient, rows: Iterable[Mapping[str, Any]], **fields: Any) -> dict[str, Any]:
    """A dataset of these rows, ready to be read."""
    name = fields.pop("name", f"dataset-{next(_numbers)}")
    made = await client.post("/v1/datasets", json={"name": name, **fields})
    assert made.status_code == 201, made.text
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    address = f"/v1/datasets/{made.json()['dataset_id']}/data"
    sent = await client.put(address, content=lines, headers={"content-type": "application/x-ndjson"}, timeout=60)
    assert sent.status_code in {200, 202}, sent.text
    dataset: dict[str, Any] = sent.json()
    while "progress" in dataset:  # a busy machine takes longer than the answer waits
        await anyio.sleep(0.01)
        dataset = (await client.get(f"/v1/datasets/{dataset['dataset_id']}")).json()
    assert dataset["status"] == "READY", dataset
    return dataset


async def make_policy(client: httpx2.AsyncClient, **constrain: Any) -> str:
    """A policy with one permit for everyone, under these constraints."""
    when = constrain.pop("when", {})
    rule = {"id": "all", "effect": "permit", "when": when, "constrain": constrain}
    made = await client.post("/v1/policies", json={"name": f"policy {next(_numbers)}", "rules": [rule]})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def open_session(client: httpx2.AsyncClient, dataset: str, **fields: Any) -> str:
    """A session on the dataset; its id."""
    wish = {"dataset_id": dataset, "purpose": "model-training", "duration": "30d"} | fields
    made = await client.post("/v1/access", json=wish)
    assert made.status_code == 200, made.text
    return str(made.json()["session_id"])

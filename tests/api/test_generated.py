"""schemathesis reads the served contract and tries what nobody thought of: no 500, no undocumented answer."""

import json

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.api.conftest import DECISION
from xase_server.web.endpoints import ENDPOINTS
from xase_server.web.openapi import contract

CHECKS = [
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]
SCHEMA = schemathesis.openapi.from_dict(json.loads(contract(ENDPOINTS)))
SCHEMA.config.generation.update(with_security_parameters=False)  # the key is the test's own
SCHEMA.config.checks.negative_data_rejection.expected_statuses.append("413")  # too large is a refusal, too
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]


def test_every_endpoint_is_tried():
    assert len(OPERATIONS) == len(ENDPOINTS)


@pytest.fixture(scope="module")
def existing(listening):
    """Ids that exist, by the first words of the addresses they belong to."""
    headers = {"Authorization": f"Bearer {listening.site.admin}"}
    with httpx2.Client(base_url=listening.url, headers=headers, timeout=60) as client:
        record = client.post("/v1/records", json=DECISION).json()["id"]
        bundle = client.post("/v1/evidence/bundles", json={"record_ids": [record]}).json()["bundle_id"]
        key = client.post("/v1/keys", json={"name": "k", "role": "auditor"}).json()["id"]
        dataset = client.post("/v1/datasets", json={"name": "generated"}).json()["dataset_id"]
        ndjson = {"content-type": "application/x-ndjson"}
        client.put(f"/v1/datasets/{dataset}/data", content=b'{"age": 57}\n', headers=ndjson)
        while client.get(f"/v1/datasets/{dataset}").json()["status"] == "PROCESSING":
            pass  # a busy machine takes longer than the answer waits
        session = client.post("/v1/access", json={"dataset": "generated", "purpose": "validation"}).json()["session_id"]
        policy = {"id": "generated", "name": "p", "rules": [{"id": "a", "effect": "permit"}]}
        client.post("/v1/policies", json=policy)
        hook = {"url": "https://93.184.216.34/", "events": ["key_created"]}  # nothing is sent: no worker runs
        webhook = client.post("/v1/webhooks", json=hook).json()["id"]
    return {
        "/v1/records/": record,
        "/v1/evidence/bundles/": bundle,
        "/v1/evidence/": record,
        "/v1/keys/": key,
        "/v1/datasets/": dataset,
        "/v1/policies/": policy["id"],
        "/v1/access/": session,
        "/v1/sessions/": session,
        "/v1/webhooks/": webhook,
    }


def path_of(operation, existing):
    """The parameters of an address of something that exists; None where the address has none."""
    if not operation.path.count("{id}"):
        return {"level": "0", "number": "000.p/1"} if "{level}" in operation.path else None
    return {"id": next(identifier for start, identifier in existing.items() if operation.path.startswith(start))}


def can_be_tried(mode, operation):
    """Whether the mode makes other requests than "positive" does.

    What exists is known by these parts of the path; and any `If-None-Match` is allowed.
    """
    if mode == "existing":
        return "{id}" in operation.path or "{level}" in operation.path
    return mode == "positive" or bool(operation.body or operation.query or operation.path_parameters)


TRIALS = [
    pytest.param(mode, operation, id=f"{mode} {operation.label}")
    for operation in OPERATIONS
    for mode in ("positive", "existing", "negative")
    if can_be_tried(mode, operation)
]


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "operation"), TRIALS)
def test_generated_requests_get_documented_answers(listening, existing, mode, operation):
    headers = {"Authorization": f"Bearer {listening.site.admin}"}
    path = path_of(operation, existing)
    generation = GenerationMode.NEGATIVE if mode == "negative" else GenerationMode.POSITIVE
    strategy = operation.as_strategy(generation_mode=generation, path_parameters=path if mode == "existing" else None)

    @given(case=strategy)
    @settings(
        max_examples=6,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def try_it(case):
        case.call_and_validate(base_url=listening.url, headers=headers, checks=CHECKS)

    try_it()

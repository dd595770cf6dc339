# ruff: noqa: E501 - the commands stand as they were printed
"""The source document on records, executed line by line: its own curl commands, bodies, answers and errors."""

import re
import shlex
import subprocess
from json import loads

import pytest

HASH = re.compile(r"sha256:[0-9a-f]{64}")

CREATE = """curl -X POST https://api.xase.ai/v1/records   -H "Authorization: Bearer xase_pk_..."   -H "Content-Type: application/json"   -d '{
    "model_id": "credit-model-v2",
    "input": {"customer_id": "cust_123", "income": 85000},
    "output": {"decision": "APPROVED", "credit_limit": 25000},
    "confidence": 0.94,
    "transaction_id": "txn_abc123"
  }'"""

GET = """curl -X GET https://api.xase.ai/v1/records/rec_8a7f3b2c   -H "Authorization: Bearer xase_pk_..." """

LIST = """curl -G https://api.xase.ai/v1/records   -H "Authorization: Bearer xase_pk_..."   --data-urlencode "model_id=credit-model-v2"   --data-urlencode "start_date=2025-01-01"   --data-urlencode "end_date=2025-01-31"   --data-urlencode "has_intervention=true"   --data-urlencode "limit=20"   --data-urlencode "offset=0" """


@pytest.fixture
def curl(listening):
    """Runs a command of the document against this server: only host and key differ, and the arguments named."""

    def run(command, *more, **replaced):
        command = command.replace("https://api.xase.ai", listening.url).replace("xase_pk_...", listening.site.admin)
        for old, new in replaced.items():
            assert old in command
            command = command.replace(old, new)
        done = subprocess.run(
            [*shlex.split(command), "-sS", "-w", "\n%{http_code}", *more], capture_output=True, text=True, check=True
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), loads(body)

    return run


def test_create_record_answers_as_printed(curl):
    status, answer = curl(CREATE)
    assert status == 201
    assert list(answer) == [
        "id",
        "model_id",
        "input",
        "output",
        "confidence",
        "transaction_id",
        "hash",
        "previous_hash",
        "sequence",
        "created_at",
        "interventions",
    ]
    assert re.fullmatch(r"rec_[0-9a-f]{16}", answer["id"])
    assert answer["model_id"] == "credit-model-v2"
    assert answer["input"] == {"customer_id": "cust_123", "income": 85000}
    assert answer["output"] == {"decision": "APPROVED", "credit_limit": 25000}
    assert answer["confidence"] == 0.94
    assert answer["transaction_id"] == "txn_abc123"
    assert HASH.fullmatch(answer["hash"])
    assert HASH.fullmatch(answer["previous_hash"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer["created_at"])
    assert answer["interventions"] == []


def test_records_are_linked_by_previous_hash(curl):
    first, second = curl(CREATE)[1], curl(CREATE)[1]
    assert second["previous_hash"] == first["hash"]


def test_get_record_by_the_documents_short_id_answers_what_create_answered(curl):
    created = curl(CREATE)[1]
    assert curl(GET, rec_8a7f3b2c=created["id"][:12]) == (200, created)


def test_get_record_by_full_id_answers_what_create_answered(curl):
    created = curl(CREATE)[1]
    assert curl(GET, rec_8a7f3b2c=created["id"]) == (200, created)


def test_list_records_answers_data_total_limit_offset(curl):
    status, answer = curl(LIST)
    assert status == 200
    assert answer == {"data": [], "total": 0, "limit": 20, "offset": 0, "next_cursor": None}


def test_list_records_finds_what_a_person_acted_on(curl, listening):
    created = curl(CREATE)[1]
    act = (
        f"curl -X POST {listening.url}/v1/records/{created['id']}/interventions -H 'X-API-Key: xase_pk_...' "
        """-H 'Content-Type: application/json' -d '{"action": "APPROVED", "reason": "Seen and agreed"}'"""
    )
    assert curl(act)[0] == 201
    today = created["created_at"][:10]
    status, answer = curl(LIST, **{"2025-01-01": today, "2025-01-31": today})
    assert status == 200
    assert answer["total"] >= 1
    assert created["id"] in [each["id"] for each in answer["data"]]
    assert answer["data"][0]["output"]["decision"] == "APPROVED"


def test_the_key_may_come_in_either_header(curl, listening):
    for header in ("Authorization: Bearer", "X-API-Key:"):
        assert curl(f"curl {listening.url}/v1/records -H '{header} xase_pk_...'")[0] == 200


def test_a_missing_required_field_is_refused_with_the_documents_error(curl, listening):
    status, answer = curl(CREATE, **{'"model_id": "credit-model-v2",': ""})
    assert status == 400
    error = answer["error"]
    assert error["code"] == "validation_error"
    assert error["message"] == "Invalid request body"
    assert error["details"] == [{"field": "model_id", "message": "Required field missing"}]


@pytest.mark.parametrize("field", ["confidence", "transaction_id"])
def test_fields_that_are_not_required_may_be_left_out(curl, field):
    line = {"confidence": '"confidence": 0.94,', "transaction_id": ',\n    "transaction_id": "txn_abc123"'}[field]
    status, answer = curl(CREATE, **{line: ""})
    assert status == 201
    assert field not in answer


def test_the_other_documented_fields_come_back(curl):
    more = '"policy_id": "lending-3", "context": {"channel": "web"}, "explanation": {"shap": {"income": 0.31}},'
    status, answer = curl(CREATE, **{'"confidence": 0.94,': f'"confidence": 0.94, {more}'})
    assert status == 201
    assert answer["policy_id"] == "lending-3"
    assert answer["context"] == {"channel": "web"}
    assert answer["explanation"] == {"shap": {"income": 0.31}}

"""Decision records against the real server; first the source document's own requests."""

from datetime import UTC, datetime

import pytest

import xase
from xase import AsyncClient
from xase.models import DecisionRecord


async def test_the_source_documents_record_is_created_and_answered_as_printed(client, decision):
    record = await client.records.create(
        model_id=decision["model_id"],
        input={"customer_id": "cust_123", "income": 85000},
        output={"decision": "APPROVED", "credit_limit": 25000},
        confidence=0.94,
        transaction_id="txn_abc123",
    )
    assert record.id.startswith("rec_")
    assert len(record.id) == len("rec_8a7f3b2c4d5e6f7a")
    assert record.input == {"customer_id": "cust_123", "income": 85000}
    assert (record.output.decision, record.output.credit_limit) == ("APPROVED", 25000)
    assert (record.confidence, record.transaction_id, record.interventions) == (0.94, "txn_abc123", [])
    assert record.hash.startswith("sha256:")
    assert record.previous_hash.startswith("sha256:")
    assert datetime.fromisoformat(record.created_at).tzinfo == UTC
    assert record.policy_id is None


async def test_the_source_documents_record_is_read_again_by_id_and_by_prefix(client, decision):
    record = await client.records.create(**decision)
    assert await client.records.get(record.id) == record
    assert await client.records.get(record.id[:12]) == record


async def test_the_source_documents_list_is_filtered_and_counted(client, decision):
    record = await client.records.create(**decision)
    await client.records.intervene(record.id, action="APPROVED", reason="Checked")
    await client.records.create(**decision)
    today = datetime.now(UTC).date()
    listed = await client.records.list(
        model_id=decision["model_id"],
        start_date=today.replace(day=1),
        end_date=today,
        has_intervention=True,
        limit=20,
        offset=0,
    )
    assert (listed.total, listed.limit, listed.offset) == (1, 20, 0)
    assert [each.id for each in listed.data] == [record.id]
    assert listed.data[0].output.decision == "APPROVED"


async def test_the_source_documents_error_names_the_field(client, decision):
    del decision["model_id"]
    with pytest.raises(xase.ValidationFailed) as caught:
        await client.records.create_batch([decision])
    assert caught.value.details == [{"field": "records.0.model_id", "message": "Required field missing"}]
    assert str(caught.value.request_id).startswith("req_")
    assert caught.value.status == 400


async def test_every_field_comes_back_as_it_was_sent(client, decision):
    more = {
        "policy_id": "policy-7",
        "context": {"channel": "web", "nested": [{"a": None}]},
        "explanation": {"shap": {"income": 0.31, "age": -0.02}},
        "model_version": "2.1.0",
        "model_hash": "sha256:ab",
    }
    record = await client.records.create(**decision, **more)
    assert {name: record[name] for name in (*decision, *more)} == {**decision, **more}


async def test_iterating_reads_every_page(client, decision):
    made = await client.records.create_batch([{**decision, "transaction_id": str(n)} for n in range(7)])
    listed = await client.records.list(model_id=decision["model_id"], limit=3)
    assert len(listed) == listed.total == 7
    assert [len(page.data) async for page in listed.pages()] == [3, 3, 1]
    assert [record.id async for record in listed] == [record.id for record in reversed(made)]
    assert [record.id async for record in listed] == [record.id for record in reversed(made)]


async def test_iterating_from_an_offset_skips_that_many(client, decision):
    await client.records.create_batch([{**decision, "transaction_id": str(n)} for n in range(7)])
    listed = await client.records.list(model_id=decision["model_id"], limit=2, offset=3, order="asc")
    assert [record.transaction_id async for record in listed] == ["3", "4", "5", "6"]


async def test_an_empty_list_is_false_and_ends_at_once(client, model_id):
    listed = await client.records.list(model_id=model_id)
    assert not listed
    assert [record async for record in listed] == []


async def test_a_batch_is_recorded_in_its_order_or_not_at_all(client, decision):
    made = await client.records.create_batch([decision, {**decision, "confidence": 0.5}])
    assert [record.confidence for record in made] == [0.94, 0.5]
    assert made[1].previous_hash == made[0].hash
    with pytest.raises(xase.ValidationFailed):
        await client.records.create_batch([decision, {**decision, "confidence": 1.01}])
    assert len(await client.records.list(model_id=decision["model_id"])) == 2


async def test_one_idempotency_key_makes_one_record(client, decision, model_id):
    first = await client.records.create(**decision, idempotency_key=f"once-{model_id}")
    again = await client.records.create(**decision, idempotency_key=f"once-{model_id}")
    assert again == first
    with pytest.raises(xase.IdempotencyMismatch):
        await client.records.create(**{**decision, "confidence": 0.1}, idempotency_key=f"once-{model_id}")


async def test_a_receipt_proves_the_record_offline_at_once(client, decision, site):
    record = await client.records.create(**decision, receipt=True)
    entry = record.receipt.verify(await client.evidence.server_keys())
    assert (entry.id, entry.hash, entry.type) == (record.id, record.hash, "decision")


async def test_an_override_carries_its_new_outcome(client, decision):
    record = await client.records.create(**decision)
    intervention = await client.records.intervene(
        record.id,
        action="OVERRIDE",
        reason="Income was not verified",
        new_outcome={"decision": "REJECTED"},
        evidence_urls=["https://example.com/case/7"],
        metadata={"case": 7},
    )
    assert intervention.new_outcome.decision == "REJECTED"
    assert intervention.signed_at > record.created_at
    assert [each.id async for each in await client.records.interventions(record.id)] == [intervention.id]
    assert (await client.records.get(record.id)).interventions[0] == intervention


async def test_an_outcome_may_be_what_another_record_decided(client, decision):
    record, other = await client.records.create_batch([decision, decision])
    made = await client.records.intervene(record.id, action="OVERRIDE", reason="As before", new_outcome=other.output)
    assert made.new_outcome == other.output


async def test_erasing_destroys_the_content_and_keeps_the_proof(client, decision):
    record = await client.records.create(**decision)
    erased = await client.records.erase(record.id, reason="Consent withdrawn")
    assert (erased.input, erased.output) == (None, None)
    assert erased.erased_at
    assert erased.hash == record.hash
    assert (await client.records.prove(record.id)).hash == record.hash


async def test_a_proof_is_verified_before_it_is_returned_and_again_offline(client, decision):
    record = await client.records.create(**decision)
    proof = await client.records.prove(record.id)
    assert (proof.record_id, proof.hash, proof.previous_hash) == (record.id, record.hash, record.previous_hash)
    keys = await client.evidence.server_keys()
    assert proof.verify(keys).commitments.keys() >= {"input", "output"}


async def test_a_proof_under_another_key_proves_nothing(client, decision, tmp_path):
    from xase.proof.keys import LogSigner

    proof = await client.records.prove((await client.records.create(**decision)).id)
    other = LogSigner.generate(proof.entry.log).vkey
    with pytest.raises(xase.EvidenceError):
        proof.verify(other)
    file = tmp_path / "log.vkey"
    file.write_text(other)
    with pytest.raises(xase.EvidenceError):
        proof.verify(file)


async def test_what_does_not_exist_is_not_found(client):
    with pytest.raises(xase.NotFound) as caught:
        await client.records.get("rec_0000000000000000")
    assert caught.value.details == {"resource": "record", "id": "rec_0000000000000000"}


async def test_a_wrong_key_is_an_authentication_failure(options):
    async with AsyncClient(**{**options, "api_key": "xase_pk_wrong"}) as stranger:
        with pytest.raises(xase.AuthenticationFailed):
            await stranger.whoami()


async def test_a_record_answered_by_one_colour_is_the_same_in_a_model(client, decision):
    record = await client.records.create(**decision)
    assert DecisionRecord(record.to_dict()) == record

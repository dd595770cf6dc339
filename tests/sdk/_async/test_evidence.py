"""Evidence and bundles against the real server."""

import pytest

import xase
from xase.models import BundleState


@pytest.fixture
async def record(client, decision):
    return await client.records.create(**decision)


async def test_the_evidence_behind_an_id_is_verified_and_shown(client, record):
    shown = await client.evidence.show(record.id)
    assert (shown.id, shown.type, shown.hash) == (record.id, "decision", record.hash)
    assert shown.disclosed.input.value == record.input


async def test_a_bundle_of_named_records_downloads_and_verifies(client, record, site, tmp_path):
    bundle = await client.evidence.export(record_ids=[record.id], purpose="audit")
    file = await bundle.download(tmp_path / "bundle.zip")
    ready = await client.evidence.get(bundle.bundle_id)
    assert (ready.status, ready.size, ready.purpose) == ("READY", file.stat().st_size, "audit")
    assert ready.record_count == 1
    keys = tmp_path / "keys.json"
    keys.write_text(await client.evidence.server_keys())
    report = await bundle.verify(key=keys)
    assert report.verified, report.to_text()


async def test_a_bundle_of_a_model_holds_all_of_it(client, decision):
    await client.records.create_batch([decision] * 3)
    bundle = await (await client.evidence.export(model_id=decision["model_id"])).wait()
    assert bundle.record_count == 3
    assert (await bundle.verify()).verified


async def test_a_bundle_goes_into_a_folder_under_its_id(client, record, tmp_path):
    bundle = await client.evidence.export(record_ids=[record.id])
    assert await bundle.download(tmp_path) == tmp_path / f"{bundle.bundle_id}.zip"


async def test_a_bundle_does_not_verify_under_another_key(client, record):
    from xase.proof.keys import LogSigner

    bundle = await client.evidence.export(record_ids=[record.id])
    assert not (await bundle.verify(key=LogSigner.generate("other").vkey)).verified
    with pytest.raises(xase.UntrustedKey):
        await bundle.verify(key="-----BEGIN NONSENSE-----")


async def test_bundles_are_listed(client, record):
    bundle = await (await client.evidence.export(record_ids=[record.id])).wait()
    assert bundle.bundle_id in [each.bundle_id async for each in await client.evidence.list()]


async def test_a_copied_bundle_is_plain_content(client, record):
    import pickle

    bundle = await client.evidence.export(record_ids=[record.id])
    again = pickle.loads(pickle.dumps(bundle))
    assert type(again) is BundleState
    assert again == bundle


async def test_a_bundle_that_cannot_be_made_says_why(client):
    bundle = await client.evidence.export(record_ids=["rec_0000000000000000"])
    with pytest.raises(xase.EvidenceError, match=rf"{bundle.bundle_id} could not be made: .+ \(not_found\)"):
        await bundle.wait()
    (listed,) = [each async for each in await client.evidence.list() if each.bundle_id == bundle.bundle_id]
    assert (listed.status, listed.error["code"]) == ("FAILED", "not_found")

"""The ledger against the real server, and what the client makes of a log that changed its story."""

import json

import pytest

import xase
from xase import AsyncClient
from xase.proof.checkpoint import Checkpoint, parse_checkpoint, parse_note, sign_checkpoint
from xase.proof.digest import leaf_hash
from xase.proof.keys import LogSigner
from xase.proof.merkle import verify_inclusion
from xase.proof.receipt import parse_hashes


@pytest.fixture
async def record(client, decision):
    return await client.records.create(**decision)


async def test_the_checkpoint_is_signed_and_grows(client, decision):
    first = await client.ledger.checkpoint()
    await client.records.create(**decision)
    second = await client.ledger.checkpoint()
    assert second.size > first.size
    assert second.origin == first.origin


async def test_the_organisations_entries_are_read_in_order_from_a_place_on(client, decision):
    made = await client.records.create_batch([decision] * 5)
    index = (await client.records.prove(made[0].id)).index
    entries = [entry async for entry in client.ledger.entries(start=index, page_size=2)]
    assert [entry.index for entry in entries] == list(range(index, index + len(entries)))
    assert [(entry.id, entry.hash) for entry in entries[:5]] == [(record.id, record.hash) for record in made]


async def test_an_inclusion_proof_leads_to_the_checkpoints_root(client, record):
    head = await client.ledger.checkpoint()
    proof = await client.ledger.inclusion(record.id, size=head.size)
    path = parse_hashes(proof.to_dict()["inclusion_path"])
    leaf, root = bytes.fromhex(record.hash[7:]), bytes.fromhex(head.root[7:])
    verify_inclusion(leaf, proof.index, head.size, path, root)


async def test_a_consistency_proof_is_answered_as_sent(client, record):
    proof = await client.ledger.consistency(1)
    assert proof.first == 1
    assert proof.second >= 2


@pytest.fixture
def log_signer(site):
    """The server's own log key: what a dishonest operator could sign with."""
    (pem,) = (site.home / "keys").glob("log*.pem")
    return lambda origin: LogSigner.from_pem(origin, pem.read_text())


def forge(signer, origin, size, root=None):
    return sign_checkpoint(Checkpoint(origin, size, root or leaf_hash(b"forged")), [signer(origin)])


@pytest.fixture
async def seen(client, site, options, tmp_path, log_signer):
    """A function that makes a client remember a checkpoint which the server will not continue."""
    keys = await client.evidence.server_keys()
    head = await client.ledger.checkpoint()
    store = tmp_path / "seen.json"

    def remember(size, root=None):
        note = forge(log_signer, head.origin, head.size + size, root)
        memory = {"keys": keys, "checkpoint": note}
        store.write_text(json.dumps({"version": 1, "logs": {site.base_url: memory}}))
        return AsyncClient(**options, checkpoint_store=store)

    return remember


async def test_a_shorter_log_than_before_is_called_truncated(seen):
    async with seen(1_000) as client:
        with pytest.raises(xase.LedgerTruncated) as caught:
            await client.ledger.checkpoint()
    before, now = (parse_checkpoint(parse_note(note).body) for note in (caught.value.remembered, caught.value.shown))
    assert before.size > now.size


async def test_a_record_of_a_truncated_log_is_not_proven(seen, record):
    async with seen(1_000) as client:
        with pytest.raises(xase.LedgerTruncated):
            await client.records.prove(record.id)


async def test_another_history_is_called_a_fork(seen, client, decision):
    async with seen(0) as misled:
        await client.records.create(**decision)
        with pytest.raises(xase.LedgerForked) as caught:
            await misled.ledger.checkpoint()
    assert caught.value.remembered != caught.value.shown


async def test_a_log_under_another_key_is_not_believed(options, record, site):
    other = LogSigner.generate("elsewhere").vkey
    async with AsyncClient(**options, log_key=other) as client:
        with pytest.raises(xase.EvidenceError):
            await client.records.prove(record.id)
        with pytest.raises(xase.UntrustedKey):
            await client.ledger.checkpoint()


async def test_a_log_under_the_given_key_is_believed(client, options, record, tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text(await client.evidence.server_keys())
    async with AsyncClient(**options, log_key=keys) as careful:
        assert (await careful.records.prove(record.id)).record_id == record.id


async def test_a_server_that_changes_its_key_is_not_believed(options, record, tmp_path, site):
    store = tmp_path / "seen.json"
    memory = {"keys": LogSigner.generate("before").vkey, "checkpoint": ""}
    store.write_text(json.dumps({"version": 1, "logs": {site.base_url: memory}}))
    async with AsyncClient(**options, checkpoint_store=store) as again:
        with pytest.raises(xase.UntrustedKey):
            await again.ledger.checkpoint()


async def test_what_was_seen_is_kept_for_the_next_process(options, tmp_path, record, site):
    store = tmp_path / "seen.json"
    async with AsyncClient(**options, checkpoint_store=store) as client:
        head = await client.ledger.checkpoint()
    kept = json.loads(store.read_text())["logs"][site.base_url]["checkpoint"]
    assert parse_checkpoint(parse_note(kept).body).size == head.size


async def test_an_older_proof_does_not_displace_a_newer_checkpoint(client, decision):
    old = await client.records.create(**decision)
    await client.records.create(**decision)
    head = await client.ledger.checkpoint()
    await client.records.prove(old.id)
    assert (await client.ledger.checkpoint()).size >= head.size

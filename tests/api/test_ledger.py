"""The ledger as strangers see it: checkpoint, entries, proofs, and tiles that rebuild the tree."""

from itertools import combinations_with_replacement

import pytest

from tests.api.conftest import DECISION
from xase.proof.canonical import canonical
from xase.proof.checkpoint import open_checkpoint
from xase.proof.digest import format_digest, leaf_hash, parse_digest
from xase.proof.entry import entry_digest
from xase.proof.keys import LogVerifier
from xase.proof.merkle import verify_consistency, verify_inclusion
from xase.proof.receipt import parse_hashes
from xase.proof.tiles import decode_entry_bundle, entry_bundle_path, tile_path


@pytest.fixture
async def checkpoint(site, client):
    """A checkpoint over at least 600 entries, opened with the published key."""
    while (await client.get("/readyz")).json()["size"] < 600:
        await client.post("/v1/records/batch", json=[DECISION] * 200)
    keys = (await client.get("/.well-known/xase-signing-keys.json")).json()["keys"]
    verifiers = [LogVerifier.from_vkey(key["vkey"]) for key in keys if key["use"] == "log"]
    return open_checkpoint((await client.get("/log/checkpoint")).text, verifiers)


async def test_entries_in_order_hash_to_what_the_list_says(client, checkpoint):
    start, seen = 0, 0
    while seen < checkpoint.size:
        page = (await client.get("/v1/ledger/entries", params={"start": start, "limit": 100})).json()
        assert page["size"] == checkpoint.size
        for each in page["data"]:
            assert each["index"] == seen
            if "entry" in each:
                assert entry_digest(canonical(each["entry"])) == each["hash"]
            seen += 1
        start = page["next_start"]
    assert start is None


async def test_entries_beyond_the_end_are_none(client, checkpoint):
    page = (await client.get("/v1/ledger/entries", params={"start": 2**53 - 1})).json()
    assert page == {"data": [], "next_start": None, "size": checkpoint.size}


async def test_an_inclusion_proof_holds_for_every_size_that_has_the_entry(client, checkpoint):
    for index in (0, 1, 255, 256, checkpoint.size - 1):
        for size in {None, index + 1, checkpoint.size}:
            query = {"entry": index} | ({"size": size} if size else {})
            proof = (await client.get("/v1/ledger/proof/inclusion", params=query)).json()
            verify_inclusion(
                parse_digest(proof["leaf_hash"]),
                proof["index"],
                proof["tree_size"],
                parse_hashes(proof["inclusion_path"]),
                parse_digest(proof["root_hash"]),
            )
            if size in {None, checkpoint.size}:
                assert parse_digest(proof["root_hash"]) == checkpoint.root


async def test_an_entry_may_be_named_by_its_id(client, record):
    proof = (await client.get("/v1/ledger/proof/inclusion", params={"entry": record["id"]})).json()
    assert proof["leaf_hash"] == record["hash"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("entry=rec_0000000000000000", 404),
        ("entry=nothing", 404),
        ("entry=999999999", 400),
        ("entry=5&size=5", 400),
        ("entry=0&size=999999999", 400),
        ("entry=0&size=-1", 400),
        ("entry=0&size=0", 400),
        ("entry=9999999999999999999999", 404),
        ("entry=-1", 404),
    ],
)
async def test_a_proof_of_what_is_not_in_the_tree_is_refused(client, checkpoint, query, status):
    assert (await client.get(f"/v1/ledger/proof/inclusion?{query}")).status_code == status


async def test_a_consistency_proof_holds_between_any_two_sizes(client, checkpoint):
    sizes = [1, 2, 255, 256, 257, 512, checkpoint.size]
    for first, second in combinations_with_replacement(sizes, 2):
        query = {"first": first, "second": second}
        proof = (await client.get("/v1/ledger/proof/consistency", params=query)).json()
        verify_consistency(
            first,
            second,
            parse_hashes(proof["consistency_path"]),
            parse_digest(proof["first_root"]),
            parse_digest(proof["second_root"]),
        )
        if second == checkpoint.size:
            assert parse_digest(proof["second_root"]) == checkpoint.root


@pytest.mark.parametrize(
    "query", ["first=2&second=1", "first=0&second=99999999", "first=99999999", "first=-1", "first=x"]
)
async def test_a_consistency_proof_between_impossible_sizes_is_refused(client, checkpoint, query):
    assert (await client.get(f"/v1/ledger/proof/consistency?{query}")).status_code == 400


async def test_consistency_with_the_empty_tree_needs_no_proof(client, checkpoint):
    proof = (await client.get("/v1/ledger/proof/consistency?first=0")).json()
    assert proof["consistency_path"] == []


async def test_tiles_rebuild_the_root_from_the_entries(site, client, checkpoint):
    """What a monitor does: read all entry bundles, hash them, and find the same leaves in the hash tiles."""
    monitor = site.mint(scopes=("log:monitor",))
    size, leaves, hashes = checkpoint.size, [], b""
    async with site.client(monitor) as reader, site.client("") as nobody:
        for number in range(-(-size // 256)):
            width = min(256, size - number * 256)
            bundle = await reader.get(f"/log/{entry_bundle_path(number, width)}")
            tile = await nobody.get(f"/log/{tile_path(0, number, width)}")
            assert (bundle.status_code, tile.status_code) == (200, 200)
            assert tile.headers["content-type"] == "application/octet-stream"
            leaves += [leaf_hash(entry) for entry in decode_entry_bundle(bundle.content)]
            hashes += tile.content
    assert b"".join(leaves) == hashes
    proof = (await client.get("/v1/ledger/proof/inclusion", params={"entry": 300})).json()
    assert proof["leaf_hash"] == format_digest(leaves[300])


@pytest.mark.parametrize(
    "path",
    [
        "/log/tile/0/999",
        "/log/tile/0/000.p/0",
        "/log/tile/0/000.p/256",
        "/log/tile/0/000.p/257",
        "/log/tile/0/000.p/01",
        "/log/tile/00/000",
        "/log/tile/64/000",
        "/log/tile/9/000",
        "/log/tile/-1/000",
        "/log/tile/x/000",
        "/log/tile/0/0",
        "/log/tile/0/0000",
        "/log/tile/0/x000/000",
        "/log/tile/0/x001/x234/067/068",
        "/log/tile/0/" + "x999/" * 50 + "999",
        "/log/tile/0",
        "/log/tile/0/",
        "/log/tile/0/../../../etc/passwd",
        "/log/tile/0/%2e%2e%2fcheckpoint",
    ],
)
async def test_a_tile_that_does_not_exist_is_not_found(site, checkpoint, path):
    async with site.client("") as nobody:
        answer = await nobody.get(path)
    assert answer.status_code == 404


async def test_an_encoded_address_leads_nowhere_else(site, checkpoint):
    """A slash written as %2F parts nothing, so that no other endpoint's rules can be met by it."""
    async with site.client("") as nobody:
        assert (await nobody.get("/log/tile%2Fentries%2F000")).status_code == 404
        assert (await nobody.get("/log/tile%2F0%2F000")).status_code == 404

import io
import json
import zipfile
from datetime import UTC, datetime

import pytest

from scripts.vectorlog import document_signer, trust
from xase.proof.archive import ArchiveError, Limits
from xase.proof.bundle import Disclosure, build_bundle, proof_nodes, read_bundle
from xase.proof.canonical import CanonicalError, canonical, parse_canonical
from xase.proof.merkle import read_subtrees
from xase.proof.verify import verify_bundle


def build(log, **changes):
    return build_bundle(log.contents(range(len(log.raws)), **changes), document_signer())


def test_the_same_contents_make_the_same_bytes(log):
    assert build(log) == build(log)


def test_a_built_bundle_verifies(log):
    certificate = document_signer().certificate_pem(
        "xase.example", datetime(2025, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)
    )
    statements = {"session": {"id": "x"}, "policy": {}, "authorization": {"a": 1}, "usage": {"n": 2}}
    data = build(log, certificate_pem=certificate, statements=statements, checkpoint_start=None)
    report = verify_bundle(data, trust())
    assert report.verified, report.to_text()
    assert {*read_bundle(data).files} == {
        "README.txt",
        "authorization.json",
        "checkpoint",
        "entries.ndjson",
        "manifest.json",
        "payloads/parts.ndjson",
        "policy.json",
        "proofs.json",
        "report.html",
        "session.json",
        "signatures/bundle.sig",
        "signatures/certificate.pem",
        "signatures/public-key.pem",
        "usage.json",
        "verify.sh",
    }


def test_files_that_are_not_given_are_not_there(log):
    files = read_bundle(build(log, disclosures=(), report_html=None)).files
    assert not {"payloads/parts.ndjson", "report.html", "checkpoint_start", "session.json"} & files.keys()


def test_the_manifest_says_what_the_bundle_is(log):
    manifest = json.loads(read_bundle(build(log)).files["manifest.json"])
    assert manifest["format"] == "xase-bundle"
    assert manifest["version"] == 1
    assert manifest["log"] == "xase.example/log"
    assert (manifest["entry_count"], manifest["checkpoint_size"]) == (4, 4)
    assert manifest["document_key"] == document_signer().key_id
    assert [item["file"] for item in manifest["contents"]] == [
        "entries.ndjson",
        "proofs.json",
        "checkpoint",
        "payloads/parts.ndjson",
    ]


def test_the_nodes_a_bundle_needs_are_planned(log):
    nodes = read_subtrees(proof_nodes([1, 3], 4), log.read)
    report = verify_bundle(
        build_bundle(log.contents([1, 3], nodes=nodes, completeness="selection"), document_signer()), trust()
    )
    assert report.verified, report.to_text()


def test_disclosures_lie_in_the_order_of_their_entries(log):
    shown = [part for parts in log.parts.values() for part in parts.values()]
    lines = read_bundle(build(log, disclosures=shown[::-1])).files["payloads/parts.ndjson"].splitlines()
    places = [(log.ids.index(line["entry"]), line["part"]) for line in map(json.loads, lines)]
    assert places == sorted(places)
    assert len(places) == len(shown)


def test_an_ordinary_zip_tool_unpacks_it(log):
    with zipfile.ZipFile(io.BytesIO(build(log))) as other:
        assert other.testzip() is None
        assert other.read("entries.ndjson") == b"".join(raw + b"\n" for raw in log.raws)


def test_a_disclosed_part_is_read_as_it_was_written():
    part = Disclosure("rec_1", "input", b"s" * 32, canonical({"a": [1, "x}"], "é": 1e-7}))
    line = part.to_line()
    assert parse_canonical(line[:-1])["value"] == {"a": [1, "x}"], "é": 1e-7}
    assert Disclosure.from_line(line[:-1]) == part


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'"text"',
        b"1",
        b"null",
        b'{"entry":"a","part":"b","salt":"00"}',
        b'{"entry":1,"part":"b","salt":"00","value":1}',
        b'{"entry":"a","part":null,"salt":"00","value":1}',
        b'{"entry":"a","part":"b","salt":"0","value":1}',
        b'{"entry":"a","part":"b","salt":"AA","value":1}',
        b'{"entry":"a","part":"b","salt":"00 ","value":1}',
        b'{"entry":"a","part":"b","salt":0,"value":1}',
        b'{"entry":"a","more":1,"part":"b","salt":"00","value":1}',
        b'{"entry":"a","part":"b","salt":"00","value":1,"wide":1}',
        b'{"entry":"a", "part":"b","salt":"00","value":1}',
        b'{"entry":"a","part":"b","salt":"00","value":1.0}',
    ],
)
def test_what_is_no_disclosed_part_is_refused(line):
    with pytest.raises(CanonicalError):
        Disclosure.from_line(line)


def test_a_bundle_without_a_needed_file_is_refused(log):
    from xase.proof.archive import write_archive

    files = dict(read_bundle(build(log)).files)
    del files["proofs.json"]
    with pytest.raises(ArchiveError, match="is missing") as caught:
        read_bundle(write_archive(files), Limits())
    assert caught.value.place == "proofs.json"

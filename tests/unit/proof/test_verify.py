import json
import os
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.forgery import FIRST, SECOND, honest_files, pack
from scripts.vectorlog import VECTORS, VectorLog, document_signer, files_of, log_signer, sign, signed, trust, witness
from xase.proof import bundle
from xase.proof.archive import Limits, write_archive
from xase.proof.canonical import canonical, parse_canonical
from xase.proof.entry import entry_digest, format_time
from xase.proof.report import Severity, Verdict
from xase.proof.trust import Trust
from xase.proof.verify import verify_bundle

VALID = json.loads((VECTORS / "bundles/valid/index.json").read_text())
INVALID = json.loads((VECTORS / "bundles/invalid/index.json").read_text())


def named(vector):
    return vector["file"].removesuffix(".zip")


def errors(report):
    return [(finding.step, finding.message) for finding in report.findings if finding.severity is Severity.ERROR]


@pytest.mark.parametrize("vector", VALID, ids=named)
def test_valid_bundles_verify(vector):
    data = (VECTORS / "bundles/valid" / vector["file"]).read_bytes()
    report = verify_bundle(data, trust(vector["quorum"]))
    assert report.verdict is (Verdict.VERIFIED if vector["quorum"] else Verdict.UNWITNESSED), report.to_text()
    assert report.exit_code == 0
    assert report.verified
    assert report.proven


@pytest.mark.parametrize("vector", INVALID, ids=named)
def test_forged_bundles_are_found_out(vector):
    data = (VECTORS / "bundles/invalid" / vector["file"]).read_bytes()
    report = verify_bundle(data, trust(vector["quorum"]))
    assert report.exit_code == vector["exit_code"], report.to_text()
    assert not report.proven
    said = [finding for finding in report.findings if finding.step == vector["step"]]
    assert any(vector["says"] in finding.message for finding in said), report.to_text()


@pytest.mark.parametrize("vector", INVALID, ids=named)
def test_the_forged_entry_is_named(vector):
    report = verify_bundle((VECTORS / "bundles/invalid" / vector["file"]).read_bytes(), trust(vector["quorum"]))
    wanted = {
        "nested_field_changed": "entry 0 (rec_0000000000000001)",
        "payload_changed": "entry 0 (rec_0000000000000001)",
    }
    if named(vector) in wanted:
        assert wanted[named(vector)] in [finding.place for finding in report.findings]


def test_findings_come_in_the_order_of_the_steps():
    report = verify_bundle((VECTORS / "bundles/invalid/duplicate_key.zip").read_bytes(), trust())
    steps = [finding.step for finding in report.findings]
    assert steps == sorted(steps)
    assert len(steps) > 1


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (Trust(), "no trusted document key"),
        (Trust(log_keys=trust().log_keys), "no trusted document key"),
        (Trust(document_keys=trust().document_keys), "no trusted log key"),
    ],
    ids=["no keys", "no document key", "no log key"],
)
def test_without_trusted_keys_nothing_is_judged(keys, message):
    report = verify_bundle(sign(honest_files()), keys)
    assert report.verdict is Verdict.NOT_JUDGED
    assert report.exit_code == 7
    assert any(message in finding.message for finding in report.findings)


def test_falsehood_outweighs_what_could_not_be_judged():
    data = (VECTORS / "bundles/invalid/payload_changed.zip").read_bytes()
    assert verify_bundle(data, Trust()).verdict is Verdict.FAILED


def test_a_key_inside_the_bundle_is_not_trusted():
    data = (VECTORS / "bundles/invalid/key_substituted.zip").read_bytes()
    theirs = Trust(trust().log_keys, [document_signer("other-document").verifier])
    assert 1 not in [step for step, _ in errors(verify_bundle(data, theirs))]
    assert 1 in [step for step, _ in errors(verify_bundle(data, trust()))]


def test_an_older_trusted_key_will_do():
    both = Trust(trust().log_keys, [document_signer("other-document").verifier, document_signer().verifier])
    assert verify_bundle(sign(honest_files()), both).verified


@pytest.mark.parametrize("quorum", [0, 1])
def test_witnesses_are_counted(quorum):
    log = VectorLog()
    log.decide(FIRST)
    note = log.checkpoint(signers=[log_signer(), witness()])
    report = verify_bundle(pack(log, checkpoint=note), trust(quorum))
    assert report.verdict is (Verdict.VERIFIED if quorum else Verdict.UNWITNESSED)
    assert report.facts["witnesses"] == "witness.example/one"
    assert any("another history" in said for said in report.cannot_know) is not bool(quorum)


def test_two_witnesses_are_more_than_one():
    assert errors(verify_bundle((VECTORS / "bundles/valid/witnessed.zip").read_bytes(), trust(2))) == [
        (2, "1 of 2 witnesses have cosigned")
    ]


def test_a_witness_given_twice_is_one_witness():
    data = (VECTORS / "bundles/valid/witnessed.zip").read_bytes()
    twice = Trust(trust().log_keys, trust().document_keys, [witness().verifier, witness().verifier], 2)
    assert errors(verify_bundle(data, twice)) == [(2, "1 of 2 witnesses have cosigned")]


def test_a_later_version_is_not_judged():
    report = verify_bundle(sign(honest_files(), version=2), trust())
    assert (report.verdict, report.exit_code) == (Verdict.NOT_JUDGED, 7)


def test_a_selection_may_have_gaps():
    log = VectorLog()
    for number in range(1, 6):
        log.decide(f"rec_{number:016x}")
    data = sign(files_of(log.contents([1, 4], completeness=bundle.SELECTION)))
    report = verify_bundle(data, trust())
    assert report.verified, report.to_text()
    assert any("selection" in said for said in report.cannot_know)
    assert not any("Nothing is missing" in said for said in report.proven)


def test_a_selection_must_not_go_back():
    log = VectorLog()
    log.decide(FIRST)
    log.decide(SECOND, sequence=7)
    log.decide("rec_0000000000000003", sequence=3)
    data = sign(files_of(log.contents(range(3), completeness=bundle.SELECTION)))
    assert (4, "has sequence 3 in decisions/org_0123456789abcdef, which already stands at 8") in errors(
        verify_bundle(data, trust())
    )


def test_a_range_says_what_it_proves():
    report = verify_bundle(sign(honest_files()), trust())
    assert (
        "Nothing is missing from decisions/org_0123456789abcdef between its beginning and sequence 3." in report.proven
    )


def test_several_streams_are_each_followed():
    log = VectorLog()
    for number in range(1, 5):
        log.decide(f"rec_{number:016x}", stream=f"decisions/org_{number % 2}")
    report = verify_bundle(pack(log), trust())
    assert report.verified, report.to_text()
    assert sum("Nothing is missing" in said for said in report.proven) == 2


def test_an_intervention_whose_decision_is_elsewhere_is_noted():
    log = VectorLog()
    log.decide(FIRST)
    log.intervene("int_0000000000000001", FIRST)
    report = verify_bundle(pack(log, [1]), trust())
    assert report.verified, report.to_text()
    assert [finding.severity for finding in report.findings] == [Severity.NOTE]


def test_a_signature_whose_parts_are_withheld_is_noted():
    log = VectorLog()
    log.decide(FIRST)
    log.intervene("int_0000000000000001", FIRST)
    only = [log.parts["int_0000000000000001"]["signature"]]
    report = verify_bundle(pack(log, disclosures=only), trust())
    assert report.verified
    assert "cannot be checked: actor_email, evidence_urls, new_outcome, reason" in report.findings[0].message


@pytest.mark.parametrize(
    "signature",
    ["", "not base64!", None, 5, ["x"], {"a": 1}],
    ids=["empty", "text", "null", "number", "list", "object"],
)
def test_a_signature_of_any_form_is_judged(signature):
    log = VectorLog()
    log.decide(FIRST)
    signed_at = format_time(log.now())
    body = {"action": "APPROVED", "record_id": FIRST, "record_hash": entry_digest(log.raws[0]), "signed_at": signed_at}
    log.append("intervention", "int_0000000000000001", body, {"reason": "x", "signature": signature})
    assert errors(verify_bundle(pack(log), trust())) == [
        (7, "its signature is not a trusted document key's over what it says")
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"record_id": 5},
        {"record_id": None, "record_hash": []},
        {"record_id": FIRST, "record_hash": {}},
        {"record_id": "int_0000000000000001"},
        {"record_id": FIRST, "signed_at": 5},
        {"record_id": FIRST, "signed_at": "yesterday"},
        {"record_id": FIRST, "parts": "input"},
        {"record_id": FIRST, "parts": [1, None, {}]},
        {"record_id": {}, "parts": [[]]},
    ],
    ids=range(10),
)
@pytest.mark.parametrize("kind", ["intervention", "payload_erased"])
def test_a_body_of_any_form_is_judged(kind, body):
    log = VectorLog()
    log.decide(FIRST)
    log.append(kind, "int_0000000000000001", body)
    assert verify_bundle(pack(log), trust()).exit_code in {0, 6}


@pytest.mark.parametrize(
    "scope", [None, [], "x", {"record_ids": "x"}, {"record_ids": [1, None, [], {}]}, {"more": 1}], ids=range(6)
)
def test_a_scope_of_any_form_is_judged(scope):
    assert verify_bundle(sign(honest_files(), scope=scope), trust()).exit_code in {0, 6}


JUNK: tuple[Any, ...] = (None, True, -1, 2**53 - 1, 0.5, "", "text", [], [[]], [None], {}, {"a": []})


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_junk_in_any_member_of_the_manifest_is_judged(junk):
    files = honest_files()
    for name in parse_canonical(files[bundle.MANIFEST]):
        report = verify_bundle(sign(files, **{name: junk}), trust())
        assert name in {"bundle_id", "created_at", "scope", "document_key", "contents"} or not report.verified
        assert report.to_text()
        assert json.dumps(report.to_dict())


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_junk_in_any_member_of_the_proofs_is_refused(junk):
    files = honest_files()
    proofs = parse_canonical(files[bundle.PROOFS])
    for name in (name for name in proofs if proofs[name] != junk):
        data = sign(files | {bundle.PROOFS: canonical(proofs | {name: junk})})
        assert verify_bundle(data, trust()).exit_code == 6
    data = sign(files | {bundle.PROOFS: canonical(proofs | {"consistency": proofs["consistency"] | {"nodes": junk}})})
    assert verify_bundle(data, trust()).exit_code == 6


ANYTHING = (b"", b"\n", b"\x00", b"\xff\xfe", b"null", b"{}", b"[]", b"[" * 5000, b"\n" * 500, b"{}\n" * 50)


@pytest.mark.parametrize("data", ANYTHING, ids=range(len(ANYTHING)))
@pytest.mark.parametrize("name", sorted(honest_files()))
def test_any_file_may_hold_anything(name, data):
    files = signed(honest_files()) | {name: data}
    resigned = signed(files) if name not in bundle.UNLISTED else files
    report = verify_bundle(write_archive(resigned), trust())
    assert (
        report.exit_code in {6, 7}
        or name in {"report.html", "signatures/public-key.pem"}
        or (name, data) == (bundle.PARTS, b"")
    )
    assert report.to_text()


def test_findings_are_bounded_and_counted():
    files = honest_files()
    data = sign(files | {bundle.ENTRIES: b"x\n" * 5000})
    report = verify_bundle(data, trust(), Limits(max_findings=10))
    assert len(report.findings) <= 31
    assert "findings more" in report.findings[-1].message


def test_more_entries_than_the_limit_are_not_judged():
    report = verify_bundle(sign(honest_files()), trust(), Limits(max_entries=3))
    assert any(finding.severity is Severity.OPEN and "more than 3" in finding.message for finding in report.findings)
    assert not report.verified
    assert verify_bundle(sign(honest_files()), trust(), Limits(max_entries=4)).verified


@pytest.mark.parametrize("error", [RecursionError, MemoryError])
def test_a_verifier_that_gives_up_judges_nothing(error, monkeypatch):
    def exhausted(*_):
        raise error

    monkeypatch.setattr("xase.proof.verify.judge_story", exhausted)
    report = verify_bundle(sign(honest_files()), trust())
    assert report.verdict is Verdict.NOT_JUDGED
    assert "gave up" in report.findings[-1].message


def flips(data: bytes, step: int) -> Iterator[bytes]:
    for place in range(0, len(data) * 8, step):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        yield bytes(changed)


@pytest.fixture(scope="module")
def small() -> bytes:
    log = VectorLog()
    log.decide(FIRST)
    return pack(log, disclosures=(), report_html=None)


STRIDE = 1 if os.environ.get("XASE_FAULTS") == "full" else 17


def test_every_single_bit_matters(small):
    keys = trust()
    assert verify_bundle(small, keys).verified
    assert {verify_bundle(changed, keys).exit_code for changed in flips(small, STRIDE)} == {6, 7}


def test_a_changed_byte_inside_any_file_fails_even_in_a_sound_archive(small):
    keys = trust()
    files = signed(honest_files())
    for name, data in files.items():
        for place in range(0, len(data), max(1, len(data) // 25)):
            changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            assert verify_bundle(write_archive(files | {name: changed}), keys).exit_code == 6, (name, place)


SMALL = Limits(max_part_bytes=50_000, max_manifest_bytes=50_000)


def bombs() -> dict[str, dict[str, bytes]]:
    """Bundles whose files are much larger in memory than on disk, for a reader who keeps what he parses."""
    log = VectorLog()
    log.append("decision", FIRST, {"x": [[] for _ in range(20_000)]})
    entry, files = log.raws[0] + b"\n", honest_files()
    lists = b"[" + b"[]," * 600_000 + b"[]]"
    return {
        "entries of empty lists": files | {bundle.ENTRIES: entry * 8},
        "empty lines for entries": files | {bundle.ENTRIES: b"\n" * 2_000_000},
        "empty lines for parts": files | {bundle.PARTS: b"\n" * 2_000_000},
        "parts of nobody": files | {bundle.PARTS: b'{"entry":"a","part":"b","salt":"","value":1}\n' * 40_000},
        "proofs of empty lists": files | {bundle.PROOFS: b'{"leaves":' + lists + b"}"},
        "proofs of numbers": files | {bundle.PROOFS: b'{"leaves":[' + b"1," * 900_000 + b"1]}"},
        "proofs of empty texts": files | {bundle.PROOFS: b'{"leaves":[' + b'"",' * 600_000 + b'""]}'},
        "proofs of members": files | {bundle.PROOFS: b"{" + b'"a":1,' * 300_000 + b'"a":1}'},
        "a value of empty lists": files
        | {bundle.PARTS: b'{"entry":"a","part":"b","salt":"","value":' + lists + b"}\n"},
    }


@pytest.mark.parametrize("name", bombs())
def test_memory_is_bounded(name):
    data = sign(bombs()[name])
    keys = trust()
    tracemalloc.start()
    try:
        report = verify_bundle(data, keys, SMALL)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not report.verified
    assert peak < 10 * 2**20 + 8 * len(data)


def test_an_honest_bundle_stays_within_its_memory():
    log = VectorLog()
    for number in range(1, 301):
        log.decide(f"rec_{number:016x}")
    data = pack(log)
    tracemalloc.start()
    try:
        assert verify_bundle(data, trust(), SMALL).verified
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * 2**20 + 8 * len(data)


def test_a_part_has_a_bounded_size():
    report = verify_bundle(sign(honest_files()), trust(), Limits(max_part_bytes=100))
    assert (report.exit_code, report.findings[0].message) == (7, "is longer than 100 bytes")


def test_a_manifest_has_a_bounded_size():
    data = sign(honest_files(), scope={"more": ["x" * 100] * 30_000})
    report = verify_bundle(data, trust())
    assert (report.exit_code, report.findings[0].message) == (7, "is larger than 2097152 bytes")

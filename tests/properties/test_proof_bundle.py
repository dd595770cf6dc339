"""Bundles and notes: whatever is changed, the judge neither believes it nor falls over."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from scripts.forgery import honest_files, pack
from scripts.vectorlog import VectorLog, log_signer, sign, signed, trust
from tests.properties.test_proof_canonical import VALUES, closed
from xase.proof import bundle
from xase.proof.archive import ArchiveError, Limits, Unreadable, read_archive, write_archive
from xase.proof.canonical import canonical, parse_canonical
from xase.proof.checkpoint import Checkpoint, NoteError, open_checkpoint, parse_note, sign_checkpoint
from xase.proof.verify import verify_bundle

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}(/[A-Za-z0-9][A-Za-z0-9._-]{0,9}){0,2}", fullmatch=True)
FILES = st.dictionaries(NAMES, st.binary(max_size=50), max_size=6)


@cache
def honest() -> bytes:
    return sign(honest_files())


@cache
def keys():
    return trust()


@given(FILES)
def test_archives_are_read_as_they_were_written(files):
    archive = read_archive(write_archive(files), Limits())
    assert (archive.files, archive.damaged) == (files, ())


@given(st.binary(max_size=200))
def test_bytes_that_are_read_as_an_archive_are_the_one_that_is_written(data):
    try:
        archive = read_archive(data, Limits())
    except (ArchiveError, Unreadable):
        return
    assert archive.damaged or write_archive(archive.files) == data


@given(st.data())
def test_an_archive_with_changed_bytes_is_refused_or_damaged(data):
    raw = bytearray(write_archive(data.draw(FILES.filter(bool))))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        archive = read_archive(bytes(raw), Limits())
    except (ArchiveError, Unreadable):
        return
    assert archive.damaged or write_archive(archive.files) == bytes(raw)


@given(st.binary(max_size=300))
def test_any_bytes_are_judged(data):
    assert verify_bundle(data, keys()).exit_code in {6, 7}


@given(st.data())
def test_a_bundle_with_changed_bytes_is_never_verified(data):
    raw = bytearray(honest())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    assert verify_bundle(bytes(raw), keys()).exit_code in {6, 7}


@given(st.data())
def test_a_bundle_cut_or_spliced_is_never_verified(data):
    raw = honest()
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(raw)), st.integers(0, len(raw)))))
    filling = data.draw(st.binary(max_size=20))
    changed = raw[:start] + filling + raw[end:]
    if changed != raw:
        assert verify_bundle(changed, keys()).exit_code in {6, 7}


@given(st.sampled_from(sorted(honest_files())), st.binary(max_size=60))
def test_an_insider_may_put_anything_into_any_file(name, data):
    files = honest_files() | {name: data}
    report = verify_bundle(write_archive(signed(files) if name not in bundle.UNLISTED else files), keys())
    believed = {bundle.REPORT, bundle.PUBLIC_KEY}
    assert not report.verified or name in believed or (name, data) == (bundle.PARTS, b"")
    assert report.to_text()


@given(VALUES.filter(closed), st.data())
def test_an_insider_may_put_any_value_into_the_manifest_or_the_proofs(value, data):
    files = honest_files()
    name = data.draw(st.sampled_from([bundle.MANIFEST, bundle.PROOFS]))
    members = parse_canonical(files[name])
    member = data.draw(st.sampled_from(sorted(members)))
    if name == bundle.MANIFEST:
        report = verify_bundle(sign(files, **{member: value}), keys())
    else:
        report = verify_bundle(sign(files | {name: canonical(members | {member: value})}), keys())
    free = {"bundle_id", "created_at", "scope", "document_key", "contents"}
    assert not report.verified or member in free or value == members[member]
    assert report.to_dict()["verdict"] in report.to_text()


@given(
    st.dictionaries(
        st.sampled_from(["record_id", "record_hash", "signed_at", "parts", "action"]), VALUES.filter(closed)
    )
)
def test_an_insider_may_log_any_body(body):
    log = VectorLog()
    log.decide("rec_0000000000000001")
    log.append("intervention", "int_0000000000000001", body, {"signature": body.get("action")})
    log.append("payload_erased", "ers_0000000000000001", body)
    assert verify_bundle(pack(log), keys()).exit_code in {0, 6}


@given(
    st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(st.text("abc ", min_size=1), max_size=3)
)
def test_checkpoints_are_read_as_they_were_signed(size, root, extensions):
    head = Checkpoint("xase.example/log", size, root, tuple(extensions))
    assert open_checkpoint(sign_checkpoint(head, [log_signer()]), [log_signer().verifier]) == head


@given(st.data())
def test_a_changed_note_does_not_open_as_another_checkpoint(data):
    head = Checkpoint("xase.example/log", 12, b"r" * 32)
    note = sign_checkpoint(head, [log_signer()])
    place = data.draw(st.integers(0, len(note) - 1))
    changed = note[:place] + data.draw(st.text(max_size=2)) + note[place + 1 :]
    try:
        assert open_checkpoint(changed, [log_signer().verifier]) == head
    except NoteError:
        return


@given(st.text(max_size=80))
def test_any_text_is_read_as_a_note_or_refused(text):
    try:
        note = parse_note(text)
    except NoteError:
        return
    assert note.signatures

"""Verification of an evidence bundle, offline, in numbered steps; the last one is the report.

The numbers are those of docs/spec/evidence.md, section 7. What is trusted is an argument. Nothing here raises on any
input: what cannot be read is a finding. Later steps go on after earlier findings as far as they can, so that a forgery
is named by its place and not only by the file it is in.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from xase.proof import bundle
from xase.proof.archive import ArchiveError, Limits, Unreadable
from xase.proof.bundle import Disclosure, read_bundle
from xase.proof.canonical import CanonicalError, parse_canonical
from xase.proof.case import Case
from xase.proof.chain import GENESIS, Link
from xase.proof.checkpoint import (
    Checkpoint,
    NoteError,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
    signers_of,
)
from xase.proof.digest import PREFIX, commitment, format_digest, sha256_digest
from xase.proof.entry import EntryError, parse_entry
from xase.proof.line import Line
from xase.proof.merkle import ProofError, verify_consistency
from xase.proof.multiproof import verify_many
from xase.proof.receipt import parse_hashes
from xase.proof.report import Report, Severity
from xase.proof.sessions import Evidence, judge_sessions
from xase.proof.story import Story, judge_story
from xase.proof.trust import Trust

__all__ = ["Limits", "Report", "Trust", "verify_bundle"]

_SALT_BYTES: Final = 32
_PROOF_LISTS: Final = 3
_PROOF_ROOM: Final = 1024
_HASH_DIGITS: Final = 64


def verify_bundle(data: bytes, trust: Trust, limits: Limits | None = None) -> Report:
    """Judge a bundle by the keys in `trust`; never raises.

    The report's verdict is VERIFIED or VERIFIED, UNWITNESSED only if every step passed. Memory stays within 512 MiB
    and eight times the bundle's size, which `limits` bounds.
    """
    case = Case(trust, limits or Limits())
    try:
        for step in _STEPS:
            step(case, data)
            case.steps += 1
    except _Stop:
        pass  # the finding that stopped it is in the case
    except (RecursionError, MemoryError) as error:
        case.find(9, "", f"the verifier gave up: {type(error).__name__}", Severity.OPEN)
    return case.report()  # step 9


class _Stop(Exception):
    """Nothing more can be said about this bundle."""


# ---------------------------------------------------------------- 0. format and limits


def _step_0_format(case: Case, data: bytes) -> None:
    try:
        archive = read_bundle(data, case.limits)
    except Unreadable as error:
        case.find(0, "", str(error), Severity.OPEN)
        raise _Stop from error
    except ArchiveError as error:
        case.find(0, error.place, str(error))
        raise _Stop from error
    case.files = archive.files
    for name in archive.damaged:
        case.find(0, name, "is damaged: its bytes do not match its checksum")
    if len(case.files[bundle.MANIFEST]) > case.limits.max_manifest_bytes:
        case.find(0, bundle.MANIFEST, f"is larger than {case.limits.max_manifest_bytes} bytes", Severity.OPEN)
        raise _Stop
    case.manifest = _read_object(case, 0, bundle.MANIFEST)
    _check_format(case)
    _check_listing(case)


def _check_format(case: Case) -> None:
    manifest = case.manifest
    if manifest.get("format") != bundle.FORMAT:
        case.find(0, bundle.MANIFEST, f"is not of the format {bundle.FORMAT}")
    elif not _is(manifest.get("version"), bundle.VERSION):
        case.find(0, bundle.MANIFEST, f"is not of version {bundle.VERSION}, the one this verifier knows", Severity.OPEN)
    if manifest.get("completeness") not in (bundle.RANGE, bundle.SELECTION):
        case.find(0, bundle.MANIFEST, "does not say whether the entries are a range or a selection")


def _check_listing(case: Case) -> None:
    case.listed = dict(_pairs(case, "files", "path", "sha256"))
    here = case.files.keys() - bundle.UNLISTED
    for name in sorted(here - case.listed.keys()):
        case.find(0, name, "is not listed in the manifest")
    for name in sorted(case.listed.keys() - here):
        case.find(0, name, "is listed in the manifest and missing")


def _pairs(case: Case, name: str, key: str, value: str) -> Iterator[tuple[str, str]]:
    """The pairs of texts that the manifest's list `name` holds."""
    listed = case.manifest.get(name)
    for item in listed if isinstance(listed, list) else []:
        pair = (item.get(key), item.get(value)) if isinstance(item, dict) else (None, None)
        if isinstance(pair[0], str) and isinstance(pair[1], str):
            yield pair[0], pair[1]
        else:
            case.find(0, bundle.MANIFEST, f"{name} is malformed")


def _is(value: object, wanted: object) -> bool:
    """Whether a JSON value is the one wanted; to Python, true is also 1."""
    return type(value) is type(wanted) and value == wanted


def _read_object(case: Case, step: int, name: str) -> dict[str, Any]:
    """The JSON object a file holds; empty, with a finding, when it holds anything else."""
    try:
        value = parse_canonical(case.files[name])
    except CanonicalError as error:
        case.find(step, name, f"cannot be read: {error}")
        return {}
    if not isinstance(value, dict):
        case.find(step, name, "is not a JSON object")
        return {}
    return value


# ---------------------------------------------------------------- 1. manifest signature and file hashes


def _step_1_manifest(case: Case, _data: bytes) -> None:
    manifest, signature = case.files[bundle.MANIFEST], case.files[bundle.SIGNATURE]
    if not case.trust.document_keys:
        case.find(1, bundle.MANIFEST, "no trusted document key was given", Severity.OPEN)
    elif not any(key.verify(manifest, signature) for key in case.trust.document_keys):
        case.find(1, bundle.SIGNATURE, "is not a trusted document key's signature over the manifest")
    for name, digest in case.listed.items():
        if name in case.files and sha256_digest(case.files[name]) != PREFIX + digest:
            case.find(1, name, "is not the file that was signed: its hash differs from the manifest's")
    for name, digest in _pairs(case, "contents", "file", "hash"):
        if digest != PREFIX + case.listed.get(name, ""):
            case.find(1, bundle.MANIFEST, f"gives {name} two hashes")


# ---------------------------------------------------------------- 2. checkpoint signatures


def _step_2_checkpoints(case: Case, _data: bytes) -> None:
    if not case.trust.log_keys:
        case.find(2, bundle.CHECKPOINT, "no trusted log key was given", Severity.OPEN)
    case.checkpoint = _open(case, bundle.CHECKPOINT)
    case.start = _open(case, bundle.CHECKPOINT_START) if bundle.CHECKPOINT_START in case.files else None
    if case.checkpoint is None:
        return
    head, manifest = case.checkpoint, case.manifest
    if case.start and case.start.origin != head.origin:
        case.find(2, bundle.CHECKPOINT_START, f"is of another log, {case.start.origin}")
    said = {"log": head.origin, "checkpoint_size": head.size, "merkle_root": format_digest(head.root)}
    if not all(_is(manifest.get(name), value) for name, value in said.items()):
        case.find(2, bundle.MANIFEST, "names another checkpoint than the one here")
    _count_witnesses(case)


def _open(case: Case, name: str) -> Checkpoint | None:
    """The checkpoint of a note, also of one whose signature is false: that is a finding, and later steps find more."""
    try:
        text = case.files[name].decode()
        if case.trust.log_keys:
            return open_checkpoint(text, case.trust.log_keys)
    except (NoteError, UnicodeDecodeError) as error:
        case.find(2, name, str(error))
    try:
        return parse_checkpoint(parse_note(case.files[name].decode()).body)
    except (NoteError, UnicodeDecodeError) as error:
        case.find(2, name, str(error))
        return None


def _count_witnesses(case: Case) -> None:
    try:
        found = signers_of(parse_note(case.files[bundle.CHECKPOINT].decode()), case.trust.witnesses)
    except NoteError as error:
        case.find(2, bundle.CHECKPOINT, str(error))
        return
    case.witnessed_by = sorted({witness.name for witness in found})  # one voice each, however many keys
    if len(case.witnessed_by) < case.trust.quorum:
        case.find(2, bundle.CHECKPOINT, f"{len(case.witnessed_by)} of {case.trust.quorum} witnesses have cosigned")


# ---------------------------------------------------------------- 3. form and hash of each entry


def _step_3_entries(case: Case, _data: bytes) -> None:
    _read_proofs(case)
    number = -1
    for number, raw in _lines(case, 3, bundle.ENTRIES, case.limits.max_entries):
        _read_entry(case, number, raw)
    if not _is(case.manifest.get("entry_count"), number + 1):
        case.find(3, bundle.ENTRIES, f"holds {number + 1} entries; the manifest says otherwise")


def _lines(case: Case, step: int, name: str, most: int) -> Iterator[tuple[int, bytes]]:
    """The lines of a file, numbered from 0, up to the limit and as long as reading on makes sense."""
    data, at, number = case.files.get(name, b""), 0, 0
    while (end := data.find(b"\n", at)) >= 0:
        if number == most:
            case.find(step, name, f"holds more than {most} lines", Severity.OPEN)
            return
        yield number, data[at:end]
        if case.is_hopeless():
            return
        at, number = end + 1, number + 1
    if at < len(data):
        case.find(step, name, "does not end with a line")


def _read_entry(case: Case, number: int, raw: bytes) -> None:
    try:
        line = Line.of(parse_entry(raw))
    except EntryError as error:
        case.find(3, f"{bundle.ENTRIES} line {number + 1}", f"is not an entry: {error}")
        return
    if number >= len(case.leaves) or case.leaves[number] != line.leaf:
        case.find(3, line.name, "its hash is not the one that the proofs are about")
    case.lines.append(line)
    case.by_id.setdefault(line.id, line)


def _read_proofs(case: Case) -> None:
    data = case.files[bundle.PROOFS]
    if data.count(b"[") > _PROOF_LISTS or data.count(b",") * _HASH_DIGITS > len(data) + _PROOF_ROOM:
        case.find(5, bundle.PROOFS, "holds something else than hashes")  # and could be many times as large when parsed
        return
    case.proofs = _read_object(case, 5, bundle.PROOFS)
    try:
        case.leaves = parse_hashes(case.proofs.get("leaves"))
        case.nodes = parse_hashes(case.proofs.get("nodes"))
    except ProofError as error:
        case.find(5, bundle.PROOFS, str(error))


# ---------------------------------------------------------------- 4. stream links and sequence


def _step_4_streams(case: Case, _data: bytes) -> None:
    last, links = -1, case.links
    for line in case.lines:
        if line.index <= last:
            case.find(4, line.name, f"does not come after index {last}")
        last = line.index
        link = links.get(line.stream)
        if fault := _link_fault(case, line, link):
            case.find(4, line.name, fault)
        links[line.stream] = Link(line.sequence + 1, line.hash)
        if link is None:
            case.starts[line.stream] = line.sequence


def _link_fault(case: Case, line: Line, link: Link | None) -> str | None:
    """What is wrong with the place of an entry in its stream, which stands at `link`."""
    if line.sequence == GENESIS.sequence or line.previous_hash == GENESIS.hash:
        link = link or GENESIS
    is_whole = line.stream.startswith(bundle.WHOLE)
    if link is None:  # the first shown of its stream, from the middle
        return "is not the first of its session, whose stream is shown whole or not at all" if is_whole else None
    if line.sequence < link.sequence:
        return f"has sequence {line.sequence} in {line.stream}, which already stands at {link.sequence}"
    if line.sequence > link.sequence:
        if case.manifest.get("completeness") == bundle.SELECTION and link is not GENESIS and not is_whole:
            return None
        return f"has sequence {line.sequence} in {line.stream}, expected {link.sequence}: entries are missing"
    return None if line.previous_hash == link.hash else "does not name the hash of the entry before it"


# ---------------------------------------------------------------- 5. inclusion of each entry


def _step_5_inclusion(case: Case, _data: bytes) -> None:
    head = case.checkpoint
    if head is None:
        return
    for line in case.lines:
        if line.log != head.origin:
            case.find(5, line.name, f"is an entry of another log, {line.log}")
    if not _is(case.proofs.get("tree_size"), head.size):
        case.find(5, bundle.PROOFS, f"is about a tree of another size than the checkpoint's {head.size}")
        return
    if len(case.leaves) != len(case.lines):
        case.find(5, bundle.PROOFS, f"proves {len(case.leaves)} entries; {len(case.lines)} can be read")
        return
    try:
        verify_many([line.index for line in case.lines], case.leaves, head.size, case.nodes, head.root)
    except ProofError as error:
        case.find(5, bundle.PROOFS, f"the entries are not in the log: {error}")


# ---------------------------------------------------------------- 6. consistency of the checkpoints


def _step_6_consistency(case: Case, _data: bytes) -> None:
    proof = case.proofs.get("consistency")
    if case.start is None or case.checkpoint is None:
        if proof is not None:
            case.find(6, bundle.PROOFS, "has a consistency proof without two checkpoints")
        return
    try:
        _verify_extends(case.start, case.checkpoint, proof)
    except ProofError as error:
        case.find(6, bundle.CHECKPOINT_START, f"the log does not extend this checkpoint: {error}")


def _verify_extends(first: Checkpoint, second: Checkpoint, proof: Any) -> None:
    sizes = isinstance(proof, dict) and _is(proof.get("first"), first.size) and _is(proof.get("second"), second.size)
    if not sizes:
        raise ProofError("there is no proof between these two checkpoints")
    verify_consistency(first.size, second.size, parse_hashes(proof.get("nodes")), first.root, second.root)


# ---------------------------------------------------------------- 7. story


def _step_7_story(case: Case, _data: bytes) -> None:
    said = case.manifest.get("scope")
    scope = said if isinstance(said, dict) else {}
    for finding in judge_story(Story(scope, case.lines, case.by_id, case.trust.document_keys)):
        case.add(finding)
    for finding in judge_sessions(Evidence(scope, case.lines, case.by_id, case.files)):
        case.add(finding)


# ---------------------------------------------------------------- 8. payload commitments


def _step_8_payloads(case: Case, _data: bytes) -> None:
    for number, raw in _lines(case, 8, bundle.PARTS, case.limits.max_parts):
        _check_part(case, f"{bundle.PARTS} line {number + 1}", raw)


def _check_part(case: Case, place: str, raw: bytes) -> None:
    if len(raw) > case.limits.max_part_bytes:
        case.find(8, place, f"is longer than {case.limits.max_part_bytes} bytes", Severity.OPEN)
        return
    try:
        part = Disclosure.from_line(raw)
    except CanonicalError as error:
        case.find(8, place, str(error))
        return
    _match_part(case, part)


def _match_part(case: Case, part: Disclosure) -> None:
    line = case.by_id.get(part.entry)
    if line is None:
        case.find(8, bundle.PARTS, f"discloses {part.part} of {part.entry}, which is not here")
    elif part.part not in line.commitments:
        case.find(8, line.name, f"does not commit to the disclosed {part.part}")
    elif part.part in line.shown:
        case.find(8, line.name, f"its {part.part} is disclosed twice")
    else:
        line.shown[part.part] = part.value
        if len(part.salt) != _SALT_BYTES or line.commitments[part.part] != commitment(part.part, part.salt, part.value):
            case.find(8, line.name, f"the disclosed {part.part} is not what it committed to")


_STEPS: Final[tuple[Callable[[Case, bytes], None], ...]] = (
    _step_0_format,
    _step_1_manifest,
    _step_2_checkpoints,
    _step_3_entries,
    _step_4_streams,
    _step_5_inclusion,
    _step_6_consistency,
    _step_8_payloads,  # before the story, which tells of what they disclose
    _step_7_story,
)

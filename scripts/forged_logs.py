"""Forged bundles whose files are well signed and whose story is false: what steps 4 to 8 must find.

The work of an insider who holds the document key, and for some the log key as well.
"""

from scripts.forgery import FIRST, SECOND, THIRD, Forgery, edit_json, forgery, honest_files, pack, story, with_entries
from scripts.vectorlog import NOON, STREAM, VectorLog, document_signer, files_of, sign
from xase.proof import bundle
from xase.proof.canonical import parse_canonical
from xase.proof.entry import entry_digest
from xase.proof.multiproof import many_proof

# ---------------------------------------------------------------- 4. streams


@forgery(4, "entries are missing")
def entry_dropped() -> bytes:
    """An entry is left out of a range, and all proofs are made for the others."""
    return pack(story(), [0, 2, 3])


@forgery(4, "does not come after index")
def entries_reordered() -> bytes:
    """Two entries have changed places, in the entries and in the proofs."""
    first, second, third, *rest = story().raws
    return with_entries(honest_files(), [first, third, second, *rest])


@forgery(4, "already stands at")
def chain_forked() -> bytes:
    """The log itself holds two entries for one place of the stream."""
    log = story()
    log.decide("rec_0000000000000009", sequence=1, previous_hash=parse_canonical(log.raws[1])["previous_hash"])
    return pack(log)


@forgery(4, "does not name the hash")
def chain_broken() -> bytes:
    """The log itself holds an entry that names another predecessor."""
    log = story()
    log.decide("rec_0000000000000009", previous_hash=f"sha256:{'5' * 64}")
    return pack(log)


@forgery(4, "entries are missing")
def selection_called_a_range() -> bytes:
    """A selection claims that nothing is missing between its entries."""
    log = story()
    return sign(files_of(log.contents([0, 3], completeness=bundle.SELECTION)), completeness=bundle.RANGE)


# ---------------------------------------------------------------- 5. inclusion


@forgery(5, "lie in the tree")
def entry_added() -> bytes:
    """An entry that was never in the log stands at the end, well linked."""
    log = story()
    log.decide("rec_0000000000000009")
    return with_entries(honest_files(), log.raws)


@forgery(5, "does not lead to this root")
def entry_replaced() -> bytes:
    """The last entry is another than the one in the log, in the same place and well linked."""
    log = story()
    last = log.raws.pop()
    log.streams[STREAM] = (3, parse_canonical(last)["previous_hash"])
    log.decide("rec_0000000000000009")
    return with_entries(honest_files(), log.raws)


@forgery(5, "lie in the tree")
def leaf_duplicated() -> bytes:
    """The last entry stands twice, as in trees that pad an odd row with its own last leaf."""
    raws = story().raws
    return with_entries(honest_files(), [*raws, raws[-1]])


@forgery(5, "does not lead to this root")
def proof_for_a_wrong_index() -> bytes:
    """The proof is that of other entries of the same log."""
    log = story()
    return pack(log, [1], nodes=many_proof([2], 4, log.read))


@forgery(5, "a tree of another size")
def proof_for_a_wrong_size() -> bytes:
    """The proof is about an earlier, smaller tree."""
    return sign(edit_json(honest_files(), bundle.PROOFS, tree_size=3))


@forgery(5, "too short")
def proof_cut_short() -> bytes:
    """The proof lacks its last hash."""
    log = story()
    return pack(log, [1], nodes=many_proof([1], 4, log.read)[:-1])


@forgery(5, "an entry of another log")
def entry_of_another_log() -> bytes:
    """The log holds an entry that was written for another log."""
    log = story()
    log.decide("rec_0000000000000009", log="other.example/log")
    return pack(log)


# ---------------------------------------------------------------- 6. consistency


@forgery(6, "does not extend this checkpoint")
def history_rewritten() -> bytes:
    """The first checkpoint was signed over another history than the second."""
    other = VectorLog()
    other.decide("rec_0000000000000009")
    other.decide("rec_000000000000000a")
    log = story()
    return sign(files_of(log.contents(range(4), start=2, checkpoint_start=other.checkpoint())))


@forgery(6, "does not extend this checkpoint")
def log_truncated() -> bytes:
    """The log was cut: its newest head is smaller than the one at the start of the scope."""
    longer = story()
    log = VectorLog()
    log.decide(FIRST)
    return pack(log, checkpoint_start=longer.checkpoint())


@forgery(6, "does not extend this checkpoint")
def consistency_missing() -> bytes:
    """Two checkpoints, and nothing that joins them."""
    return sign(edit_json(honest_files(), bundle.PROOFS, consistency=None))


# ---------------------------------------------------------------- 7. story


@forgery(7, "the clock runs back")
def clock_runs_back() -> bytes:
    """The log itself holds an entry that is older than the one before it."""
    log = story()
    log.decide("rec_0000000000000009", time_ms=NOON)
    return pack(log)


@forgery(7, "does not come after its decision")
def intervention_before_its_decision() -> bytes:
    """The override stands in the log before the decision it overrides."""
    log, later = VectorLog(), VectorLog()
    later.decide(FIRST)
    log.intervene("int_0000000000000001", FIRST, record_hash=entry_digest(later.raws[0]))
    log.decide(FIRST)
    return pack(log)


@forgery(7, "names another hash")
def intervention_on_another_hash() -> bytes:
    """The override names its decision's id and another hash."""
    log = VectorLog()
    log.decide(FIRST)
    log.intervene("int_0000000000000001", FIRST, record_hash=f"sha256:{'5' * 64}")
    return pack(log)


@forgery(7, "its signature is not")
def intervention_by_an_unknown_key() -> bytes:
    """The override is signed by a key nobody trusts."""
    log = VectorLog()
    log.decide(FIRST)
    log.intervene("int_0000000000000001", FIRST, signer=document_signer("other-document"))
    return pack(log)


@forgery(7, "its signature is not")
def intervention_changed_after_signing() -> bytes:
    """The reviewer signed an override, the log says approved."""
    log = VectorLog()
    log.decide(FIRST)
    log.intervene("int_0000000000000001", FIRST, action="APPROVED")
    return pack(log)


@forgery(7, "was not signed between")
def intervention_signed_later() -> bytes:
    """The override claims to be signed after it was written down."""
    log = VectorLog()
    log.decide(FIRST)
    log.intervene("int_0000000000000001", FIRST, time_ms=NOON + 1)
    return pack(log)


@forgery(7, "another entry has the same id")
def id_used_twice() -> bytes:
    """Two decisions bear one id."""
    log = story()
    log.decide(THIRD)
    return pack(log)


@forgery(7, "which is not here")
def record_left_out() -> bytes:
    """A selection lacks one of the records it is about."""
    scope = {"record_ids": [FIRST, SECOND]}
    return pack(story(), [0, 3], completeness=bundle.SELECTION, scope=scope)


@forgery(7, "was destroyed, and yet it is disclosed")
def erased_part_disclosed() -> bytes:
    """A payload part is disclosed of which an entry says that it was destroyed."""
    log = story()
    body = {"record_id": SECOND, "record_hash": entry_digest(log.raws[1]), "parts": ["input"]}
    log.append("payload_erased", "ers_0000000000000001", body, {"reason": "asked by the person"})
    return pack(log)


# ---------------------------------------------------------------- 8. payloads


@forgery(8, "is not what it committed to")
def payloads_swapped() -> bytes:
    """The payloads of two decisions have changed places, salts and all."""
    log = story()
    names = {FIRST: SECOND, SECOND: FIRST}
    parts = [part for parts in log.parts.values() for part in parts.values()]
    return pack(log, disclosures=[part._replace(entry=names.get(part.entry, part.entry)) for part in parts])


@forgery(8, "is not what it committed to")
def payload_changed() -> bytes:
    """A disclosed output is another than the one that was decided."""
    files = honest_files()
    changed = files[bundle.PARTS].replace(b'"decision":"APPROVED"', b'"decision":"REJECTED"', 1)
    return sign(files | {bundle.PARTS: changed})


@forgery(8, "which is not here")
def payload_of_nobody() -> bytes:
    """A payload is disclosed whose entry is not in the bundle."""
    files = honest_files()
    files[bundle.PARTS] += (
        files[bundle.PARTS].splitlines(keepends=True)[0].replace(FIRST.encode(), b"rec_ffffffffffffffff")
    )
    return sign(files)


@forgery(8, "does not commit to")
def payload_never_committed() -> bytes:
    """A part is disclosed that the entry never committed to."""
    files = honest_files()
    files[bundle.PARTS] = files[bundle.PARTS].replace(b'"part":"output"', b'"part":"outpux"')
    return sign(files)


FORGED_LOGS: tuple[Forgery, ...] = tuple(each for each in list(globals().values()) if isinstance(each, Forgery))

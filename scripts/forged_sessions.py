"""Forged bundles of sessions: well signed, well linked, in the log, and false. What step 7 must find.

The work of an operator who holds every key; in the first ones the log itself says what must not have happened.
"""

from typing import Any

from scripts.forgery import Forgery, edit_json, forgery
from scripts.vectorlog import NOON, sign
from scripts.vectorsessions import CONTRACT, HOUR, OTHER, SESSION, SessionLog, held, noisy, opened, plain, roaring
from xase.proof.bundle import PARTS
from xase.proof.canonical import canonical

# ---------------------------------------------------------------- what the log itself says


@forgery(7, "data leaves after access_revoked")
def release_after_revocation() -> bytes:
    """Data was released after the holder had revoked access."""
    return _after("access_revoked")


@forgery(7, "data leaves after session_closed")
def release_after_close() -> bytes:
    """Data was released after the session had been closed."""
    return _after("session_closed")


@forgery(7, "data leaves after session_expired")
def release_after_expiry_entry() -> bytes:
    """Data was released after the session had been written down as expired."""
    return _after("session_expired")


def _after(type: str) -> bytes:
    log = opened()
    log.release(1, range(10))
    log.end(type)
    log.release(2, range(10, 20))
    return log.pack()


@forgery(7, "after the session's time is over")
def release_after_expiry() -> bytes:
    """Data was released at the moment at which the session's time was over, before that was written down."""
    log = opened()
    log.release(1, range(10), time_ms=NOON + HOUR)
    log.end("session_expired", time_ms=NOON + HOUR)
    return log.pack()


@forgery(7, "does not begin with its opening")
def release_before_opening() -> bytes:
    """Data was released before the session was opened."""
    log = held()
    log.rule()
    log.release(1, range(10))
    log.open()
    return log.pack()


@forgery(7, "from when until when it is open")
def opened_later_than_written() -> bytes:
    """The session says that it opened later than data left in it."""
    log = held()
    log.rule()
    log.open(opened_at="2025-01-15T12:30:00.000Z", expires_at="2025-01-15T13:30:00.000Z")
    log.release(1, range(10))
    return log.pack()


@forgery(7, "is not here")
def verdict_missing() -> bytes:
    """No verdict stands behind the session."""
    log = held()
    log.open()
    log.release(1, range(10))
    return log.pack()


@forgery(7, "does not come after its verdict")
def verdict_after_opening() -> bytes:
    """The verdict was written down when the session was open already."""
    log = held()
    log.open()
    log.rule()
    return log.pack()


@forgery(7, "cites another contract than its verdict")
def verdict_of_another_contract() -> bytes:
    """The session was opened under other terms than those that were granted."""
    log = held()
    log.rule(contract_hash=CONTRACT.replace("c", "e"))
    log.open()
    return log.pack()


@forgery(7, "permits nothing")
def verdict_was_a_denial() -> bytes:
    """The request was denied, and a session opened."""
    log = held()
    log.rule(outcome="deny")
    log.open()
    return log.pack()


@forgery(7, "names another purpose than its verdict")
def verdict_for_another_purpose() -> bytes:
    """The request was granted for another purpose than the session's."""
    log = held()
    log.rule(purpose="validation")
    log.open()
    return log.pack()


@forgery(7, "were not released before")
def operation_on_unreleased_records() -> bytes:
    """An operation names records that the session never received."""
    log = opened()
    log.release(1, range(1000))
    log.operate(1, range(990, 1010))
    return log.pack()


@forgery(7, "were not released before")
def operation_before_its_release() -> bytes:
    """An operation names records that were released only later."""
    log = opened()
    log.operate(1, range(10))
    log.release(1, range(10))
    return log.pack()


@forgery(7, "unknown records and names")
def operation_with_fewer_unknown() -> bytes:
    """An operation hides how many records it named that were never received."""
    log = opened()
    log.release(1, range(10))
    log.operate(1, range(10), unknown=["rec_never"])
    body = {**log.line(-1).body, "unknown_count": 2}
    log.append(
        "operation",
        "op_0000000000000002",
        body,
        {"records": roaring([1]), "unknown": ["x"]},
        stream=f"session/{SESSION}",
    )
    return log.pack()


@forgery(7, "its bitmap holds 11")
def bitmap_with_one_more() -> bytes:
    """The log says ten records, and commits to eleven."""
    log = opened()
    log.release(1, range(11), record_count=10)
    return log.pack()


@forgery(7, "commits to none")
def records_counted_and_not_committed() -> bytes:
    """The log counts records and commits to no list of them."""
    log = opened()
    body = {**_body(), "record_count": 5}
    log.append("release", "batch_0000000000000001", body, {"query": {}}, stream=f"session/{SESSION}")
    return log.pack()


def _body() -> dict[str, Any]:
    log = opened()
    log.release(1, ())
    return dict(log.line(-1).body)


@forgery(7, "of a subject who had withdrawn")
def withdrawn_subject_released() -> bytes:
    """Data of a subject who had withdrawn was released."""
    log = opened()
    log.withdraw([3, 4])
    log.release(1, range(10))
    return log.pack()


@forgery(7, "budget is overdrawn: 2.1 of 2")
def budget_overdrawn() -> bytes:
    """More was spent of a privacy budget than there was."""
    return noisy(("0.5", "0.5", "2"), ("0.5", "2.1", "2")).pack()


@forgery(7, "0.5 had been spent before it")
def budget_spent_twice() -> bytes:
    """Two answers were paid for with the same part of a privacy budget."""
    return noisy(("0.5", "0.5", "2"), ("0.5", "0.5", "2")).pack()


@forgery(7, "its policy gives 2")
def budget_above_its_policy() -> bytes:
    """An answer names a larger privacy budget than its policy gives."""
    return noisy(("0.5", "0.5", "50")).pack()


@forgery(7, "a price for every answer")
def answer_without_price() -> bytes:
    """An answer was given for nothing under a policy with a privacy budget."""
    return noisy(("0.5", "0.5", "2"), None).pack()


@forgery(7, "does not say what it costs")
def price_not_canonical() -> bytes:
    """An answer writes its price otherwise than in the one way."""
    return noisy(("0.50", "0.5", "2")).pack()


@forgery(7, "in the stream of")
def sessions_mixed() -> bytes:
    """A release of one session stands in the stream of another."""
    log = opened()
    log.release(1, range(10), session_id=OTHER)
    return log.pack()


@forgery(7, "of another version of the dataset")
def release_of_another_version() -> bytes:
    """Data of another version left than that which the session is for."""
    log = opened()
    log.release(1, range(10), dataset_version=2)
    return log.pack()


@forgery(7, "another hash than that of its policy version")
def policy_of_another_hash() -> bytes:
    """The verdict cites a policy version by a hash that this version does not have."""
    log = held()
    other = f"sha256:{'5' * 64}"
    log.rule(policy_hash=other)
    log.open(policy_hash=other)
    return log.pack()


@forgery(7, "does not have the hash that entries cite")
def policy_text_of_another_hash() -> bytes:
    """The log commits to a text of the policy that does not have the hash which it names."""
    log = SessionLog()
    body = {"policy_id": "policy_research", "version": 1, "hash": f"sha256:{'5' * 64}"}
    log.append("policy_version", "evt_0000000000000001", body, {"document": {"rules": []}}, stream="admin/org_x")
    log.rule()
    log.open()
    return log.pack()


@forgery(7, "another digest than that of its dataset version")
def dataset_of_another_digest() -> bytes:
    """The session names another content of the dataset version than the holder registered."""
    log = held()
    log.rule()
    log.open(dataset_digest=f"sha256:{'5' * 64}")
    return log.pack()


# ---------------------------------------------------------------- what was done to an honest bundle


@forgery(3, "its hash is not the one")
def count_changed() -> bytes:
    """The count of a release is changed in the entry."""
    files = plain().files()
    return sign(
        files | {"entries.ndjson": files["entries.ndjson"].replace(b'"record_count":1000', b'"record_count":1001', 1)}
    )


@forgery(8, "is not what it committed to")
def bitmap_exchanged() -> bytes:
    """The disclosed records of a release are others than those that left."""
    files = plain().files()
    before, after = (canonical(roaring(numbers)) for numbers in (range(1000), range(1, 1001)))
    return sign(files | {PARTS: files[PARTS].replace(before, after, 1)})


@forgery(8, "is not what it committed to")
def policy_text_exchanged() -> bytes:
    """The disclosed policy is another than the one that was in force."""
    files = plain().files()
    told = (PARTS, "policy.json")
    return sign(files | {name: files[name].replace(b'"model-training"]', b'"marketing"]') for name in told})


@forgery(7, "does not repeat what the entries say")
def usage_changed() -> bytes:
    """What a person reads says that less left than did."""
    files = plain().files()
    return sign(files | {"usage.json": files["usage.json"].replace(b'"records_released":', b'"records_released":1', 1)})


@forgery(7, "does not repeat what the entries say")
def session_changed() -> bytes:
    """What a person reads says that the session was for another purpose."""
    files = plain().files()
    return sign(files | {"session.json": files["session.json"].replace(b"model-training", b"model-evaluation", 1)})


@forgery(7, "is missing")
def usage_missing() -> bytes:
    """What a person reads first is not there."""
    files = plain().files()
    del files["usage.json"]
    return sign(files)


@forgery(7, "does not repeat what the entries say")
def release_left_out_of_list() -> bytes:
    """The list of releases lacks one."""
    files = plain().files()
    return sign(files | {"records/releases.ndjson": files["records/releases.ndjson"].partition(b"\n")[2]})


@forgery(4, "entries are missing")
def release_dropped_from_the_middle() -> bytes:
    """A release is left out of the session's stream, and everything made for the rest."""
    log = plain()
    return log.pack([index for index in range(len(log.raws)) if index != 5])


@forgery(7, "does not repeat what the entries say")
def release_dropped_from_the_end() -> bytes:
    """The last release is left out of the stream of a session that goes on."""
    log = opened()
    log.release(1, range(10))
    log.release(2, range(10, 20))
    whole = log.files()
    files = log.files(range(len(log.raws) - 1))
    return sign(files | {name: whole[name] for name in ("session.json", "usage.json")})


@forgery(4, "not the first of its session")
def opening_dropped() -> bytes:
    """The session's stream is shown from its first release on."""
    log = plain()
    return log.pack([index for index in range(len(log.raws)) if index != 3])


@forgery(7, "not that is here")
def session_of_another() -> bytes:
    """The bundle claims to be of another session than the one in it."""
    return plain().pack(scope={"session_id": OTHER})


@forgery(7, "another dataset than the scope's")
def dataset_of_another() -> bytes:
    """The bundle claims to be of another dataset than the session in it."""
    return sign(edit_json(plain().files(), "usage.json"), scope={"dataset_id": "ds_ffffffffffffffff"})


FORGED_SESSIONS: tuple[Forgery, ...] = tuple(each for each in list(globals().values()) if isinstance(each, Forgery))

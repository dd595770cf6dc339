"""Stories of access sessions for vectors and tests: a holder, a lab, what was allowed, what left and what was done."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from scripts.vectorlog import NOON, VectorLog, files_of, sign
from xase.proof import bundle
from xase.proof.bundle import Disclosure
from xase.proof.canonical import canonical
from xase.proof.digest import sha256_digest
from xase.proof.entry import format_time, parse_entry
from xase.proof.line import Line
from xase.proof.statements import make_lists, make_statements
from xase_server.delivery.bitmap import bitmap_of

ADMIN: Final = "admin/org_00000000000000aa"
SESSION: Final = "sess_0123456789abcdef"
OTHER: Final = "sess_fedcba9876543210"
DATASET: Final = "ds_0123456789abcdef"
DIGEST: Final = f"sha256:{'d' * 64}"
CONTRACT: Final = f"sha256:{'c' * 64}"
POLICY: Final[Mapping[str, Any]] = {
    "id": "policy_research",
    "name": "Research",
    "rules": [{"id": "train", "effect": "permit", "when": {"purpose": ["model-training"]}, "constrain": {}}],
}
PRICED: Final[Mapping[str, Any]] = {
    "id": "policy_research",
    "name": "Statistics",
    "rules": [
        {
            "id": "count",
            "effect": "permit",
            "constrain": {"entity_key": "patient", "epsilon_per_query": 0.5, "epsilon_total": 2},
        }
    ],
}
HOUR: Final = 3_600_000
_REQUEST: Final[Mapping[str, Any]] = {
    "dataset_id": DATASET,
    "dataset_version": 1,
    "policy_id": "policy_research",
    "policy_version": 1,
    "policy_hash": sha256_digest(canonical(POLICY)),
    "purpose": "model-training",
    "model_id": "diagnostic-v1",
}


class SessionLog(VectorLog):
    """A log on which sessions are held; everything can be said otherwise than an honest server would."""

    def hold(self, document: Mapping[str, Any] = POLICY) -> None:
        """A policy and a dataset of 100,000 records."""
        policy = {"policy_id": "policy_research", "version": 1, "hash": sha256_digest(canonical(document))}
        self.append("policy_version", "evt_0000000000000001", policy, {"document": document}, stream=ADMIN)
        version = {"dataset_id": DATASET, "version": 1, "rows": 100_000, "bytes": 1, "digest": DIGEST, "mode": "append"}
        self.append("dataset_version", "evt_0000000000000002", version, stream=ADMIN)

    def guard(self, number: int = 1, policy_ids: Sequence[str] = ("policy_house",)) -> dict[str, Any]:
        """The holder names guardrails, whose first versions are there; gives what verdicts cite."""
        entry = f"evt_{number:016x}".replace("evt_0", "evt_a")
        policies = []
        for place, policy_id in enumerate(policy_ids):
            body = {"policy_id": policy_id, "version": 1, "hash": sha256_digest(canonical(POLICY))}
            self.append("policy_version", f"evt_b{number:07x}{place:08x}", body, {"document": POLICY}, stream=ADMIN)
            policies.append({"policy_id": policy_id, "policy_version": 1, "policy_hash": body["hash"]})
        self.append("guardrails_changed", entry, {"policy_ids": list(policy_ids)}, stream=ADMIN)
        return {"entry": entry, "policies": policies}

    def rule(self, id: str = "vrd_0000000000000001", *, contract: Any = None, **changes: Any) -> None:
        """A verdict, by default a permit; `contract` are the terms to commit to, if any."""
        body = {**_REQUEST, "outcome": "permit", "contract_hash": CONTRACT} | changes
        parts = {"trace": {"checks": [{"step": "purpose", "result": "pass"}]}, "principal": "researcher@lab.example"}
        parts |= {} if contract is None else {"contract": contract}
        self.append("verdict", id, body, parts, stream=ADMIN)

    def open(self, id: str = SESSION, **changes: Any) -> None:
        """The opening of a session of an hour."""
        body = {
            **_REQUEST,
            "session_id": id,
            "dataset_digest": DIGEST,
            "contract_hash": CONTRACT,
            "verdict": "vrd_0000000000000001",
            "opened_at": format_time(self.now()),
            "expires_at": format_time(NOON + HOUR),
        }
        self.append("session_opened", id, body | changes, {"principal": "researcher@lab.example"}, stream=of(id))

    def release(self, number: int, records: Iterable[int], *, type: str = "release", **changes: Any) -> None:
        """Records leave; `session`, `time_ms` and `counted` can be said otherwise."""
        session, time_ms = changes.pop("session", SESSION), changes.pop("time_ms", None)
        body, parts = self._left(sorted(records), session, **changes)
        prefix = {"release": "batch", "aggregate": "agg", "transform": "transform"}[type]
        self.append(type, f"{prefix}_{number:016x}", body, parts, stream=of(session), time_ms=time_ms)

    def _left(self, records: list[int], session: str, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        body = {
            "session_id": session,
            "dataset_id": DATASET,
            "dataset_version": 1,
            "contract_hash": CONTRACT,
            "via": "stream",
            "record_count": len(records),
            "fields": ["age", "diagnosis"],
        }
        parts = {"query": {"filter": {}}, "records": roaring(records), "principal": "researcher@lab.example"}
        return body | changes, parts

    def operate(self, number: int, records: Iterable[int], unknown: Iterable[str] = ()) -> None:
        """The lab says that it trained a model."""
        named, missing = sorted(records), list(unknown)
        body = {
            "session_id": SESSION,
            "dataset_id": DATASET,
            "dataset_version": 1,
            "contract_hash": CONTRACT,
            "operation_type": "TRAIN",
            "record_count": len(named),
            "unknown_count": len(missing),
            "model_id": "diagnostic-v1",
        }
        parts = {"records": roaring(named), **({"unknown": missing} if missing else {})}
        self.append("operation", f"op_{number:016x}", body, parts, stream=of(SESSION))

    def end(self, type: str = "session_closed", id: str = SESSION, *, time_ms: int | None = None) -> None:
        """The session's end."""
        body = {"session_id": id, "dataset_id": DATASET}
        self.append(type, f"evt_{len(self.raws):016x}", body, {"reason": "done"}, stream=of(id), time_ms=time_ms)

    def withdraw(self, records: Iterable[int]) -> None:
        """A subject withdraws; these were the subject's records in version 1."""
        body = {"dataset_id": DATASET, "versions": [1]}
        parts = {"subject": "patient 7", "records.1": roaring(records)}
        self.append("consent_withdrawn", "cw_0000000000000001", body, parts, stream=ADMIN)

    def shown(self, id: str) -> list[Disclosure]:
        """Everything of every entry."""
        return list(self.parts.get(id, {}).values())

    def files(self, indices: Iterable[int] | None = None, **changes: Any) -> dict[str, bytes]:
        """The files of the honest bundle of these entries, by default all, of the session."""
        chosen = sorted(range(len(self.raws)) if indices is None else indices)
        facts: dict[str, Any] = {"scope": {"session_id": SESSION}, "completeness": bundle.SELECTION}
        lines = [self.line(index) for index in chosen]
        facts |= {"statements": make_statements(lines), "lists": make_lists(lines)}
        return files_of(self.contents(chosen, **facts | changes))

    def line(self, index: int) -> Line:
        """An entry as a verifier has it, all its parts disclosed."""
        line = Line.of(parse_entry(self.raws[index]))
        line.shown.update({part.part: part.value for part in self.shown(line.id)})
        return line

    def pack(self, indices: Iterable[int] | None = None, **changes: Any) -> bytes:
        """The honest bundle of entries that may say anything."""
        return sign(self.files(indices, **changes))


def of(session: str) -> str:
    """A session's stream."""
    return f"session/{session}"


def roaring(records: Iterable[int]) -> str:
    """Record numbers as a part holds them."""
    return b64encode(bitmap_of(range(0) if not (listed := sorted(records)) else _array(listed))).decode()


def _array(numbers: list[int]) -> Any:
    import numpy as np

    return np.array(numbers, dtype=np.int64)


def held() -> SessionLog:
    """A policy and a dataset, and nothing yet done with it."""
    log = SessionLog()
    log.hold()
    return log


def opened() -> SessionLog:
    """A session that has been opened."""
    log = held()
    log.rule()
    log.open()
    return log


def plain() -> SessionLog:
    """A session with three releases, one of them an aggregate without records, and one operation, closed."""
    log = opened()
    log.release(1, range(1000))
    log.release(2, range(1000, 70_000, 7))
    log.release(3, (), type="aggregate", via="aggregate", result_count=4)
    log.operate(1, range(0, 1000, 2))
    log.end()
    return log


def noisy(*paid: tuple[str, str, str] | None) -> SessionLog:
    """A session under a privacy budget, and its answers: what each cost, had been spent with it, and the total."""
    log, digest = SessionLog(), sha256_digest(canonical(PRICED))
    log.hold(PRICED)
    log.rule(policy_hash=digest)
    log.open(policy_hash=digest)
    for number, each in enumerate(paid, 1):
        said = {} if each is None else dict(zip(("epsilon", "epsilon_spent", "epsilon_total"), each, strict=True))
        log.release(number, (), type="aggregate", via="aggregate", result_count=3, **said)
    return log

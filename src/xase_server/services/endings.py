"""How sessions end, and what those who go on using one are told (docs/spec/api.md, section 5)."""

from dataclasses import dataclass

from msgspec.json import decode

from xase.proof.entry import format_time
from xase_server.domain.errors import Refused
from xase_server.domain.objects import ObjectRow
from xase_server.domain.sessions import ACTIVE, EXPIRED, REVOKED, TERMINATED, Session
from xase_server.ports import Reads


@dataclass(frozen=True, slots=True)
class Ended:
    """When a session was ended, why and by whom, as its entry says; what was erased since is None."""

    at: str
    reason: str | None
    by: str | None


def status_of(row: ObjectRow, now_ms: int) -> str:
    """The session's status by the clock: an expired one is so before its entry is written."""
    if row.status == ACTIVE and row.ends_ms is not None and now_ms >= row.ends_ms:
        return EXPIRED
    return row.status


def read_ending(reads: Reads, session: Session) -> Ended | None:
    """How the session was ended, None while nobody did."""
    found = reads.any_entry(session.ending) if session.ending is not None else None
    if found is None:
        return None
    _, raw, parts = found
    said = {name: decode(parts[name].canonical) for name in ("reason", "principal") if name in parts}
    return Ended(decode(raw)["time"], said.get("reason"), said.get("principal"))


def refusal(session_id: str, status: str, ended: Ended) -> Refused:
    """The answer to a request in a session that somebody ended."""
    if status == REVOKED:
        return Refused(
            "access_revoked",
            "Access to this dataset has been revoked",
            {"session_id": session_id, "revoked_at": ended.at, "reason": ended.reason, "revoked_by": ended.by},
        )
    assert status == TERMINATED, status
    return Refused(
        "session_closed",
        "This session has been closed",
        {"session_id": session_id, "closed_at": ended.at, "reason": ended.reason},
    )


def expired(session_id: str, expired_ms: int, now_ms: int) -> Refused:
    """The answer to a request in a session whose time is over."""
    return Refused(
        "session_expired",
        "This session has expired",
        {"session_id": session_id, "expired_at": format_time(expired_ms), "current_time": format_time(now_ms)},
    )

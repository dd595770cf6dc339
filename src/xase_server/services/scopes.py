"""What a bundle is about: what a caller may ask for, and how the manifest says it (docs/spec/api.md, section 7)."""

from dataclasses import dataclass, replace

from msgspec import UNSET

from xase.proof.entry import format_time
from xase_server.domain.bundles import NewBundle
from xase_server.domain.errors import Problems
from xase_server.domain.principals import Principal
from xase_server.domain.times import parse_end, parse_instant
from xase_server.ports import Reads
from xase_server.services.sessions import find_session
from xase_server.services.views import View
from xase_server.services.visibility import find_own_dataset

_CRITERIA = ("record_ids", "session_id", "dataset_id", "model_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose evidence is asked for: named records, a model's, a session's, a dataset's, or decisions of a period."""

    organisation: str
    record_ids: tuple[str, ...] = ()
    model_id: str | None = None
    session_id: str | None = None
    dataset_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    include_payloads: bool = True
    include_operations: bool = False

    def view(self) -> View:
        """The scope as the manifest says it."""
        view: View = {"organisation": self.organisation, "include_payloads": self.include_payloads}
        if self.record_ids:
            view["record_ids"] = list(self.record_ids)
        for name in ("model_id", "session_id", "dataset_id"):
            if getattr(self, name) is not None:
                view[name] = getattr(self, name)
        if self.since_ms is not None:
            view["from"] = format_time(self.since_ms)
        if self.until_ms is not None:
            view["until"] = format_time(self.until_ms)
        return view | ({"include_operations": self.include_operations} if self.holds_sessions else {})

    @property
    def holds_sessions(self) -> bool:
        """Whether sessions are in it."""
        by_model = self.model_id is not None and self.include_operations
        return self.session_id is not None or self.dataset_id is not None or by_model

    @property
    def holds_decisions(self) -> bool:
        """Whether decision records are in it."""
        return self.session_id is None and self.dataset_id is None

    @property
    def is_complete(self) -> bool:
        """Whether the bundle holds every entry of a stretch, so that nothing in it can be missing."""
        return not self.record_ids and not self.holds_sessions and self.model_id is None

    @property
    def title(self) -> str:
        """What the report is called."""
        if self.session_id is not None:
            return f"Session {self.session_id}"
        if self.dataset_id is not None:
            return f"Sessions on dataset {self.dataset_id}"
        if self.model_id is not None:
            return f"Decisions of {self.model_id}" + (", and the data behind them" if self.include_operations else "")
        return f"{len(self.record_ids)} decision records" if self.record_ids else "All decisions of a period"


def scope_of(who: Principal, wish: NewBundle) -> Scope:
    """The scope that a request asks for; raises `validation_error` for one that says too much or nothing."""
    problems = Problems()
    given = [name for name in _CRITERIA if getattr(wish, name) is not UNSET]
    has_period = wish.start_date is not UNSET or wish.end_date is not UNSET
    if not given and not has_period:
        problems.add("record_ids", "Give session_id, record_ids, model_id, dataset_id or a period")
    for name in given[1:]:
        problems.add(name, f"Not together with {given[0]}")
    if has_period and given[:1] in (["record_ids"], ["session_id"]):
        problems.add("start_date", f"Not together with {given[0]}")
    if wish.include_operations is not UNSET and given[:1] not in (["session_id"], ["dataset_id"], ["model_id"]):
        problems.add("include_operations", "Only with session_id, dataset_id or model_id")
    since_ms = parse_instant(wish.start_date, "start_date") if wish.start_date else None
    until_ms = parse_end(wish.end_date, "end_date") if wish.end_date else None
    if since_ms is not None and until_ms is not None and since_ms >= until_ms:
        problems.add("start_date", "Must not be after end_date")
    problems.refuse_if_any()
    by_default = given[:1] != ["model_id"]
    return Scope(
        organisation=who.organisation,
        record_ids=tuple(wish.record_ids or ()),
        model_id=wish.model_id or None,
        session_id=wish.session_id or None,
        dataset_id=wish.dataset_id or None,
        since_ms=since_ms,
        until_ms=until_ms,
        include_payloads=wish.include_payloads,
        include_operations=by_default if wish.include_operations is UNSET else wish.include_operations,
    )


def permitted(reads: Reads, who: Principal, scope: Scope) -> Scope:
    """The scope with its dataset by id; raises `not_found` for a session or dataset that is not the caller's to show.

    A session's evidence is the lab's and the holder's; a dataset's is the holder's.
    """
    if scope.session_id is not None:
        find_session(reads, who, scope.session_id)
    if scope.dataset_id is not None:
        return replace(scope, dataset_id=find_own_dataset(reads, who.organisation, scope.dataset_id).id)
    return scope

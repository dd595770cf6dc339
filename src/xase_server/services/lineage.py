"""From data to decision and back, in one answer (docs/spec/api.md, section 8).

    decision → model → operations → sessions → dataset versions → policies

Everything here is read from the ledger and what is derived from it; nobody declares lineage.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from msgspec.json import decode
from pyroaring import BitMap64

from xase.proof.entry import format_time
from xase_server.domain.datasets import Dataset, dataset_ref, version_ref
from xase_server.domain.decisions import DecisionFilter, Page
from xase_server.domain.errors import not_found
from xase_server.domain.objects import ModelUse, ObjectQuery, ObjectRow
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import SESSION, session_ref
from xase_server.ports import Reads
from xase_server.services.decisions import find_decision
from xase_server.services.descent import Places, family_of, origin_of
from xase_server.services.documents import dataset_of, session_of, version_of
from xase_server.services.graph import Graph
from xase_server.services.planning import Planner
from xase_server.services.reading import Reader
from xase_server.services.spread import Reach, Spread, sessions_with
from xase_server.services.visibility import find_own_dataset
from xase_server.services.withdrawn import of_subjects, withdrawn_numbers, withdrawn_subjects

_MOST_SESSIONS: Final = 1_000
_SHOWN_DECISIONS: Final = 20


class Lineage:
    """Follows what the caller's organisation may see: its decisions and sessions, and sessions on its data."""

    def __init__(self, reader: Reader, planner: Planner, spread: Spread) -> None:
        self._reader = reader
        self._planner = planner
        self._spread = spread

    async def of_decision(self, who: Principal, prefix: str) -> Graph:
        """What a decision came from: its model, and what that was made of."""

        def work(reads: Reads) -> Graph:
            row = find_decision(reads, who.organisation, prefix)
            entry = decode(row.raw)
            model_id = entry["body"]["model_id"]
            graph = Graph(row.id)
            graph.node("decision", row.id, time=entry["time"], model_id=model_id)
            graph.edge(row.id, "was made by", _model(model_id))
            _add_model(graph, reads, who, model_id)
            return graph

        return await self._reader.scan(work)

    async def of_model(self, who: Principal, model_id: str) -> Graph:
        """What a model was made of, and the newest decisions that it made. Raises `not_found` for an unknown one."""

        def work(reads: Reads) -> Graph:
            graph = Graph(_model(model_id))
            uses = _add_model(graph, reads, who, model_id)
            if not _add_decisions(graph, reads, who, model_id) and not uses:
                raise not_found("model", model_id)
            return graph

        return await self._reader.scan(work)

    async def of_dataset(
        self, who: Principal, name: str, *, record_id: str | None, subject: str | None, withdrawn: bool
    ) -> Graph:
        """Where a dataset of the caller's organisation has gone, or only some of its records.

        Those are one record's, one person's, or all persons' who have withdrawn. Raises `not_found`.
        """
        row = await self._reader.point(lambda reads: find_own_dataset(reads, who.organisation, name))
        if record_id is not None:
            places = await self._record(row, record_id)
        elif subject is not None:
            places = await self._subject(row, subject)
        elif withdrawn:
            places = await self._withdrawn(row)
        else:
            return await self._reader.scan(lambda reads: _of_whole_dataset(reads, who, row))
        reach = await self._spread.follow(row, places)
        return await self._reader.scan(lambda reads: _of_records(reads, who, reach))

    async def _record(self, row: ObjectRow, record_id: str) -> Places:
        newest = dataset_of(row).version
        found = await self._planner.run(lambda: self._planner.places(row.id, newest, record_id))
        if not found:
            raise not_found("record", record_id)
        return {version: BitMap64([number]) for version, number in found.items()}

    async def _subject(self, row: ObjectRow, subject: str) -> Places:
        """A person's records; in a dataset made of another one, those that stem from theirs in that one."""
        origin = await self._reader.point(lambda reads: origin_of(reads, row))
        named: list[Any] = [subject, *([int(subject)] if subject.isdecimal() else [])]
        reach = await self._spread.find(origin, of_subjects(origin, named))
        return reach.everywhere.get(row.id, {})

    async def _withdrawn(self, row: ObjectRow) -> Places:
        dataset = dataset_of(row)
        if dataset.derived_from is None:
            subjects = await self._reader.scan(lambda reads: withdrawn_subjects(reads, row.id))
            return (await self._spread.find(row, of_subjects(row, subjects))).places

        def work(reads: Reads) -> Places:
            return {number: withdrawn_numbers(reads, row.id, number) for number in range(1, dataset.version + 1)}

        return await self._reader.scan(work)


def _of_whole_dataset(reads: Reads, who: Principal, row: ObjectRow) -> Graph:
    """The dataset with what was made of it, and in which sessions all of these were used."""
    graph = Graph(row.id)
    for each in (row, *(made for made, _ in family_of(reads, row))):
        dataset = dataset_of(each)
        _add_dataset(graph, each, dataset)
        if dataset.version and dataset.derived_from is not None:
            _add_version(graph, reads, who, each.id, dataset.version)
        newest_first = Page(_MOST_SESSIONS, 0, None, descending=True)
        sessions = reads.objects(ObjectQuery(kind=SESSION, parent=each.id), newest_first)
        graph.truncated |= sessions.next_after is not None
        _add_sessions(graph, reads, who, [session.id for session in sessions.rows])
    return graph


def _of_records(reads: Reads, who: Principal, reach: Reach) -> Graph:
    """Some records: the versions made of theirs, with how many of them each holds, and where they went."""
    graph = Graph(reach.row.id)
    _add_dataset(graph, reach.row, dataset_of(reach.row))
    for number, numbers in reach.places.items():
        if numbers:
            _add_version(graph, reads, who, reach.row.id, number)
            graph.node("dataset_version", f"{reach.row.id}@{number}", records=len(numbers))
    for each in reach.descendants:
        _add_dataset(graph, each.row, dataset_of(each.row))
        _add_version(graph, reads, who, each.row.id, each.number)
        identifier = f"{each.row.id}@{each.number}"
        graph.node("dataset_version", identifier, records=len(each.held), left_out=each.left_out)
    sessions = sessions_with(reads, reach.everywhere)
    _add_sessions(graph, reads, who, [each["session_id"] for each in sessions])
    for session in sessions:
        graph.node("session", session["session_id"], certain=session["certain"])
    return graph


def _add_sessions(graph: Graph, reads: Reads, who: Principal, names: Iterable[str]) -> None:
    """Sessions, the models made in them, and what those decided, as far as the caller may see it."""
    models = {
        use.model_id for name in names for use in _add_session(graph, reads, who, name, reads.model_uses(session=name))
    }
    for model_id in sorted(models):
        _add_decisions(graph, reads, who, model_id)


def _add_model(graph: Graph, reads: Reads, who: Principal, model_id: str) -> Sequence[ModelUse]:
    graph.node("model", _model(model_id), model_id=model_id)
    uses = reads.model_uses(model_id=model_id)
    by_session: defaultdict[str, list[ModelUse]] = defaultdict(list)
    for use in uses:
        by_session[use.session].append(use)
    graph.truncated |= len(by_session) > _MOST_SESSIONS
    for name, theirs in islice(by_session.items(), _MOST_SESSIONS):
        _add_session(graph, reads, who, name, theirs)
    return uses


def _add_session(graph: Graph, reads: Reads, who: Principal, name: str, uses: Sequence[ModelUse]) -> Sequence[ModelUse]:
    """A session that the caller may see, with its dataset version, its policy, and these uses of it by models."""
    row = reads.object(session_ref(name))
    if row is None or not row.concerns(who.organisation):
        return ()
    session = session_of(row)
    graph.node(
        "session",
        name,
        organisation=row.organisation,
        purpose=session.asked.purpose,
        status=row.status,
        created_at=format_time(row.created_ms),
        verdict_id=session.verdict,
    )
    _add_version(graph, reads, who, session.dataset_id, session.version)
    graph.edge(name, "used", f"{session.dataset_id}@{session.version}")
    granted = [*session.guardrails, *([(session.policy_id, session.policy_version)] if session.policy_id else [])]
    for policy_id, version in granted:
        graph.node("policy", f"{policy_id}@{version}", policy_id=policy_id, version=version)
        graph.edge(name, "was permitted by", f"{policy_id}@{version}")
    for use in uses:
        _add_use(graph, use)
    return uses


def _add_use(graph: Graph, use: ModelUse) -> None:
    operation = f"{use.session}/{use.type}/{use.model_id}"
    graph.node("model", _model(use.model_id), model_id=use.model_id)
    graph.node(
        "operations",
        operation,
        operation_type=use.type,
        operations=use.operations,
        records=use.records,
        first_at=format_time(use.first_ms),
        last_at=format_time(use.last_ms),
    )
    graph.edge(_model(use.model_id), "was made in", operation)
    graph.edge(operation, "happened in", use.session)


def _add_version(graph: Graph, reads: Reads, who: Principal, dataset_id: str, number: int) -> None:
    """A version and, for its holder, those that it was made of."""
    identifier = f"{dataset_id}@{number}"
    if identifier in graph:
        return
    dataset, row = reads.object(dataset_ref(dataset_id)), reads.object(version_ref(dataset_id, number))
    name = None if dataset is None else dataset.name
    graph.node("dataset_version", identifier, dataset_id=dataset_id, dataset=name, version=number)
    if row is None:
        return
    version = version_of(row)
    graph.node("dataset_version", identifier, digest=version.digest, rows=version.rows)
    if version.parent is not None and row.organisation == who.organisation:
        _add_version(graph, reads, who, version.parent.dataset_id, version.parent.version)
        graph.edge(identifier, "was derived from", f"{version.parent.dataset_id}@{version.parent.version}")


def _add_dataset(graph: Graph, row: ObjectRow, dataset: Dataset) -> None:
    graph.node("dataset", row.id, name=dataset.name, status=row.status, version=dataset.version)


def _add_decisions(graph: Graph, reads: Reads, who: Principal, model_id: str) -> int:
    """The newest decisions of a model; gives how many there are."""
    page = reads.list_decisions(who.organisation, DecisionFilter(model_id=model_id), Page(_SHOWN_DECISIONS))
    if page.total:
        graph.node("model", _model(model_id), model_id=model_id, decisions=page.total)
    for row in page.rows:
        graph.node("decision", row.id, time=decode(row.raw)["time"], model_id=model_id)
        graph.edge(row.id, "was made by", _model(model_id))
    return page.total


def _model(model_id: str) -> str:
    return f"model:{model_id}"

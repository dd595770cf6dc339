"""How a dataset moves on: to its next version, or to the reason why there is none."""

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from xase.proof.canonical import canonical
from xase.proof.digest import sha256_digest
from xase_server.domain.clock import Clock
from xase_server.domain.datasets import (
    ARCHIVED,
    FAILED,
    PATTERN_ONLY,
    READY,
    VERSION,
    Dataset,
    Parent,
    Version,
    dataset_ref,
    version_ref,
)
from xase_server.domain.entries import Append, ObjectsChanged, Unit, admin_stream
from xase_server.domain.ids import new_id
from xase_server.domain.objects import Expectation, ObjectRow
from xase_server.domain.principals import Principal
from xase_server.ledger.append import Ledger
from xase_server.policy.model import Policy
from xase_server.ports import Found, IngestProblem, Reads
from xase_server.services.documents import dataset_of, document_of, schema_of
from xase_server.services.fitting import find_policy, has_field, refuse_unfit, refuse_unknown_fields
from xase_server.services.guarding import find_guard
from xase_server.services.jobs import Derivation, Job
from xase_server.services.outcome import Remembered, remember
from xase_server.services.reading import Reader
from xase_server.services.sealing import make_append
from xase_server.services.views import View


class Versions:
    """Records what became of data that was read."""

    def __init__(self, ledger: Ledger, reader: Reader, clock: Clock) -> None:
        self._ledger = ledger
        self._reader = reader
        self._clock = clock

    async def exists(self, job: Job) -> bool:
        """Whether a version of the job's number has been recorded, by this job or another server's."""
        ref = version_ref(job.dataset_id, job.number)
        return await self._reader.point(lambda reads: reads.object(ref)) is not None

    async def record(self, job: Job, found: Found) -> None:
        """The version is in the ledger on return, and the newest of its dataset.

        Raises IngestProblem or Refused when it cannot be that dataset's next version; Stale when what
        was looked at has moved.
        """
        row, governing, expects = await self._reader.point(lambda reads: _standing(reads, job))
        dataset = dataset_of(row)
        if row.status == ARCHIVED:
            raise IngestProblem("The dataset was archived meanwhile")
        if dataset.version + 1 != job.number:
            raise IngestProblem("Another server made this version first; send the data again")
        version = _version(job, found)
        if isinstance(job.origin, Derivation):
            schema, notes = schema_of(version), job.origin.notes
            dataset = structs.replace(dataset, fields={path: notes[path] for path in notes if has_field(schema, path)})
        refuse_unknown_fields(version, dataset.fields, dataset.subject_field)
        for policy, guards in governing:
            refuse_unfit(policy, version, guards=guards)
        after = moved(row, structs.replace(dataset, version=job.number, failure=None), status=READY)
        made = _version_row(row, version, self._clock.now_ms())
        append = _append_version(job, version, ObjectsChanged((made, after)))
        # COMMIT POINT: before it the version's files are nobody's, after it they are the dataset's newest.
        await self._ledger.append(Unit((append,), remember(job.once, Remembered(ids=[row.id])), expects))

    async def record_failure(self, job: Job, failure: str) -> None:
        """The dataset says on return why its data could not be read; it keeps the versions that it has."""
        row = await self._reader.point(lambda reads: _dataset(reads, job))
        if row.status == ARCHIVED:
            return
        append = append_failure(job.who, row, job.number, failure)
        claim = None if job.too_large else remember(job.once, Remembered(ids=[row.id]))
        # COMMIT POINT: after it the dataset shows the failure.
        await self._ledger.append(Unit((append,), claim))


def moved(row: ObjectRow, dataset: Dataset, *, status: str | None = None, parent: str | None = None) -> ObjectRow:
    """The dataset's next revision; `parent` is the policy that it then belongs to, by default the one before."""
    return structs.replace(
        row,
        revision=row.revision + 1,
        document=document_of(dataset),
        status=status or row.status,
        parent=parent or (row.parent if dataset.policy_id is not None else None),
    )


def append_failure(who: Principal, row: ObjectRow, number: int, failure: str) -> Append:
    """The entry of a version that could not be made; the reason may name fields, so it is committed to only."""
    dataset = dataset_of(row)
    status = READY if dataset.version else FAILED
    return make_append(
        identifier=new_id("evt"),
        type="dataset_version_failed",
        stream=admin_stream(row.organisation),
        principal=who,
        body={"dataset_id": row.id, "version": number},
        parts={"failure": failure, "principal": who.email},
        effect=ObjectsChanged((moved(row, structs.replace(dataset, failure=failure), status=status),)),
    )


_Governing = list[tuple[Policy, bool]]


def _standing(reads: Reads, job: Job) -> tuple[ObjectRow, _Governing, tuple[Expectation, ...]]:
    """The dataset, each policy that its data must fit and whether it is a guardrail, and that they are in force."""
    row = _dataset(reads, job)
    consent = _consented(reads, job.origin) if isinstance(job.origin, Derivation) else ()
    guard, policy_id = find_guard(reads, row.organisation), dataset_of(row).policy_id
    governing, expects = [(policy, True) for policy in guard.policies], (*guard.expects, *consent)
    if policy_id is None:
        return row, governing, expects
    policy, expected = find_policy(reads, row.organisation, policy_id)
    return row, [*governing, (policy, False)], tuple(dict.fromkeys((*expects, expected)))


def _dataset(reads: Reads, job: Job) -> ObjectRow:
    row = reads.object(dataset_ref(job.dataset_id))
    assert row is not None, "datasets are archived, never removed"
    return row


def _consented(reads: Reads, origin: Derivation) -> tuple[Expectation, ...]:
    """That nobody has withdrawn since the records were chosen; raises IngestProblem when somebody has."""
    source = reads.object(dataset_ref(origin.source))
    assert source is not None, "datasets are archived, never removed"
    if dataset_of(source).withdrawn != origin.withdrawn:
        raise IngestProblem("Somebody has withdrawn their consent meanwhile; ask again")
    return (Expectation(source.ref, source.revision),)


def _version(job: Job, found: Found) -> Version:
    return Version(
        dataset_id=job.dataset_id,
        number=job.number,
        rows=found.rows,
        bytes=found.bytes,
        digest=found.digest,
        mode=job.origin.mode,
        schema=tuple(dict(column) for column in found.schema),
        mixed=found.mixed,
        id_field=found.id_field,
        parent=Parent(job.origin.source, job.origin.version) if isinstance(job.origin, Derivation) else None,
        risk=None if found.risk is None else dict(found.risk),
        scrubbed={path: dict(each) for path, each in found.scrubbed.items()},
    )


def _version_row(row: ObjectRow, version: Version, now_ms: int) -> ObjectRow:
    return ObjectRow(
        kind=VERSION,
        id=version_ref(row.id, version.number).id,
        organisation=row.organisation,
        revision=1,
        document=document_of(version),
        created_ms=now_ms,
        status=READY,
        parent=row.id,
    )


def _append_version(job: Job, version: Version, effect: ObjectsChanged) -> Append:
    body: View = {
        "dataset_id": version.dataset_id,
        "version": version.number,
        "rows": version.rows,
        "bytes": version.bytes,
        "digest": version.digest,
        "mode": version.mode,
    }
    parts: View = {"principal": job.who.email}
    if version.scrubbed:
        body["scrub"] = PATTERN_ONLY
        parts["scrubbed"] = version.scrubbed
    if version.parent is not None and version.risk is not None:
        body["parent"] = {"dataset_id": version.parent.dataset_id, "version": version.parent.version}
        body |= {**version.risk["asked"], "risk_hash": risk_hash(version.risk)}
        parts["risk"] = version.risk
    return make_append(
        identifier=new_id("evt"),
        type="dataset_version",
        stream=admin_stream(job.who.organisation),
        principal=job.who,
        body=body,
        parts=parts,
        effect=effect,
    )


def risk_hash(report: Mapping[str, Any]) -> str:
    """What an entry cites a report of risks by: the SHA-256 of its canonical form."""
    return sha256_digest(canonical(report))

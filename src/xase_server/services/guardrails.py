"""Guardrails: an organisation's policies that have a say on every dataset of its (docs/spec/policy.md, section 9)."""

from collections.abc import Sequence

from xase.proof.entry import format_time
from xase_server.domain.clock import Clock
from xase_server.domain.entries import Append, ObjectsChanged, Unit, admin_stream
from xase_server.domain.errors import Problems
from xase_server.domain.guardrails import StoredGuardrails, guardrails_ref
from xase_server.domain.ids import new_id
from xase_server.domain.objects import Expectation, ObjectRow
from xase_server.domain.policies import IN_FORCE, policy_ref
from xase_server.domain.principals import Principal
from xase_server.ledger.append import Ledger
from xase_server.policy.decide import Layer, LayerKind
from xase_server.policy.load import load
from xase_server.ports import Reads
from xase_server.services.anew import until_it_stands
from xase_server.services.documents import document_of, policy_of
from xase_server.services.fitting import fitted
from xase_server.services.governance import Governance, Governed, as_layer
from xase_server.services.guarding import Guard, find_guard
from xase_server.services.impact import Impact
from xase_server.services.outcome import Once, Outcome, Remembered, recall, remember
from xase_server.services.reading import Reader
from xase_server.services.sealing import make_append
from xase_server.services.views import View
from xase_server.services.visibility import guarded_datasets


class Guardrails:
    """Shows and changes which policies guard the caller's organisation."""

    def __init__(self, ledger: Ledger, reader: Reader, clock: Clock, governance: Governance) -> None:
        self._ledger = ledger
        self._reader = reader
        self._clock = clock
        self._impact = Impact(reader, clock, governance)

    async def get(self, who: Principal) -> View:
        """The guardrails in force."""
        return _view(await self._reader.point(lambda reads: find_guard(reads, who.organisation)))

    async def put(self, who: Principal, policy_ids: Sequence[str], once: Once | None) -> Outcome:
        """The guardrails as they are from now on, in open sessions too where they are stricter.

        The same ones change nothing. Raises `validation_error` for a policy that does not exist, is
        named twice, or does not fit a dataset of the organisation.
        """
        replayed = await recall(self._reader, once) is not None
        if not replayed:
            await until_it_stands(lambda: self._put(who, tuple(policy_ids), once))
        return Outcome(await self.get(who), replayed=replayed)

    async def _put(self, who: Principal, policy_ids: tuple[str, ...], once: Once | None) -> None:
        def work(reads: Reads) -> tuple[Guard, tuple[Expectation, ...]]:
            rows = _named(reads, who, policy_ids)
            policies = [load(policy_of(row).document) for row in rows]
            fit = fitted(reads, policies, guarded_datasets(reads, who.organisation), guards=True)
            named = tuple(Expectation(row.ref, row.revision) for row in rows)
            return find_guard(reads, who.organisation), (*named, *fit)

        before, expects = await self._reader.scan(work)
        if (before.stored.policy_ids if before.stored else ()) == policy_ids:
            return
        stored = StoredGuardrails(policy_ids=policy_ids, entry=new_id("evt"), changed_ms=self._clock.now_ms())
        append = _append(who, stored, before.expects[0])
        # COMMIT POINT: after it every request to the organisation's datasets is decided by these as well.
        await self._ledger.append(Unit((append,), remember(once, Remembered(ids=[stored.entry])), expects))

    async def impact(self, who: Principal, policy_ids: Sequence[str]) -> View:
        """The open sessions on the organisation's datasets that these would cut or narrow. Stores nothing.

        Raises Refused as `put` does.
        """

        def work(reads: Reads) -> list[Layer]:
            rows = _named(reads, who, policy_ids)
            policies = [load(policy_of(row).document) for row in rows]
            fitted(reads, policies, guarded_datasets(reads, who.organisation), guards=True)
            return [as_layer(LayerKind.GUARDRAIL, row) for row in rows]

        layers = await self._reader.scan(work)

        def changed(governed: Governed) -> tuple[Layer, ...]:
            return (*layers, *(each for each in governed.layers if each.kind is not LayerKind.GUARDRAIL))

        return await self._impact.of(who, changed)


def _named(reads: Reads, who: Principal, policy_ids: Sequence[str]) -> list[ObjectRow]:
    """The caller's policies with these ids; raises `validation_error` for one that is not there, or there twice."""
    problems, rows = Problems(), []
    for place, policy_id in enumerate(policy_ids):
        row = reads.object(policy_ref(who.organisation, policy_id))
        if policy_id in policy_ids[:place]:
            problems.add(f"policy_ids.{place}", "Named twice")
        elif row is None:
            problems.add(f"policy_ids.{place}", "There is no such policy")
        else:
            rows.append(row)
    problems.refuse_if_any()
    return rows


def _append(who: Principal, stored: StoredGuardrails, before: Expectation) -> Append:
    ref = guardrails_ref(who.organisation)
    row = ObjectRow(
        kind=ref.kind,
        id=ref.id,
        organisation=who.organisation,
        revision=before.revision + 1,
        document=document_of(stored),
        created_ms=stored.changed_ms,
        status=IN_FORCE,
    )
    return make_append(
        identifier=stored.entry,
        type="guardrails_changed",
        stream=admin_stream(who.organisation),
        principal=who,
        body={"policy_ids": list(stored.policy_ids)},
        parts={"principal": who.email},
        effect=ObjectsChanged((row,)),
    )


def _view(guard: Guard) -> View:
    stored = guard.stored
    policies = [
        {"id": policy.id, "version": policy.version, "name": policy.document["name"], "hash": policy.hash}
        for policy in map(policy_of, guard.rows)
    ]
    return {
        "policies": policies,
        "changed_at": None if stored is None else format_time(stored.changed_ms),
        "evidence_id": None if stored is None else stored.entry,
    }

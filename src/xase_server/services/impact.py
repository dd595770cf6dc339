"""What a changed policy, or other guardrails, would do to the sessions that are open now."""

from collections.abc import Callable
from dataclasses import replace

from xase_server.domain.clock import Clock
from xase_server.domain.datasets import version_ref
from xase_server.domain.objects import ObjectQuery, ObjectRow
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import ACTIVE, SESSION, Session
from xase_server.policy.contract import Conflict, narrowed, read_contract
from xase_server.policy.decide import Layer, Outcome, Verdict
from xase_server.policy.model import Policy
from xase_server.policy.sight import pertaining
from xase_server.ports import Reads
from xase_server.services.documents import schema_of, session_of, version_of
from xase_server.services.governance import Governance, Governed
from xase_server.services.grants import asked_again, standing_approvals
from xase_server.services.reading import Reader
from xase_server.services.views import View
from xase_server.services.visibility import every_object

Layers = tuple[Layer, ...]

_APPROVAL = {"rule": "approval_required", "message": "The policy would ask for an approval first"}
_AMBIGUOUS = {"rule": "conflict", "message": "The policy contradicts what the session was granted"}


class Impact:
    """Puts the requests of open sessions to other policies."""

    def __init__(self, reader: Reader, clock: Clock, governance: Governance) -> None:
        self._reader = reader
        self._clock = clock
        self._governance = governance

    async def of_policy(self, who: Principal, policy_id: str, policy: Policy) -> View:
        """The open sessions that the policy governs, in part where it is a guardrail, judged by this text of it."""

        def changed(governed: Governed) -> Layers:
            return tuple(
                replace(each, policy=policy, version=0) if each.policy_id == policy_id else each
                for each in governed.layers
            )

        return await self.of(who, changed)

    async def of(self, who: Principal, changed: Callable[[Governed], Layers]) -> View:
        """The open sessions on the caller's data that such layers would cut or narrow, and how many they would not.

        A session counts where `changed` makes other layers of those in force.
        """
        now_ms = self._clock.now_ms()

        def work(reads: Reads) -> list[View]:
            wanted = ObjectQuery(kind=SESSION, visible_to=who.organisation, status=ACTIVE, now_ms=now_ms)
            found = []
            for row in every_object(reads, wanted):
                session = session_of(row)
                if session.holder != who.organisation:
                    continue
                governed = self._governance.of(reads, session.dataset_id)
                assert governed is not None, "datasets are archived, never removed"
                layers = changed(governed)
                if layers != governed.layers:
                    found.append(self._effect(reads, row, session, layers, now_ms))
            return found

        effects = await self._reader.scan(work)
        touched = [each for each in effects if each["effect"] != "none"]
        return {"sessions": touched, "unchanged": len(effects) - len(touched)}

    def _effect(self, reads: Reads, row: ObjectRow, session: Session, layers: Layers, now_ms: int) -> View:
        request = asked_again(session.asked, now_ms, standing_approvals(reads, session, now_ms))
        own = row.organisation == session.holder
        verdict = self._governance.decide(layers, request, own=own)
        version = reads.object(version_ref(session.dataset_id, session.version))
        assert version is not None, "versions stay for ever"
        if verdict.contract is not None:
            verdict = replace(verdict, contract=pertaining(verdict.contract, schema_of(version_of(version))))
        view: View = {
            "session_id": row.id,
            "dataset_id": session.dataset_id,
            "organisation": session.asked.organisation,
        }
        return view | _told(session, verdict)


def _told(session: Session, verdict: Verdict) -> View:
    if verdict.contract is None:
        violations = [{"rule": each.rule, "message": each.message} for each in verdict.violations]
        if verdict.outcome is Outcome.APPROVAL_REQUIRED:
            violations = [_APPROVAL]
        return {"effect": "cut", "violations": violations, "narrowed": []}
    try:
        terms = narrowed(read_contract(session.contract), verdict.contract)
    except Conflict:
        return {"effect": "cut", "violations": [_AMBIGUOUS], "narrowed": []}
    return {"effect": "narrowed" if terms else "none", "violations": [], "narrowed": terms}

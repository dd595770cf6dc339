"""What a changed policy would do to the sessions that are open now."""

from xase_server.domain.clock import Clock
from xase_server.domain.objects import ObjectQuery, ObjectRow
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import ACTIVE, SESSION, Session
from xase_server.policy.contract import Conflict, narrowed, read_contract
from xase_server.policy.decide import Layer, LayerKind, Outcome, Verdict, decide
from xase_server.policy.model import Policy
from xase_server.policy.purposes import Purposes
from xase_server.ports import Reads
from xase_server.services.documents import session_of
from xase_server.services.grants import asked_again, standing_approvals
from xase_server.services.reading import Reader
from xase_server.services.views import View
from xase_server.services.visibility import every_object

_APPROVAL = {"rule": "approval_required", "message": "The policy would ask for an approval first"}
_AMBIGUOUS = {"rule": "conflict", "message": "The policy contradicts what the session was granted"}


class Impact:
    """Puts the requests of open sessions to another policy."""

    def __init__(self, reader: Reader, clock: Clock, purposes: Purposes) -> None:
        self._reader = reader
        self._clock = clock
        self._purposes = purposes

    async def of(self, who: Principal, policy_id: str, policy: Policy) -> View:
        """The open sessions under the caller's policy that this one would cut or narrow, and how many it would not."""
        now_ms = self._clock.now_ms()

        def work(reads: Reads) -> list[View]:
            wanted = ObjectQuery(kind=SESSION, visible_to=who.organisation, status=ACTIVE, now_ms=now_ms)
            open_ = ((row, session_of(row)) for row in every_object(reads, wanted))
            return [
                self._effect(reads, row, session, Layer(LayerKind.DATASET, policy_id, 0, policy), now_ms)
                for row, session in open_
                if session.policy_id == policy_id and session.holder == who.organisation
            ]

        effects = await self._reader.scan(work)
        changed = [each for each in effects if each["effect"] != "none"]
        return {"sessions": changed, "unchanged": len(effects) - len(changed)}

    def _effect(self, reads: Reads, row: ObjectRow, session: Session, layer: Layer, now_ms: int) -> View:
        request = asked_again(session.asked, now_ms, standing_approvals(reads, session, now_ms))
        verdict = decide((layer,), request, self._purposes)
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

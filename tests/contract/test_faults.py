"""Every call of the store fails once, before or after it took effect; then the caller retries, or the server restarts.

Whatever happens, the log audits clean, and the retried unit is in it exactly once.
"""

from contextlib import ExitStack

import pytest

from tests.contract.conftest import Place
from tests.contract.logs import SIGNER, running_log
from tests.contract.records import decision
from tests.simulator import Fault, FaultyStorage
from xase_server.domain.entries import Claim
from xase_server.domain.errors import Refused
from xase_server.ledger.audit import audit

CLAIM = Claim("key_1", "once", b"request", b"answer")
TABLE = [
    *[(call, Fault.FAILS) for call in ("begin", "head", "claims", "streams", "tile", "write", "commit")],
    *[(call, Fault.PERSISTS) for call in ("write", "commit")],
]


@pytest.mark.parametrize("then", ["retry", "reopen"])
@pytest.mark.parametrize(("call", "fault"), TABLE, ids=[f"{call} {fault.value}" for call, fault in TABLE])
def test_a_failing_call_is_unavailable_and_a_retry_appends_once(place: Place, call: str, fault: Fault, then: str):
    storage = FaultyStorage(place.open())
    with ExitStack() as stack:
        log = stack.enter_context(running_log(storage))
        log.append(decision())
        wanted = decision()
        storage.strike(call, fault)
        with pytest.raises(Refused) as refused:
            log.append(wanted, claim=CLAIM)
        assert (refused.value.kind.slug, storage.struck) == ("unavailable", True)
        assert audit(storage, [SIGNER.verifier]).clean
        if then == "reopen":
            stack.close()
            storage = FaultyStorage(place.reopen())
            log = stack.enter_context(running_log(storage))
        log.append(wanted, claim=CLAIM)
        log.append(decision())
    report = audit(storage, [SIGNER.verifier])
    assert (report.size, report.findings) == (3, [])
    assert storage.read(lambda reads: reads.decision("org_a", wanted.id)) is not None


def test_a_failure_does_not_reach_the_unit_that_comes_after_it(place: Place):
    storage = FaultyStorage(place.open())
    with running_log(storage) as log:
        storage.strike("commit")
        with pytest.raises(Refused):
            log.append(decision(model_id="never-committed"))
        log.append(decision(model_id="committed"))
    report = audit(storage, [SIGNER.verifier])
    assert (report.size, report.findings) == (1, [])

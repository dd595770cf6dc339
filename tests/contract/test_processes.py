"""Two servers on one store: correctly sequenced, never forked."""

import subprocess
import sys

from tests.conftest import REPOSITORY
from tests.contract.conftest import DatabasePlace
from tests.contract.logs import SIGNER
from xase_server.ledger.audit import audit

PROGRAM = "tests.contract.appender"
UNITS = 150


def test_two_processes_append_to_one_log(database_place: DatabasePlace):
    storage = database_place.open()
    (database_place.home / "signer.pem").write_text(SIGNER.to_pem())
    arguments = [database_place.database, str(database_place.home), str(UNITS)]
    running = [
        subprocess.Popen([sys.executable, "-m", PROGRAM, *arguments, name], cwd=REPOSITORY) for name in ("one", "two")
    ]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    report = audit(storage, [SIGNER.verifier])
    assert (report.size, report.findings) == (3 * UNITS, [])
    # each unit of either has its own key but for a third, which both claim: one of them appends, the other replays
    assert storage.read(lambda reads: all(reads.claim("shared", str(n)) for n in range(UNITS)))

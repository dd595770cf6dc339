"""What is put right at start-up: datasets whose data was being read when the server stopped."""

from typing import Final

import structlog

from xase_server.domain.datasets import PROCESSING, version_ref
from xase_server.domain.entries import Unit
from xase_server.domain.errors import Refused
from xase_server.domain.objects import ObjectRow, Stale
from xase_server.domain.principals import Principal
from xase_server.ledger.append import Ledger
from xase_server.ports import Library, Storage
from xase_server.services.documents import dataset_of
from xase_server.services.versions import append_failure
from xase_server.services.visibility import every_dataset

INTERRUPTED: Final = "interrupted; send the data again"

_log = structlog.get_logger(__name__)


def recover_datasets(storage: Storage, ledger: Ledger, library: Library) -> None:
    """Remove files that no version is known for, and say on each dataset without data that none came.

    While the ledger takes no appends the datasets stay as they are. Raises StorageUnavailable.
    """
    library.sweep(lambda dataset_id, number: _is_known(storage, dataset_id, number))
    waiting = storage.read(lambda reads: [row for row in every_dataset(reads) if row.status == PROCESSING])
    for row in waiting:
        try:
            _mark(ledger, row)
        except (Refused, Stale) as error:
            _log.warning("an interrupted dataset stays as it is", dataset_id=row.id, why=str(error))


def _mark(ledger: Ledger, row: ObjectRow) -> None:
    operator = Principal(row.organisation, "key_operator", "operator@localhost", "operator", frozenset())
    append = append_failure(operator, row, dataset_of(row).version + 1, INTERRUPTED)
    # COMMIT POINT: after it the dataset says that its data must be sent again.
    ledger.append_now(Unit((append,)))


def _is_known(storage: Storage, dataset_id: str, number: int) -> bool:
    return storage.read(lambda reads: reads.object(version_ref(dataset_id, number))) is not None

"""Which sessions had records: known from the lists of what they received, or only possible where a list was erased."""

from base64 import b64encode

import pytest
from msgspec.json import encode
from pyroaring import BitMap64

from xase_server.delivery.bitmap import bytes_of
from xase_server.domain.entries import Part
from xase_server.domain.objects import ObjectRow
from xase_server.ports import DeliveryRow
from xase_server.services.spread import sessions_with

DATASET = "ds_0123456789abcdef"


class Deliveries:
    """Reads that know these releases of one session, by number: what each list holds, None for an erased one."""

    def __init__(self, *lists):
        self._lists = lists

    def deliveries(self, dataset_id, version, block):
        body = {"session_id": "sess_1", "dataset_id": dataset_id, "dataset_version": version}
        for index, numbers in enumerate(self._lists):
            held = None if numbers is None else encode(b64encode(bytes_of(BitMap64(numbers))).decode())
            parts = {} if held is None else {"records": Part(b"", held)}
            yield DeliveryRow(index, encode({"body": body, "time": f"at {index}"}), parts)

    def object(self, ref):
        return ObjectRow(
            kind=ref.kind, id=ref.id, organisation="org_lab", revision=1, document=b"", created_ms=0, status="ACTIVE"
        )


@pytest.mark.parametrize(
    ("lists", "told"),
    [
        (([1, 2], [7]), [("at 1", True)]),
        (([1, 2], None), [("at 1", False)]),
        ((None, [7]), [("at 0", True)]),
        (([1, 2],), []),
    ],
)
def test_a_session_is_certain_where_a_list_says_so(lists, told):
    found = sessions_with(Deliveries(*lists), {DATASET: {3: BitMap64([7])}})
    assert [(each["first_release"], each["certain"]) for each in found] == told

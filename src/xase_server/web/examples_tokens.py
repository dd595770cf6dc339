"""Examples of following tokens back."""

from typing import Any, Final

_KNOWN: Final = "tok_1f2e3d4c5b6a79881f2e3d4c5b6a7988"
_UNKNOWN: Final = "tok_00112233445566778899aabbccddeeff"

NEW_REVERSAL: Final[dict[str, Any]] = {
    "tokens": [_KNOWN, _UNKNOWN],
    "reason": "The laboratory found a tumour marker; the patient must be told",
}
REVERSAL: Final[dict[str, Any]] = {
    "reversal_id": "rev_9a8b7c6d5e4f3021",
    "dataset_id": "ds_9e8d7c6b5a493827",
    "reversed": [{"token": _KNOWN, "value": "p12345", "session_id": "sess_7f6e5d4c3b2a1908"}],
    "unknown": [_UNKNOWN],
}

NEW_ERASURE: Final[dict[str, Any]] = {
    "values": ["p12345"],
    "reason": "The patient asked to be forgotten",
}
ERASURE: Final[dict[str, Any]] = {
    "erasure_id": "ers_4f5e6d7c8b9a0011",
    "dataset_id": "ds_9e8d7c6b5a493827",
    "erased": [_KNOWN],
    "unknown": [],
}

"""Examples of answers about what has been used."""

from typing import Any, Final

DATASET: Final[dict[str, Any]] = {
    "dataset_id": "ds_9e8d7c6b5a493827",
    "sessions": 3,
    "records": 48_210,
    "bytes": 9_876_543,
    "queries": 57,
    "operations": 1_452,
    "hours": 217.5,
}

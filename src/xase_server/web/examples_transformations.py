"""An example of a transformation: the source document's own."""

from typing import Any, Final

NEW_TRANSFORMATION: Final[dict[str, Any]] = {
    "record_ids": ["rec_a1b2c3", "rec_d4e5f6"],
    "transformation": "anonymize",
    "parameters": {"fields": ["patient_id", "name", "address"], "method": "hash"},
    "metadata": {"purpose": "privacy protection", "operator": "data_scientist@company.com"},
}

TRANSFORMED: Final[dict[str, Any]] = {
    "transformed_records": [
        {
            "record_id": "rec_a1b2c3",
            "patient_id": "b3d8e9f2a7c1405d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5",
            "age": 57,
            "diagnosis": "diabetes",
        }
    ],
    "transformation_id": "transform_0a1b2c3d4e5f6071",
    "evidence_url": "https://api.xase.ai/v1/evidence/transform_0a1b2c3d4e5f6071",
    "algorithm": "HMAC-SHA256",
    "key_id": "5f0e1d2c3b4a5968",
}

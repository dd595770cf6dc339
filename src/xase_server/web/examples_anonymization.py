"""Example bodies and answers about anonymised datasets."""

from typing import Any, Final

from xase_server.web.examples_holder import DATASET, READING

NEW_ANONYMIZATION: Final[dict[str, Any]] = {
    "name": "medical-records-open",
    "k": 5,
    "l": 2,
    "quasi_identifiers": ["age", "zip"],
    "sensitive": ["diagnosis"],
    "suppression_max": 0.02,
}

_NAMED: Final[dict[str, Any]] = {
    "dataset_id": "ds_5e7f9a1b3c4d6e8f",
    "name": NEW_ANONYMIZATION["name"],
    "derived_from": DATASET["dataset_id"],
}

ANONYMIZED: Final[dict[str, Any]] = {
    **{name: DATASET[name] for name in ("organisation", "status", "version", "created_at")},
    **_NAMED,
    "fields": {"diagnosis": {"class": "sensitive"}},
    "rows": 100412,
    "bytes": 903417,
    "digest": "sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
}

ANONYMIZING: Final[dict[str, Any]] = {
    **{name: READING[name] for name in ("organisation", "status", "version", "created_at", "progress")},
    **_NAMED,
    "fields": {},
}

_FIGURES: Final[dict[str, Any]] = {
    "quasi_identifiers": ["age", "zip"],
    "counted": "persons",
    "records": 100412,
    "classes": 911,
    "k": 5,
    "l": 2,
    "diversity": {"diagnosis": 2},
    "smallest_class": 5,
    "largest_class": 2214,
    "average_class": 110.2,
    "unique": 0,
    "discernibility": 54609755,
    "prosecutor": {"max": 0.2, "average": 0.0102},
    "journalist": {"max": 0.2},
    "marketer": {"average": 0.0102},
}

ASSESSED: Final[dict[str, Any]] = {"dataset_id": DATASET["dataset_id"], "version": 1, "report": _FIGURES}

RISK: Final[dict[str, Any]] = {
    "dataset_id": ANONYMIZED["dataset_id"],
    "version": 1,
    "report": {
        **_FIGURES,
        "asked": {"k": 5, "l": 2, "suppression_max": 0.02},
        "levels": {
            "age": {"level": 2, "of": 5, "transform": {"op": "generalize", "width": 10}},
            "zip": {"level": 0, "of": 5, "transform": None},
        },
        "removed": ["patient_id"],
        "withheld": 3,
        "suppressed": 1354,
        "suppressed_share": 0.0133,
        "loss": 0.107,
    },
    "hash": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}

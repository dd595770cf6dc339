"""Example bodies and answers about datasets and policies."""

from typing import Any, Final

NEW_DATASET: Final[dict[str, Any]] = {
    "name": "medical-records",
    "description": "Discharge records of the cardiology ward",
    "id_field": "record_id",
    "subject_field": "patient_id",
    "fields": {"patient_id": {"class": "identifier"}, "diagnosis": {"class": "sensitive"}},
    "policy_id": "policy_medical_research",
}

DATASET: Final[dict[str, Any]] = {
    "dataset_id": "ds_3c5d7e9f1a2b4c6d",
    "organisation": "org_2a6b8c1d3e4f5a6b",
    "status": "READY",
    "version": 1,
    "created_at": "2025-01-15T14:00:00.000Z",
    **NEW_DATASET,
    "rows": 101766,
    "bytes": 1843210,
    "digest": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}

NEW_DATASET_STATE: Final[dict[str, Any]] = {
    **{name: value for name, value in DATASET.items() if name not in {"rows", "bytes", "digest"}},
    "status": "PROCESSING",
    "version": 0,
}

READING: Final[dict[str, Any]] = {
    **NEW_DATASET_STATE,
    "progress": {"rows": 65536, "bytes": 12582912, "total_bytes": 104857600},
}

VERSION: Final[dict[str, Any]] = {
    "dataset_id": DATASET["dataset_id"],
    "version": 1,
    "mode": "replace",
    "rows": DATASET["rows"],
    "bytes": DATASET["bytes"],
    "digest": DATASET["digest"],
    "created_at": "2025-01-15T14:01:00.000Z",
    "id_field": "record_id",
}

SCHEMA: Final[dict[str, Any]] = {
    "dataset_id": DATASET["dataset_id"],
    "version": 1,
    "fields": [
        {"path": "record_id", "type": "string", "class": "ordinary"},
        {"path": "patient_id", "type": "string", "class": "identifier"},
        {
            "path": "lab_results",
            "type": "struct",
            "class": "ordinary",
            "fields": [{"path": "lab_results.glucose", "type": "float", "class": "ordinary"}],
        },
    ],
}

PROFILE: Final[dict[str, Any]] = {
    "dataset_id": DATASET["dataset_id"],
    "version": 1,
    "rows": DATASET["rows"],
    "fields": {"age": {"type": "int", "nulls": 0, "distinct": 82, "min": 18, "max": 99}},
}

BUDGET: Final[dict[str, Any]] = {
    "dataset_id": DATASET["dataset_id"],
    "epsilon_total": 10.0,
    "epsilon_spent": 1.5,
    "epsilon_left": 8.5,
    "organisations": [{"organisation": "org_acme_ai", "epsilon_spent": 1.5, "queries": 3}],
}

POLICY_DOCUMENT: Final[dict[str, Any]] = {
    "id": "policy_medical_research",
    "name": "Medical research",
    "rules": [
        {
            "id": "train",
            "effect": "permit",
            "when": {"purpose": ["model-development"], "organisations": ["org_acme_ai"], "max_duration": "30d"},
            "constrain": {"deny_fields": ["name", "address"], "min_group_size": 10},
        },
        {"id": "never", "effect": "forbid", "when": {"purpose": ["marketing", "reidentification"]}},
    ],
}

POLICY: Final[dict[str, Any]] = {
    "id": "policy_medical_research",
    "version": 1,
    "name": "Medical research",
    "hash": "sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    "created_at": "2025-01-15T13:00:00.000Z",
    "document": POLICY_DOCUMENT,
}

SIMULATION: Final[dict[str, Any]] = {
    "purpose": "model-training",
    "duration": "90d",
    "model_id": "diagnostic-v3",
    "organisation": "org_acme_ai",
}

SIMULATED: Final[dict[str, Any]] = {
    "verdict": "deny",
    "policy_id": "policy_medical_research",
    "policy_version": 1,
    "violations": [
        {
            "rule": "duration_too_long",
            "message": "This duration is longer than allowed; left out, it is as long as the policy allows",
        }
    ],
    "approvers": [],
    "contract": None,
    "contract_hash": None,
    "chosen": {},
    "narrowed_by": {},
    "trace": [
        {
            "layer": "dataset:policy_medical_research@1",
            "rule": "train",
            "clause": "max_duration",
            "wanted": "30d",
            "got": 7776000000,
            "held": False,
        }
    ],
}

IMPACT: Final[dict[str, Any]] = {
    "sessions": [
        {
            "session_id": "sess_8f2a1b3c4d5e6f70",
            "dataset_id": DATASET["dataset_id"],
            "organisation": "org_acme_ai",
            "effect": "narrowed",
            "violations": [],
            "narrowed": ["deny_fields"],
        }
    ],
    "unchanged": 3,
}

NAMED_GUARDRAILS: Final[dict[str, Any]] = {"policy_ids": ["policy_house_rules"]}

GUARDRAILS: Final[dict[str, Any]] = {
    "policies": [{"id": "policy_house_rules", "version": 2, "name": "House rules", "hash": POLICY["hash"]}],
    "changed_at": "2025-01-15T13:30:00.000Z",
    "evidence_id": "evt_5b1c9f0e7d3a2846",
}

PURPOSES: Final[dict[str, Any]] = {
    "data": [
        {
            "purpose": "model-development",
            "parent": "research",
            "synonyms": [],
            "label": "dpv:ResearchAndDevelopment",
        },
        {"purpose": "model-training", "parent": "model-development", "synonyms": ["training"]},
    ]
}

CROISSANT: Final[dict[str, Any]] = {
    "@context": {"@vocab": "https://schema.org/", "cr": "http://mlcommons.org/croissant/"},
    "@type": "sc:Dataset",
    "conformsTo": "http://mlcommons.org/croissant/1.0",
    "name": "medical-records-2024",
    "recordSet": [{"@type": "cr:RecordSet", "@id": "records", "field": []}],
}

"""Examples of answers that carry data: the source document's own."""

from typing import Any, Final

DATA_RECORD: Final[dict[str, Any]] = {
    "record_id": "rec_a1b2c3",
    "patient_id": "p12345",
    "age": 57,
    "diagnosis": "diabetes",
    "symptoms": ["fatigue", "thirst", "blurred vision"],
    "treatments": ["insulin", "dietary changes"],
    "lab_results": {"glucose": 210, "a1c": 8.1},
}

_BATCH_ID: Final = "batch_d4e5f60718293a4b"

BATCH: Final[dict[str, Any]] = {
    "batch": [DATA_RECORD],
    "batch_id": _BATCH_ID,
    "record_count": 1,
    "has_more": True,
    "next_cursor": "cursor_AmV4YW1wbGU",
}

FILTER: Final[dict[str, Any]] = {
    "filter": {
        "age": {"$gte": 50},
        "diagnosis": {"$in": ["diabetes", "hypertension"]},
        "$or": [{"lab_results.glucose": {"$gte": 200}}, {"lab_results.bp_systolic": {"$gte": 140}}],
    },
    "fields": ["patient_id", "age", "diagnosis", "lab_results"],
    "sort": {"age": -1},
    "limit": 100,
}

FOUND: Final[dict[str, Any]] = {
    "records": [
        {
            "record_id": "rec_d4e5f6",
            "patient_id": "p67890",
            "age": 72,
            "diagnosis": "hypertension",
            "lab_results": {"bp_systolic": 155, "bp_diastolic": 95},
        }
    ],
    "record_count": 1,
    "has_more": False,
    "next_cursor": None,
    "total_matched": 1,
    "batch_id": _BATCH_ID,
}

PIPELINE: Final[list[dict[str, Any]]] = [
    {"$match": {"age": {"$gte": 50}}},
    {"$group": {"_id": "$diagnosis", "count": {"$sum": 1}, "avg_age": {"$avg": "$age"}}},
    {"$sort": {"count": -1}},
]

AGGREGATION: Final[dict[str, Any]] = {
    "results": [{"_id": "diabetes", "count": 312, "avg_age": 63.4}],
    "result_count": 1,
    "aggregation_id": "agg_5c6d7e8f9a0b1c2d",
    "evidence_id": "ev_5c6d7e8f9a0b1c2d",
}

_HASH: Final = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

EVENT_LIST: Final[dict[str, Any]] = {
    "data": [
        {
            "id": _BATCH_ID,
            "type": "release",
            "time": "2026-01-15T17:20:00.000Z",
            "index": 98765,
            "sequence": 1,
            "hash": _HASH,
            "body": {"session_id": "sess_7f6e5d4c3b2a1908", "via": "stream", "record_count": 32},
        }
    ],
    "next_start": None,
}

ACCESS_LIST: Final[dict[str, Any]] = {
    "data": [
        {
            "batch_id": _BATCH_ID,
            "session_id": "sess_7f6e5d4c3b2a1908",
            "organisation": "org_acme_ai",
            "purpose": "model-training",
            "model_id": "diagnostic-model-v2",
            "dataset_version": 1,
            "via": "stream",
            "fields": ["age", "diagnosis", "patient_id", "record_id"],
            "time": "2026-01-15T17:20:00.000Z",
            "index": 98765,
        }
    ],
    "total": 1,
    "limit": 20,
    "offset": 0,
    "next_cursor": None,
}

NEW_OPERATION: Final[dict[str, Any]] = {
    "operation_type": "TRAIN",
    "records": ["rec_a1b2c3", "rec_d4e5f6"],
    "metadata": {
        "model_id": "diagnostic-model-v2",
        "training_step": 1452,
        "metrics": {"loss": 0.0342, "accuracy": 0.967},
    },
}

OPERATION: Final[dict[str, Any]] = {
    "operation_id": "op_0a1b2c3d4e5f6071",
    "created_at": "2026-01-15T17:23:45.000Z",
    "status": "RECORDED",
    "evidence_id": "ev_0a1b2c3d4e5f6071",
    "reconciliation": "matched",
}

"""The published vectors of transforms: keys, and what becomes of values under each operation.

The master key is published on purpose. Dates are ISO 8601 in UTC, null is JSON's null; numbers with noise are
rounded to nine digits, for the last bits of a logarithm are a machine's own.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa

from xase_server.domain.tokens import TOKEN_BYTES
from xase_server.query.schema import STRING, Kind, Scalar, Struct
from xase_server.transforms.compiled import compile_transforms
from xase_server.transforms.keys import Keys
from xase_server.transforms.specs import Domain
from xase_server.transforms.tokenizing import Places, token_text

MASTER_KEY: Final = bytes(range(32))
KEYS: Final = Keys(MASTER_KEY, "org_hospital", "ds_0123456789abcdef", "sess_0123456789abcdef")
FIELD: Final = "value"
SUBJECT: Final = "subject"

Values = list[Any]
Case = tuple[str, dict[str, Any], Values]

_ARROW: Final[dict[str, Any]] = {
    "string": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.timestamp("ms", "UTC"),
    "json": pa.string(),
    "null": pa.null(),
}
_DIGITS: Final = 9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

TEXTS: Final[Values] = ["p12345", None, "", "p12345", "Jos\u00e9", "Jose\u0301", "日本", "👩‍👩‍👧!", "\u212b", "\r\n"]
WHOLE: Final[Values] = [0, None, 7, -7, 59, 60, 89, 90, 91, -(2**53) + 1, 2**53 - 1]
FRACTIONS: Final[Values] = [0.0, None, 0.49, 0.5, -0.1, 36.6, 39.999, 40.0, 1e6]
DATES: Final[Values] = [
    "1970-01-01T00:00:00.000Z",
    None,
    "1969-12-31T23:59:59.999Z",
    "2024-02-29T12:30:00.001Z",
    "1900-03-01T00:00:00.000Z",
    "1582-10-14T06:00:00.000Z",
    "2024-10-01T00:00:00.000Z",
]
SUBJECTS: Final[Values] = ["p1", "p1", "p1", "p2", "Jos\u00e9", "Jose\u0301", None]

CASES: Final[dict[str, tuple[Case, ...]]] = {
    "hash": (
        ("string", {}, TEXTS),
        ("string", {"domain": "dataset"}, TEXTS),
        ("int", {}, WHOLE),
        ("bool", {}, [True, False, None]),
        ("date", {"domain": "dataset"}, DATES),
    ),
    "mask": (
        ("string", {}, TEXTS),
        ("string", {"keep_first": 1}, [*TEXTS, "🇩🇪abc", "e\u0301xy", "한국어입니다"]),
        ("string", {"keep_first": 2, "keep_last": 2, "char": "·"}, [*TEXTS, "0123456789", "012345678"]),
        ("int", {"keep_last": 2}, [1234567, None, -12345]),
    ),
    "redact": (
        ("string", {}, TEXTS),
        ("string", {"value": "—"}, TEXTS),
        ("int", {}, WHOLE),
        ("date", {}, DATES),
        ("json", {}, ['{"a": 1}', None, "7"]),
    ),
    "generalize": (
        ("int", {"width": 5, "top": 90}, WHOLE),
        ("int", {"width": 10, "bottom": 20, "top": 60}, WHOLE),
        ("int", {"width": 1}, WHOLE),
        ("float", {"width": 0.5}, FRACTIONS),
        ("float", {"width": 10, "bottom": 0, "top": 40}, FRACTIONS),
        ("date", {"part": "month"}, DATES),
        ("date", {"part": "quarter"}, DATES),
        ("date", {"part": "year"}, DATES),
        ("string", {"prefix": 3}, ["10115", "E1", None, "", "äöüß", "日本語版"]),
    ),
    "bucketize": (
        ("int", {"edges": [18, 65]}, [17, 18, 64, 65, None, -1]),
        ("int", {"edges": [-5, 0, 1]}, [-6, -5, -1, 0, 1, None]),
        ("int", {"edges": [18], "labels": ["minor", "adult"]}, [17, 18, None]),
        ("float", {"edges": [36.5, 38]}, [36.4, 36.5, 37.999, 38.0, None]),
    ),
    "date_shift": (
        ("date", {"subject": SUBJECT, "max_days": 1}, DATES),
        ("date", {"subject": SUBJECT, "max_days": 182}, DATES),
        ("date", {"subject": SUBJECT, "max_days": 36500}, DATES),
    ),
    "noise": (
        ("float", {"scale": 1}, [50.0, 50.0, None, -3.5]),
        ("int", {"scale": 10.5}, [50, 50, None, -3]),
    ),
}


def transform_vectors() -> Iterator[tuple[str, Any]]:
    """Every file, by its path under vectors/, as what its JSON says."""
    yield "transforms/keys.json", list(_keys())
    yield "transforms/tokens.json", list(_places())
    for op, cases in CASES.items():
        yield f"transforms/{op}.json", [outcome(op, *case) for case in cases]


def _keys() -> Iterator[dict[str, Any]]:
    noise = f"noise:{FIELD}"
    for use, length in {"hash": 32, "tokenize": 32, "tokenize:seal": 64, "date_shift": 32, noise: 32}.items():
        domains: tuple[Domain, ...] = ("grant", "dataset") if use in {"hash", "tokenize"} else ("dataset",)
        for domain in domains:
            yield _key(KEYS, use, domain, length)
    yield _key(replace(KEYS, asked=True), "hash", "grant", 32) | {"asked": True}


def _key(keys: Keys, use: str, domain: Domain, length: int) -> dict[str, Any]:
    return {
        "master_key": MASTER_KEY.hex(),
        "organisation": keys.organisation,
        "dataset": keys.dataset_id,
        "session": keys.session_id,
        "use": use,
        "domain": domain,
        "key": keys.key(use, domain, length).hex(),
        "key_id": keys.key_id(use, domain),
    }


def _places() -> Iterator[dict[str, Any]]:
    """Places of the map of tokens, as they are kept."""
    places, values = Places(KEYS), [each for each in dict.fromkeys(TEXTS) if each is not None]
    normal = [unicodedata.normalize("NFC", each) for each in values]
    domains: tuple[Domain, ...] = ("grant", "dataset")
    for domain in domains:
        for number, (name, value) in enumerate(zip(places.names(domain, normal), values, strict=True)):
            row = places.place(name, bytes([number]) * TOKEN_BYTES, normal[number], domain)
            yield {
                "value": value,
                "domain": domain,
                "name": row.name.hex(),
                "token": token_text(row.token),
                "session": row.session,
                "sealed": row.sealed.hex(),
            }


def outcome(op: str, type_: str, parameters: dict[str, Any], inputs: Values) -> dict[str, Any]:
    """What the operation makes of these values; `subjects` are those of their rows."""
    spec = {"op": op, **parameters}
    schema = Struct(((FIELD, Scalar(Kind(type_))), (SUBJECT, STRING)))
    subjects = SUBJECTS[: len(inputs)] if op == "date_shift" else [None] * len(inputs)
    values = [_instant(each) for each in inputs] if type_ == "date" else inputs
    table = pa.table({FIELD: pa.array(values, _ARROW[type_]), SUBJECT: pa.array(subjects, pa.string())})
    after = compile_transforms({FIELD: spec}, schema, KEYS).apply(table, np.arange(len(inputs), dtype=np.int64))
    case: dict[str, Any] = {"spec": spec, "type": type_, "inputs": inputs}
    if op == "date_shift":
        case["subjects"] = subjects
    return case | {"outputs": _plain(after.column(FIELD))}


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _plain(column: Any) -> Values:
    if pa.types.is_floating(column.type):
        return [None if each is None else round(each, _DIGITS) for each in column.to_pylist()]
    if not pa.types.is_timestamp(column.type):
        return list(column.to_pylist())
    milliseconds = column.cast(pa.int64()).to_pylist()
    return [None if each is None else _iso(_EPOCH + timedelta(milliseconds=each)) for each in milliseconds]


def _iso(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"

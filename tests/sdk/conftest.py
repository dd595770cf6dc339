"""A real server for the SDK's tests, in a process of its own."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

import xase
from tests.faults.server import Server

DECISION: dict[str, Any] = {
    "model_id": "credit-model-v2",
    "input": {"customer_id": "cust_123", "income": 85000},
    "output": {"decision": "APPROVED", "credit_limit": 25000},
    "confidence": 0.94,
    "transaction_id": "txn_abc123",
}


@dataclass(frozen=True)
class Site:
    """Where the server is, where it keeps its things, and its administrator's key."""

    base_url: str
    home: Path
    api_key: str

    def options(self, folder: Path, **more: Any) -> dict[str, Any]:
        """Arguments of a client that keeps its own things in `folder`."""
        return {"base_url": self.base_url, "api_key": self.api_key, "spool": folder / "spool.db", **more}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running server, shared by all tests: each uses model ids of its own."""
    home = tmp_path_factory.mktemp("server") / "home"
    server = Server.start(home).wait_until_ready()
    yield Site(f"http://127.0.0.1:{server.port}", home, (home / "admin.key").read_text().strip())
    server.kill()


@pytest.fixture
def options(site: Site, tmp_path: Path) -> dict[str, Any]:
    """Arguments of a client of the real server."""
    return site.options(tmp_path)


@pytest.fixture
def model_id() -> str:
    """A model nobody else records decisions of."""
    return f"model-{uuid4().hex}"


@pytest.fixture
def decision(model_id: str) -> dict[str, Any]:
    """The source document's decision, by this test's own model."""
    return {**DECISION, "model_id": model_id}


@pytest.fixture
def on_server(site: Site, tmp_path: Path) -> Iterator[Callable[[str], list[str | None]]]:
    """A function that reads the transaction ids of a model's records from the server, oldest first."""
    with xase.Client(**site.options(tmp_path / "reader")) as reader:
        yield lambda model_id: [
            record.transaction_id for record in reader.records.list(model_id=model_id, order="asc", limit=100)
        ]


PATIENTS: list[dict[str, Any]] = [
    {
        "record_id": f"rec_{number:06x}",
        "patient_id": f"p{number}",
        "age": 20 + number % 60,
        "diagnosis": ["diabetes", "hypertension", "asthma"][number % 3],
        "symptoms": ["fatigue", "thirst"][: number % 3],
        "lab_results": {"glucose": 70 + number},
        "seen": f"2024-01-{1 + number % 28:02d}T10:00:00.000Z",
        **({} if number % 2 else {"note": "x", "mixed": number if number % 4 else "text"}),
    }
    for number in range(250)
]


MEDICAL_RECORDS: list[dict[str, Any]] = [
    {
        "record_id": "rec_a1b2c3" if number == 0 else f"rec_{number:06x}",
        "patient_id": f"p{number}",
        "name": f"Name {number}",
        "address": f"Street {number}",
        "age": 57 + number % 20,
        "diagnosis": "diabetes" if number % 2 == 0 else "hypertension",
        "lab_results": {"glucose": 150 + number},
    }
    for number in range(100)
]


@pytest.fixture(scope="session")
def medical_records(site: Site) -> str:
    """The dataset that the source document and the pages speak of, by its name."""
    return make_dataset(site, MEDICAL_RECORDS, name="medical-records-2024")


@pytest.fixture(scope="session")
def patients(site: Site) -> str:
    """The name of a dataset of PATIENTS."""
    return make_dataset(site, PATIENTS)


def make_dataset(site: Site, rows: list[dict[str, Any]], name: str | None = None) -> str:
    """The name of a new dataset of these rows, in the administrator's own organisation."""
    name = name or f"medical-records-{uuid4().hex[:8]}"
    key = {"authorization": f"Bearer {site.api_key}"}
    lines = "".join(
        json.dumps(row | ({"seen": {"$date": row["seen"]}} if "seen" in row else {})) + "\n" for row in rows
    )
    with httpx2.Client(base_url=f"{site.base_url}/v1", headers=key, timeout=60) as http:
        made = http.post("/datasets", json={"name": name})
        assert made.status_code == 201, made.text
        address = f"/datasets/{made.json()['dataset_id']}/data"
        sent = http.put(address, content=lines, headers={"content-type": "application/x-ndjson"})
        assert sent.status_code == 200, sent.text
        assert sent.json()["status"] == "READY", sent.text
    return name

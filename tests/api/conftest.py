"""A real server on a temporary home, one for each test module, spoken to in process or over a socket."""

import asyncio
import shutil
import socket
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
import uvicorn

from xase_server.app import Server, create_app, open_library
from xase_server.commands.protocol import Protocol
from xase_server.datasets import Converter
from xase_server.domain.entries import Unit
from xase_server.domain.principals import ROLES, Principal
from xase_server.services.keys import append_key, mint
from xase_server.settings import Settings

DECISION = {
    "model_id": "credit-model-v2",
    "input": {"customer_id": "cust_123", "income": 85000},
    "output": {"decision": "APPROVED", "credit_limit": 25000},
    "confidence": 0.94,
    "transaction_id": "txn_abc123",
}


@dataclass(frozen=True)
class Site:
    """A server with the secrets of an administrator in each of two organisations."""

    app: Server
    admin: str
    stranger: str

    def client(self, secret: str | None = None, *, raises: bool = True, **headers: str) -> httpx2.AsyncClient:
        """A client of this server, by default the first organisation's administrator; "" for no key."""
        key = self.admin if secret is None else secret
        auth = {"authorization": f"Bearer {key}"} if key else {}
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=raises)
        return httpx2.AsyncClient(transport=transport, base_url="http://xase.test", headers=auth | headers)

    def mint(self, *, role: str | None = None, scopes: tuple[str, ...] = (), organisation: str = "org_one") -> str:
        """The secret of a new key, made as the operator makes the first one."""
        minted = mint(
            organisation=organisation,
            email=f"{role or 'scoped'}@{organisation.removeprefix('org_')}.example",
            name="test",
            role=role,
            scopes=scopes,
            now_ms=self.app.core.clock.now_ms(),
        )
        operator = Principal(organisation, "key_operator", "operator@localhost", "operator", frozenset())
        self.app.core.ledger.append_now(Unit((append_key(operator, minted.row),)))
        return minted.secret


@pytest.fixture(scope="session")
def signing_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a document key, which takes long to make."""
    home = tmp_path_factory.mktemp("keys") / "home"
    server = create_app(Settings(home=home))
    asyncio.run(server.close())
    return home / "keys"


@pytest.fixture(scope="session")
def open_site(
    signing_keys: Path, tmp_path_factory: pytest.TempPathFactory, converter: Converter
) -> Callable[..., Site]:
    """A function that opens a server with the settings given, by default on a new home."""

    def open_(**settings: Any) -> Site:
        home = settings.pop("home", None)
        if home is None:
            home = tmp_path_factory.mktemp("site") / "home"
            (home / "keys").mkdir(parents=True, mode=0o700)
            shutil.copy2(signing_keys / "document.pem", home / "keys")
        clock, library = settings.pop("clock", None), settings.pop("library", None)
        chosen = Settings(home=home, organisation="org_one", **settings)
        app = create_app(chosen, clock=clock, library=library or open_library(chosen, converter))
        site = Site(app, (home / "admin.key").read_text().strip(), "")
        return Site(app, site.admin, site.mint(role="admin", organisation="org_two"))

    return open_


@pytest.fixture(scope="module")
def site(open_site: Callable[..., Site]) -> Iterator[Site]:
    """The module's server."""
    site = open_site(rate_limit=0)
    yield site
    asyncio.run(site.app.close())


@pytest.fixture
async def client(site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    """The administrator of the first organisation."""
    async with site.client() as client:
        yield client


@pytest.fixture
async def stranger(site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    """The administrator of the other organisation."""
    async with site.client(site.stranger) as client:
        yield client


@pytest.fixture(scope="module")
def role_keys(site: Site) -> dict[str, str]:
    """One key of each role."""
    return {role: site.mint(role=role) for role in ROLES}


@pytest.fixture
async def record(client: httpx2.AsyncClient) -> dict[str, Any]:
    """A fresh decision record."""
    answer = await client.post("/v1/records", json=DECISION)
    assert answer.status_code == 201
    body: dict[str, Any] = answer.json()
    return body


async def finished_bundle(client: httpx2.AsyncClient, wish: dict[str, Any]) -> dict[str, Any]:
    """Asks for a bundle and waits until it is made, or has failed."""
    answer = await client.post("/v1/evidence/bundles", json=wish)
    assert answer.status_code == 200, answer.text
    return await settled_bundle(client, answer.json()["bundle_id"])


async def ready_dataset(client: httpx2.AsyncClient, **fields: Any) -> str:
    """The id of a new dataset of two data records."""
    name = f"dataset-{uuid.uuid4().hex[:12]}"
    answer = await client.post("/v1/datasets", json={"name": name} | fields)
    assert answer.status_code == 201, answer.text
    address = f"/v1/datasets/{answer.json()['dataset_id']}"
    rows = b'{"record_id": "rec_a1b2c3", "age": 57}\n{"record_id": "rec_d4e5f6", "age": 72}\n'
    view = (await client.put(f"{address}/data", content=rows, headers={"content-type": "application/x-ndjson"})).json()
    while view["status"] == "PROCESSING":  # a busy machine takes longer than the answer waits
        await anyio.sleep(0.01)
        view = (await client.get(address)).json()
    assert view["status"] == "READY", view
    return str(view["dataset_id"])


async def settled_bundle(client: httpx2.AsyncClient, identifier: str) -> dict[str, Any]:
    """The description of a bundle that is no longer being made."""
    while True:
        view: dict[str, Any] = (await client.get(f"/v1/evidence/bundles/{identifier}")).json()
        if view["status"] != "PROCESSING":
            return view
        await anyio.lowlevel.checkpoint()  # in process nothing else lets the making go on


NDJSON = {"content-type": "application/x-ndjson"}


async def settled_dataset(client: httpx2.AsyncClient, name: str) -> dict[str, Any]:
    """A dataset of which no data is being read any more."""
    while True:
        view: dict[str, Any] = (await client.get(f"/v1/datasets/{name}")).json()
        if "progress" not in view:
            return view
        await asyncio.sleep(0.01)  # a process of its own reads the data


@dataclass(frozen=True)
class Listening:
    """A server on a socket of this machine."""

    site: Site
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        """A bare connection, to speak HTTP by hand."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.settimeout(20)
        return connection


@pytest.fixture(scope="module")
def listening(open_site: Callable[..., Site]) -> Iterator[Listening]:
    """The module's server behind a real uvicorn, with a short time limit for bodies."""
    site = open_site(body_timeout=0.5, rate_limit=100_000)
    configuration = uvicorn.Config(site.app, http=Protocol, log_level="warning", lifespan="off", access_log=False)
    server = uvicorn.Server(configuration)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        started = threading.Event()
        server.startup = _telling(server.startup, started)  # type: ignore[method-assign]
        thread.start()
        assert started.wait(20)
        yield Listening(site, listener.getsockname()[1])
        server.should_exit = True
        thread.join(20)
    asyncio.run(site.app.close())


def _telling(startup: Any, started: threading.Event) -> Any:
    async def told(*arguments: Any, **options: Any) -> None:
        await startup(*arguments, **options)
        started.set()

    return told

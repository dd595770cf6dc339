"""The composition root: the only place that knows every part and joins them."""

import asyncio
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from xase_server.core import Core, open_core
from xase_server.datasets import Converter, LocalLibrary
from xase_server.datasets.ingest import scrubbing
from xase_server.domain.clock import Clock
from xase_server.domain.errors import Refused
from xase_server.domain.times import DAY_MS
from xase_server.home import Home, HomeProblem
from xase_server.noise import OpenDP, is_installed
from xase_server.outbound import HttpCourier, trusting
from xase_server.policy.purposes import DEFAULT_PURPOSES, Purposes, read_purposes
from xase_server.ports import Courier, Engine, Library, Reads, RecordBatches, Storage, StorageUnavailable
from xase_server.query.schema import Schema
from xase_server.services.access import Access
from xase_server.services.aggregation import Aggregation
from xase_server.services.anonymization import Anonymization
from xase_server.services.answered import AnsweredGroups
from xase_server.services.approvals import Approvals
from xase_server.services.authentication import Authenticator
from xase_server.services.budgets import Budgets
from xase_server.services.bundles import Bundles
from xase_server.services.closing import Closing
from xase_server.services.consent import Consent
from xase_server.services.data import Data
from xase_server.services.datasets import Datasets
from xase_server.services.decisions import Decisions
from xase_server.services.dispatching import Dispatcher
from xase_server.services.events import Events
from xase_server.services.evidence import Evidence
from xase_server.services.exports import Exports
from xase_server.services.forgetting import Forgetting
from xase_server.services.governance import Governance
from xase_server.services.grants import Gate
from xase_server.services.guardrails import Guardrails
from xase_server.services.health import Health
from xase_server.services.ingestion import Ingestion
from xase_server.services.interventions import Interventions
from xase_server.services.keys import Keys
from xase_server.services.lineage import Lineage
from xase_server.services.log import Log
from xase_server.services.metrics import DecisionMetrics
from xase_server.services.operations import Operations
from xase_server.services.payments import Payments
from xase_server.services.planning import Planner
from xase_server.services.policies import Policies
from xase_server.services.private_aggregation import PrivateAggregation
from xase_server.services.recovery import recover_datasets
from xase_server.services.releases import Releases
from xase_server.services.reversal import Reversal
from xase_server.services.sessions import Sessions
from xase_server.services.spread import Spread
from xase_server.services.tokens import TokenMap
from xase_server.services.trail import Trail
from xase_server.services.transforming import Transforming
from xase_server.services.usage import UsageReport
from xase_server.services.versions import Versions
from xase_server.services.visibility import every_dataset
from xase_server.services.webhook_secrets import WebhookSecrets
from xase_server.services.webhooks import Means, Webhooks
from xase_server.services.withdrawn import Withdrawn
from xase_server.settings import Settings
from xase_server.transforms.keys import Masters
from xase_server.web.application import build
from xase_server.web.asgi import ASGIApp, Receive, Scope, Send
from xase_server.web.services import Bounds, Services

_log = structlog.get_logger(__name__)
_TOUCH_SECONDS: Final = 15.0


def open_library(settings: Settings, converter: Converter | None = None) -> Library:
    """The dataset versions of this home; see `LocalLibrary` for `converter`."""
    return LocalLibrary(
        Home(settings.home).datasets,
        settings.roots,
        open_engine=_open_engine,
        build_database=_build_database,
        converter=converter,
    )


def _open_engine(database: Path, schema: Schema) -> Engine:
    """The engine takes half a second to import: its first use waits for it, not the server's start."""
    from xase_server.engines.duckdb.files import open_engine

    return open_engine(database, schema)


def _build_database(rows: RecordBatches, database: Path, schema: Schema) -> None:
    from xase_server.engines.duckdb.files import build_database

    build_database(rows, database, schema)


def _purposes(file: Path | None) -> Purposes:
    """The operator's tree of purposes, or the one that comes with Xase; raises HomeProblem for an unreadable one."""
    if file is None:
        return DEFAULT_PURPOSES
    from xase_server.web.yamlish import parse_yaml

    try:
        return read_purposes(parse_yaml(file.read_bytes()))
    except OSError as error:
        raise HomeProblem(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise HomeProblem(f"{file} cannot be read: {error}") from error
    except Refused as refused:
        raise HomeProblem(f"{file} cannot be read: {refused.details[0]['message']}") from refused


def _datasets(core: Core, library: Library) -> Datasets:
    ingestion = Ingestion(Versions(core.ledger, core.reader, core.clock), library)
    return Datasets(core.ledger, core.reader, library, ingestion, core.clock, scrubs=scrubbing.is_installed())


def _bundles(core: Core) -> Bundles:
    custody, limit = core.custody, core.settings.max_bundle_records
    exports = Exports(core.ledger, core.reader, custody.document, core.clock, limit=limit)
    return Bundles(exports, core.reader, custody.ring, core.clock)


def _access(core: Core, governance: Governance, masters: Masters) -> Access:
    default_ms, approval_ms = core.settings.session_days * DAY_MS, core.settings.approval_days * DAY_MS
    return Access(
        core.ledger,
        core.reader,
        core.clock,
        governance,
        default_ms=default_ms,
        approval_ms=approval_ms,
        master=masters.current,
    )


def _aggregation(core: Core, data: Data, budgets: Budgets) -> Aggregation:
    noise = OpenDP() if is_installed() else None
    private = PrivateAggregation(data.planner, Payments(data.releases, budgets, core.clock), noise=noise)
    return Aggregation(data, private, AnsweredGroups(data.releases, core.reader, core.clock))


def _courier(settings: Settings) -> HttpCourier:
    """Sends webhooks' messages; raises HomeProblem for authorities that cannot be read."""
    file = settings.webhook_ca_file
    try:
        return HttpCourier(plain=settings.webhook_http, allowed=settings.networks, trust=trusting(file))
    except (OSError, ValueError) as error:
        raise HomeProblem(f"{file} cannot be read as certificates: {error}") from error


def _webhooks(core: Core, courier: Courier, masters: Masters) -> Webhooks:
    means = Means(core.reader, core.storage.outbox, courier, WebhookSecrets(masters), core.clock)
    return Webhooks(core.ledger, means)


def _services(core: Core, library: Library, courier: Courier) -> Services:
    reader, ledger, custody, clock = core.reader, core.ledger, core.custody, core.clock
    governance = Governance(_purposes(core.settings.purposes_file))
    masters = Masters(core.home.master_keys(core.settings.master_key_file))
    gate, withdrawn, budgets = Gate(reader, clock, governance), Withdrawn(reader), Budgets(reader, governance)
    planner, datasets = Planner(library, withdrawn, masters, TokenMap(core.storage).give), _datasets(core, library)
    data, spread = Data(gate, planner, Releases(ledger), reader), Spread(reader, planner)
    return Services(
        decisions=Decisions(ledger, reader),
        interventions=Interventions(ledger, reader, custody.document, clock),
        metrics=DecisionMetrics(reader, clock),
        keys=Keys(ledger, reader, custody.seal, clock),
        authenticator=Authenticator(reader, clock),
        evidence=Evidence(reader),
        bundles=_bundles(core),
        datasets=datasets,
        anonymization=Anonymization(datasets, reader, planner, library, withdrawn),
        policies=Policies(ledger, reader, clock, governance, noise=is_installed()),
        guardrails=Guardrails(ledger, reader, clock, governance),
        log=Log(reader, custody.ring),
        access=_access(core, governance, masters),
        approvals=Approvals(ledger, reader, clock, governance, good_ms=core.settings.approval_days * DAY_MS),
        sessions=Sessions(reader, clock),
        closing=Closing(ledger, reader, clock),
        data=data,
        aggregation=_aggregation(core, data, budgets),
        budgets=budgets,
        transforming=Transforming(data),
        operations=Operations(ledger, gate, planner, reader),
        events=Events(reader, planner),
        consent=Consent(ledger, reader, spread, clock),
        reversal=Reversal(ledger, reader, masters),
        forgetting=Forgetting(ledger, reader, masters),
        lineage=Lineage(reader, planner, spread),
        trail=Trail(reader),
        usage=UsageReport(reader, clock),
        webhooks=_webhooks(core, courier, masters),
        health=Health(ledger, reader),
        clock=clock,
    )


def _bounds(core: Core) -> Bounds:
    settings = core.settings
    return Bounds(
        cursor_secret=core.custody.cursor_secret,
        max_body_bytes=settings.max_body_bytes,
        max_batch_bytes=settings.max_batch_bytes,
        max_upload_bytes=settings.max_upload_bytes,
        body_timeout=settings.body_timeout,
        rate_limit=settings.rate_limit,
        base_url=settings.base_url,
    )


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    storage: Storage | None = None,
    library: Library | None = None,
    courier: Courier | None = None,
    accept_head: bool = False,
    accept_clock: bool = False,
) -> "Server":
    """The server as an ASGI application; see `open_core` for what is made and refused here."""
    core = open_core(settings, clock=clock, storage=storage, accept_head=accept_head, accept_clock=accept_clock)
    library = library or open_library(settings)
    courier = courier or _courier(settings)
    services = _services(core, library, courier)
    web = build(services, _bounds(core), log_requests=settings.log_requests)
    return Server(core, library, services, web)


class Server:
    """The ASGI application together with what it keeps open; the end of its lifespan closes it all."""

    def __init__(self, core: Core, library: Library, services: Services, web: ASGIApp) -> None:
        self.core = core
        self.library = library
        self.services = services
        self.dispatcher = Dispatcher(services.webhooks)
        self._web = web
        self._keeping: asyncio.Task[None] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[object] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer HTTP; on lifespan events start and end the background work."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._web(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Put right what an earlier stop left, then begin to note, to end and to send."""
        await asyncio.to_thread(recover_datasets, self.core.storage, self.core.ledger, self.library)
        await self.services.bundles.resume()
        self._keeping = asyncio.create_task(self._keep())
        self._sending = asyncio.create_task(self.dispatcher.run())
        if await asyncio.to_thread(self.core.storage.read, _has_datasets):
            self._warming = asyncio.create_task(
                asyncio.to_thread(importlib.import_module, "xase_server.engines.duckdb")
            )

    async def close(self) -> None:
        """End it, answer what waits for its commit, and give back the store."""
        for task in (self._keeping, self._sending):
            if task is not None:
                task.cancel()
        started = [each for each in (self._keeping, self._sending, self._warming) if each is not None]
        await asyncio.gather(*started, return_exceptions=True)
        await self.dispatcher.close()
        await self.services.bundles.close()
        await self.services.datasets.close()
        await asyncio.to_thread(self.services.data.planner.close)
        await asyncio.to_thread(self._note_use)
        await asyncio.to_thread(self.core.close)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_TOUCH_SECONDS)
            await asyncio.to_thread(self._note_use)
            await self._sweep()

    async def _sweep(self) -> None:
        try:
            await self.services.closing.sweep()
        except Refused as refused:  # the clock holds against expired sessions all the same
            _log.warning("expired sessions were not noted", reason=refused.message)

    def _note_use(self) -> None:
        used = self.services.authenticator.take_used()
        try:
            if used:
                self.core.storage.touch_keys(used)
        except StorageUnavailable:
            _log.warning("last use of keys was not noted", keys=len(used))


def _has_datasets(reads: Reads) -> bool:
    return next(every_dataset(reads), None) is not None


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A whole server inside another process, for `xase.Client.local`."""

    app: Server
    api_key: str

    async def start(self) -> None:
        """Begin the background work."""
        await self.app.start()

    async def close(self) -> None:
        """Commit what waits and close the store."""
        await self.app.close()


def local_transport(path: Path | str) -> LocalServer:
    """The server over the home folder `path`, made there when it is new, with its admin key."""
    server = create_app(Settings(home=Path(path)))
    return LocalServer(server, server.core.home.admin_key.read_text().strip())

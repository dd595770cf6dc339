"""The client."""

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

import httpx2

from xase._client import wire
from xase._client._async.access import AsyncAccess, AsyncSessions
from xase._client._async.approvals import AsyncApprovals
from xase._client._async.datasets import AsyncDatasets
from xase._client._async.evidence import AsyncEvidence
from xase._client._async.exchange import AsyncExchange
from xase._client._async.keys import AsyncKeys
from xase._client._async.ledger import AsyncLedger
from xase._client._async.lineage import AsyncLineage
from xase._client._async.oversight import AsyncAudit, AsyncUsage
from xase._client._async.policies import AsyncPolicies
from xase._client._async.records import AsyncRecords
from xase._client._async.webhooks import AsyncWebhooks
from xase._client.config import Options, SpoolLimits, configure
from xase.models import Identity

if TYPE_CHECKING:
    from xase._client.local import Local


class AsyncClient:
    """The way to a Xase server.

    `api_key` is else XASE_API_KEY, `base_url` XASE_BASE_URL or http://127.0.0.1:8000. `timeout` is
    the seconds one attempt may wait for the server, or a pair: to connect, to read. `deadline` is
    the seconds a whole call may take, its up to `max_retries` retries included. `transport` is any
    `httpx2` transport. `checkpoint_store` (XASE_STATE) is a file in which the newest signed
    checkpoint survives the process; `log_key` (XASE_LOG_KEY) the log's public key, text or file,
    that is trusted instead of the one the server shows first. `spool` (XASE_SPOOL) is the file for
    captured decisions.

    Use it in a `with` block or call `close`. Safe to share between threads or tasks. Raises
    ConfigurationError.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float | tuple[float, float] | None = None,
        deadline: float | None = 120.0,
        max_retries: int = 4,
        transport: httpx2.AsyncBaseTransport | None = None,
        checkpoint_store: str | os.PathLike[str] | None = None,
        log_key: str | os.PathLike[str] | None = None,
        spool: str | os.PathLike[str] | None = None,
        spool_limits: SpoolLimits | None = None,
    ) -> None:
        config = configure(
            environment=os.environ,
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            deadline=deadline,
            max_retries=max_retries,
            checkpoint_store=checkpoint_store,
            log_key=log_key,
            spool=spool,
            spool_limits=spool_limits,
        )
        self._local: Local | None = None
        self._exchange = AsyncExchange(config, transport)
        self.ledger = AsyncLedger(self._exchange)
        self.records = AsyncRecords(self._exchange, self.ledger, transport)
        self.evidence = AsyncEvidence(self._exchange, self.ledger)
        self.keys = AsyncKeys(self._exchange)
        self.datasets = AsyncDatasets(self._exchange)
        self.policies = AsyncPolicies(self._exchange)
        self.lineage = AsyncLineage(self._exchange)
        self.usage, self.audit = AsyncUsage(self._exchange), AsyncAudit(self._exchange)
        self.webhooks = AsyncWebhooks(self._exchange)
        self.sessions = AsyncSessions(self._exchange, self.evidence)
        self.approvals = AsyncApprovals(self._exchange)
        self.access = AsyncAccess(self._exchange, self.sessions)

    @classmethod
    def local(cls, path: str | os.PathLike[str], **options: Unpack[Options]) -> Self:
        """A client with the whole server in this process: no port, everything in the folder `path`.

        The first use of a folder makes keys and store there. Starting takes a moment, in which the
        caller waits. Raises ConfigurationError when the server packages are not installed.
        """
        from xase._client.local import Local

        home = Path(path).expanduser()
        running = Local(home)
        try:
            options.setdefault("spool", home / "spool.db")
            client = cls(api_key=running.api_key, base_url=running.base_url, transport=running.transport, **options)
        except BaseException:
            running.close()
            raise
        client._local = running
        return client

    async def whoami(self) -> Identity:
        """Whose key this is, and what it may do."""
        return Identity(await self._exchange.send(wire.call("GET", "/whoami")))

    async def close(self) -> None:
        """Give back what the client holds. Captured decisions get a moment to be delivered; the rest stays spooled."""
        await self.records.close()
        await self._exchange.close()
        if self._local is not None:
            self._local.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._exchange.config.base_url!r})"

"""The ASGI application: runs each request through the pipeline and sends what every answer carries."""

import time
import traceback
from collections.abc import AsyncGenerator
from typing import Any, Final

import structlog

from xase_server.domain.errors import Refused, unavailable
from xase_server.domain.ids import new_id
from xase_server.domain.quotas import TooFast
from xase_server.ports import StorageUnavailable
from xase_server.web.answer import Answer, is_known, tag_of
from xase_server.web.asgi import ASGIApp, Receive, Scope, Send
from xase_server.web.body import ClientGone
from xase_server.web.call import Call
from xase_server.web.credentials import single_headers
from xase_server.web.cursors import Cursors, SessionCursors
from xase_server.web.endpoints import ENDPOINTS
from xase_server.web.metrics import Metrics
from xase_server.web.pipeline import Pipeline
from xase_server.web.rates import Rates, quota_of
from xase_server.web.refusal import INTERNAL, refusal_answer
from xase_server.web.router import Router
from xase_server.web.services import Bounds, Services
from xase_server.web.site import Site
from xase_server.web.streaming import stream

_PROBLEM: Final = b"application/problem+json"
_OK: Final = 200
_CLIENT_GONE: Final = 499
_PROTECTION: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def build(services: Services, bounds: Bounds, *, log: Any = None, log_requests: bool = False) -> ASGIApp:
    """The application over these use cases.

    `log` is a structlog logger, by default the one named `xase.access`; defects are always logged, requests if asked.
    """
    return Application(services, bounds, log or structlog.get_logger("xase.access"), log_requests=log_requests)


class Application:
    """Answers HTTP and closes WebSockets; has nothing of its own to start or stop."""

    def __init__(self, services: Services, bounds: Bounds, log: Any, *, log_requests: bool) -> None:
        self._site = Site(
            services,
            Cursors(bounds.cursor_secret),
            SessionCursors(bounds.cursor_secret),
            Metrics(),
            ENDPOINTS,
            bounds.base_url,
        )
        self._log = log
        self._log_requests = log_requests
        self._pipeline = Pipeline(Router(ENDPOINTS), Rates(bounds.rate_limit), bounds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI server."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        call = Call(scope, receive, new_id("req"), self._site)
        try:
            answer = await self._answer(call)
            await self._send(call, answer, send)
        except (ClientGone, OSError):  # some servers say by OSError that the caller has left
            self._observe(call, _CLIENT_GONE, started)
        else:
            self._observe(call, answer.status, started)

    async def _answer(self, call: Call) -> Answer:
        """What the pipeline gives, or the error that its exception means."""
        try:
            call.headers = single_headers(call.scope)
            answer = await self._pipeline.run(call)
        except Refused as refusal:
            return self._refuse(call, refusal)
        except StorageUnavailable:
            return self._refuse(call, unavailable("The store cannot be used now"))
        except ClientGone:
            raise
        except Exception as defect:  # noqa: BLE001 - a defect must not reach the caller
            self._report(call, defect)
            return self._refuse(call, INTERNAL)
        return _tagged(call, answer)

    def _refuse(self, call: Call, refusal: Refused) -> Answer:
        if call.quota is None:  # no key was found: the address pays
            try:
                self._pipeline.count_address(call)
            except Refused as exceeded:
                refusal = exceeded
        if isinstance(refusal, TooFast) and not (call.quota and call.quota.exceeded):
            call.quota = quota_of(refusal)  # the session's, or its organisation's
        return refusal_answer(refusal, call.request_id, as_problem=_PROBLEM in call.headers.get(b"accept", b""))

    def _report(self, call: Call, defect: Exception) -> None:
        """Log where a defect lies; its message may hold what the caller sent and is left out."""
        frames = traceback.extract_tb(defect.__traceback__)
        self._log.error(
            "defect",
            request_id=call.request_id,
            endpoint=call.endpoint.name if call.endpoint else None,
            kind=type(defect).__name__,
            where=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
        )

    def _observe(self, call: Call, status: int, started: float) -> None:
        seconds = time.perf_counter() - started
        endpoint = call.endpoint
        template = endpoint.path if endpoint is not None else "unknown"
        method = endpoint.method if endpoint is not None else "unknown"
        self._site.metrics.observe(method, template, status, seconds)
        if not self._log_requests:
            return
        self._log.info(
            "request",
            method=method,
            path=template,
            status=status,
            ms=round(seconds * 1000, 2),
            request_id=call.request_id,
            key_id=call.principal.key_id if call.principal is not None else None,
        )

    async def _send(self, call: Call, answer: Answer, send: Send) -> None:
        try:
            await self._send_whole(call, answer, send)
        finally:
            if answer.chunks is not None:  # not begun, where only the head was asked for or sending it failed
                await answer.chunks.aclose()

    async def _send_whole(self, call: Call, answer: Answer, send: Send) -> None:
        headers = [
            (b"x-request-id", call.request_id.encode()),
            (b"content-security-policy", answer.policy),
            *_PROTECTION,
            *answer.headers,
        ]
        if call.quota is not None:
            headers += call.quota.headers()
        if answer.status not in {204, 304}:
            headers.append((b"content-type", answer.media))
            size = len(answer.body) if answer.chunks is None else answer.size
            if size is not None:
                headers.append((b"content-length", b"%d" % size))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if call.scope["method"] == "HEAD":
            await send({"type": "http.response.body"})
        elif answer.chunks is None:
            await send({"type": "http.response.body", "body": answer.body})
        else:
            await self._stream(call, answer.chunks, send)

    async def _stream(self, call: Call, chunks: AsyncGenerator[bytes | memoryview], send: Send) -> None:
        try:
            await stream(chunks, call.receive, send)
        except (ClientGone, OSError):
            raise
        except Refused as refusal:  # too late for an error: the answer ends short, and the caller sees that
            self._log.info("cut", request_id=call.request_id, error=refusal.kind.slug)
        except Exception as defect:  # noqa: BLE001 - its message must not reach the ASGI server's own log
            self._report(call, defect)


def _tagged(call: Call, answer: Answer) -> Answer:
    """The answer with its caching headers, or 304 when the caller has it already."""
    endpoint = call.endpoint
    if endpoint is None:
        return answer
    answer.headers.append((b"cache-control", endpoint.cache_control))
    if not endpoint.caching.tagged or answer.status != _OK:
        return answer
    tag = answer.etag or tag_of(answer.body)
    answer.headers.append((b"etag", tag))
    known = call.headers.get(b"if-none-match")
    if known is not None and is_known(tag, known):
        return Answer(status=304, headers=answer.headers, policy=answer.policy)
    return answer

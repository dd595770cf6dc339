"""Capturing decisions: taken in at once, delivered in the background."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from xase._client import wire
from xase._client._async.exchange import AsyncExchange
from xase._client.colour import async_in_thread

if TYPE_CHECKING:
    from xase._client.spool.outbox import Outbox, RejectedCapture, SpoolStatus


class AsyncCaptures:
    """The part of `client.records` that works through the local spool."""

    def __init__(self, exchange: AsyncExchange, transport: object = None) -> None:
        self._exchange = exchange
        self._transport = transport

    def capture(
        self,
        *,
        model_id: str,
        input: Mapping[str, Any],
        output: Mapping[str, Any],
        confidence: float | None = None,
        transaction_id: str | None = None,
        policy_id: str | None = None,
        context: Mapping[str, Any] | None = None,
        explanation: Mapping[str, Any] | None = None,
        model_version: str | None = None,
        model_hash: str | None = None,
    ) -> str:
        """Take a decision in and answer the id of the capture, in well under a millisecond.

        Nothing is sent yet and nothing waits for the network; in both clients this is a plain call.
        On return the decision is in the local spool: it survives the end of the process, however
        sudden, and reaches the server exactly once. (A power cut may lose the last moments before
        it.) `created_at` of the record will be the time of its delivery.

        Raises SpoolFull when the spool holds as much as it may, SpoolError when it cannot be
        written, ValueError or TypeError for what is not JSON.
        """
        body = wire.sent(
            model_id=model_id,
            input=input,
            output=output,
            confidence=confidence,
            transaction_id=transaction_id,
            policy_id=policy_id,
            context=context,
            explanation=explanation,
            model_version=model_version,
            model_hash=model_hash,
        )
        return self._outbox.add(wire.encode(body))

    @property
    def pending(self) -> int:
        """How many captured decisions the server has not acknowledged yet."""
        return self._outbox.status().waiting

    @property
    def spool(self) -> "SpoolStatus":
        """What the local spool holds, and why the last delivery failed, if it did."""
        return self._outbox.status()

    async def flush(self, timeout: float = 30.0) -> int:  # noqa: ASYNC109 - the same in both colours
        """Wait until the background has delivered everything, at most `timeout` seconds; how many still wait."""
        return await async_in_thread(self._outbox.flush, timeout)

    async def sync(self, timeout: float = 300.0) -> int:  # noqa: ASYNC109 - the same in both colours
        """Deliver everything now, not in the background; how many decisions the server acknowledged.

        Raises what keeps them from being delivered; they stay in the spool then. Raises SpoolError
        when another process went on delivering for `timeout` seconds.
        """
        return await async_in_thread(self._outbox.sync, timeout)

    async def rejected(self) -> "list[RejectedCapture]":
        """Captured decisions that were set aside, oldest first, each with the reason.

        The server refused them, or may hold them already without recognising a repetition (`slug`
        is `delivery_uncertain`). They stay until they are resubmitted or discarded.
        """
        return await async_in_thread(self._outbox.rejected)

    async def resubmit(self, capture_id: str) -> bool:
        """Deliver a rejected decision after all; whether there was one."""
        return await async_in_thread(self._outbox.resubmit, capture_id)

    async def discard(self, capture_id: str) -> bool:
        """Throw a rejected decision away for good; whether there was one."""
        return await async_in_thread(self._outbox.discard, capture_id)

    async def close(self) -> None:
        """Try for a moment to deliver what waits; what remains stays in the spool."""
        if "_outbox" in vars(self):
            await async_in_thread(self._outbox.close)

    @cached_property
    def _outbox(self) -> "Outbox":
        from xase._client.post import Post, borrow
        from xase._client.spool.outbox import Outbox

        config, transport = self._exchange.config, borrow(self._transport)
        return Outbox(config, lambda retries: Post(replace(config, max_retries=retries), transport))

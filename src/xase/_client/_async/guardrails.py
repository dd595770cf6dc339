"""Guardrails: policies that have a say on every dataset of their organisation."""

from collections.abc import Sequence

from xase._client import wire
from xase._client._async.exchange import AsyncExchange
from xase.models import GuardrailList, PolicyImpact


class AsyncGuardrails:
    """`client.policies.guardrails`: which policies of the caller's organisation guard all of its datasets."""

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange

    async def get(self) -> GuardrailList:
        """The guardrails in force, in order."""
        return GuardrailList(await self._exchange.send(wire.call("GET", "/guardrails")))

    async def set(self, policy_ids: Sequence[str], *, idempotency_key: str | None = None) -> GuardrailList:
        """These policies, and no others, guard from now on; none do for an empty list."""
        body = {"policy_ids": list(policy_ids)}
        call = wire.call("PUT", "/guardrails", body=body, idempotency_key=idempotency_key)
        return GuardrailList(await self._exchange.send(call))

    async def impact(self, policy_ids: Sequence[str]) -> PolicyImpact:
        """Which open sessions these as the guardrails would cut or narrow. Stores nothing."""
        body = {"policy_ids": list(policy_ids)}
        return PolicyImpact(await self._exchange.send(wire.call("POST", "/guardrails/impact", body=body)))

"""Policies: who may use a dataset for what."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from xase._client import wire
from xase._client._async.exchange import AsyncExchange
from xase._client._async.guardrails import AsyncGuardrails
from xase._client._async.paging import AsyncListing
from xase.models import Policy, PolicyImpact, PolicyVerdict

Written = Mapping[str, Any] | str | PathLike[str]


class AsyncPolicies:
    """`client.policies`: the policies of the caller's organisation.

    A policy is given as an object, or as the path of a file: JSON, or YAML by its name.
    """

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange
        self.guardrails = AsyncGuardrails(exchange)

    async def create(self, policy: Written, *, idempotency_key: str | None = None) -> Policy:
        """Version 1 of a new policy."""
        return Policy(await self._exchange.send(wire.document("POST", "/policies", policy, idempotency_key)))

    async def update(self, policy_id: str, policy: Written, *, idempotency_key: str | None = None) -> Policy:
        """The policy's next version, in force at once; the version there is when it says the same."""
        call = wire.document("PUT", f"/policies/{wire.segment(policy_id)}", policy, idempotency_key)
        return Policy(await self._exchange.send(call))

    async def get(self, policy_id: str, *, version: int | None = None) -> Policy:
        """The version in force, or another."""
        path = f"/policies/{wire.segment(policy_id)}" + ("" if version is None else f"/versions/{version}")
        return Policy(await self._exchange.send(wire.call("GET", path)))

    async def list(self, *, limit: int | None = None, offset: int | None = None) -> AsyncListing[Policy]:
        """The policies in force, newest first; `limit` is the page size."""
        params = {"limit": limit, "offset": offset}
        return await AsyncListing(self._exchange, "/policies", params, Policy).fetch()

    async def versions(
        self, policy_id: str, *, limit: int | None = None, offset: int | None = None
    ) -> AsyncListing[Policy]:
        """A policy's versions, newest first; `limit` is the page size."""
        params = {"limit": limit, "offset": offset}
        return await AsyncListing(
            self._exchange, f"/policies/{wire.segment(policy_id)}/versions", params, Policy
        ).fetch()

    async def simulate(
        self,
        policy_id: str,
        *,
        purpose: str,
        duration: str | None = None,
        model_id: str | None = None,
        organisation: str | None = None,
        role: str | None = None,
        jurisdiction: str | None = None,
        approvals: Sequence[Mapping[str, str]] | None = None,
    ) -> PolicyVerdict:
        """What the version in force says of such a request; `approvals` are `{approver, role}`. Stores nothing."""
        body = wire.sent(
            purpose=purpose,
            duration=duration,
            model_id=model_id,
            organisation=organisation,
            role=role,
            jurisdiction=jurisdiction,
            approvals=None if approvals is None else [dict(each) for each in approvals],
        )
        call = wire.call("POST", f"/policies/{wire.segment(policy_id)}/simulate", body=body)
        return PolicyVerdict(await self._exchange.send(call))

    async def impact(self, policy_id: str, policy: Written) -> PolicyImpact:
        """Which open sessions this as the policy's next version would cut or narrow. Stores nothing."""
        call = wire.document("POST", f"/policies/{wire.segment(policy_id)}/impact", policy)
        return PolicyImpact(await self._exchange.send(call))

"""One access session: its data, what is done with it, and its end."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from os import getpid
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from xase._client import wire
from xase._client._async.events import AsyncEvents, Telling
from xase._client._async.evidence import AsyncBundle, AsyncEvidence
from xase._client._async.exchange import AsyncExchange
from xase._client._async.stream import AsyncStream, Wish
from xase._client.questions import Chosen, Fields, Filter, Sort, as_body, as_parameters, ids_of, is_computed
from xase.errors import AccessRevoked, SessionClosed, SessionExpired
from xase.models import Aggregation, DataRecord, Facts, Operation, Records, SessionState, Transformed

if TYPE_CHECKING:
    from xase.training.torch import SessionDataset


class AsyncSession:
    """An access session. A `with` block closes it.

    Its attributes (`id`, `status`, `expires_at`, `obligations`, …) are those of `state`: what the
    server said last. Every method that reads data raises SessionExpired, AccessRevoked or SessionClosed
    once the session has ended, and QuotaExceeded or RateLimitExceeded where the terms say so.
    """

    id: str
    dataset_id: str
    dataset_version: int
    status: str
    purpose: str
    model_id: str | None
    created_at: str
    expires_at: str
    ended_at: str | None
    reason: str | None
    policy_id: str | None
    policy_version: int | None
    obligations: Facts
    usage_stats: Facts | None

    def __init__(self, exchange: AsyncExchange, evidence: AsyncEvidence, state: SessionState) -> None:
        self._exchange = exchange
        self._evidence = evidence
        self.state = state

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "state":
            raise AttributeError(name)
        return getattr(self.state, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *type(self).__annotations__})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id}, {self.status}, dataset={self.dataset_id}, purpose={self.purpose!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.close()
        except (AccessRevoked, SessionClosed, SessionExpired):
            pass  # it is over, which is all that was wanted
        except Exception:
            if error is None:  # what broke the block says more
                raise

    # -------------------------------------------------------------- data

    def stream(
        self,
        *,
        batch_size: int = 32,
        filter: Filter | None = None,
        fields: Fields | None = None,
        sort: Sort | None = None,
        cursor: str | None = None,
        order: str | None = None,
        seed: int | None = None,
        epoch: int | None = None,
        prefetch: int = 1,
        progress: bool | None = None,
    ) -> AsyncStream:
        """The data records that match, batch after batch, up to `prefetch` batches read ahead.

        `cursor` goes on where an earlier stream stood, and is then the whole question. `order="shuffle"`
        with `seed` and `epoch` is a permutation that the server computes. With pyarrow installed the
        batches come as Arrow in one answer, of up to 65,536 records; without it, and with computed
        `fields`, as JSON, of up to 100.
        `progress` is shown on a terminal and in notebooks unless it is False.
        """
        wish = Wish(
            path=f"{self._path}/stream",
            params={**as_parameters(filter, fields, sort), "order": order, "seed": seed, "epoch": epoch},
            batch_size=batch_size,
            cursor=cursor,
            prefetch=prefetch,
            is_bulk=_may_be_arrow(fields),
            progress=progress,
        )
        return AsyncStream(self._exchange, wish)

    async def filter(
        self,
        query: Filter | None = None,
        *,
        filter: Filter | None = None,
        fields: Fields | None = None,
        sort: Sort | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Records:
        """The data records that match `query` (`filter` is the same), at most `limit` of them: 100, up to 1,000.

        `cursor` is an answer's `next_cursor`, and carries its question on. Raises InvalidQuery.
        """
        if query is not None and filter is not None:
            raise TypeError("query and filter are one: give one of them")
        body = wire.sent(limit=limit, cursor=cursor) | as_body(query if filter is None else filter, fields, sort)
        answer = await self._post("filter", body)
        return Records(
            answer["records"],
            total_matched=answer.get("total_matched"),
            has_more=answer.get("has_more", False),
            next_cursor=answer.get("next_cursor"),
            batch_id=answer.get("batch_id"),
        )

    async def get_record(self, record_id: str) -> DataRecord:
        """One data record. Raises NotFound, also for one that the session does not see."""
        path = f"{self._path}/records/{wire.segment(record_id)}"
        return DataRecord(await self._exchange.send(wire.call("GET", path)))

    async def aggregate(self, pipeline: Sequence[Mapping[str, Any]]) -> Aggregation:
        """The results of a pipeline, computed by the server. Raises InvalidQuery, GroupTooSmall, BudgetExhausted."""
        answer = await self._post("aggregate", {"pipeline": list(pipeline)})
        return Aggregation(
            answer["results"],
            aggregation_id=answer.get("aggregation_id"),
            evidence_id=answer.get("evidence_id"),
            epsilon=answer.get("epsilon"),
            epsilon_spent=answer.get("epsilon_spent"),
            epsilon_left=answer.get("epsilon_left"),
        )

    async def transform(
        self,
        records: Chosen | None = None,
        *,
        record_ids: Sequence[str] | None = None,
        transformation: str,
        parameters: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Transformed:
        """Data records, by themselves or by id, after a transformation by the server.

        It comes on top of what the policy imposes and can only strengthen it.
        """
        chosen = ids_of(_one_of(records, record_ids))
        asked = wire.sent(transformation=transformation, parameters=parameters, metadata=metadata)
        answer = await self._post("transform", {"record_ids": chosen, **asked}, idempotency_key)
        return Transformed(
            answer["transformed_records"],
            transformation_id=answer["transformation_id"],
            evidence_url=answer.get("evidence_url"),
        )

    async def record_operation(
        self,
        *,
        operation_type: str,
        records: Chosen | None = None,
        batch_ids: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Operation:
        """Record what was done (`TRAIN`, `ANALYZE`, `VALIDATE`, …) with data records, or with whole batches.

        When this returns it is durable, in the log. The answer's `reconciliation` compares the claim
        with what this session received.
        """
        named = {"batch_ids": list(batch_ids)} if batch_ids is not None else {}
        if records is not None or not named:
            named["records"] = ids_of(_one_of(records, None))
        body = {"operation_type": operation_type, **named, **wire.sent(metadata=metadata)}
        return Operation(await self._post("operations", body, idempotency_key))

    def dataset(
        self,
        *,
        batch_size: int = 256,
        filter: Filter | None = None,
        fields: Fields | None = None,
        seed: int = 0,
        epoch: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        convert: Callable[[DataRecord], Any] | None = None,
    ) -> "SessionDataset":
        """An iterable dataset for PyTorch's loaders, in a keyed order, with `state_dict` and `load_state_dict`.

        Each item is a data record, or what `convert` makes of it; `batch_size` is what the server
        delivers at once. Raises ConfigurationError without torch.
        """
        from xase._client.loading import Reading, session_dataset

        reading = Reading(
            config=self._exchange.config,
            path=f"{self._path}/stream",
            question=as_parameters(filter, fields, None),
            batch_size=batch_size,
            is_bulk=_may_be_arrow(fields),
            transport=self._exchange.transport,
            process=getpid(),
        )
        return session_dataset(reading, convert=convert, seed=seed, epoch=epoch, rank=rank, world_size=world_size)

    # -------------------------------------------------------------- its story and its end

    def events(self, *, start: int = 0, follow: bool = False, page_size: int = 100) -> AsyncEvents:
        """The session's ledger entries in order, from sequence `start` on, fetched as they are read.

        With `follow` the iterator goes on as entries are written, over broken connections too, and
        ends with the session.
        """
        return AsyncEvents(self._exchange, Telling(f"{self._path}/events", start, page_size, follow))

    async def refresh(self) -> Self:
        """This session, with its state as it is now."""
        self.state = SessionState(await self._exchange.send(wire.call("GET", self._path)))
        return self

    async def close(self, reason: str | None = None) -> Self:
        """This session, ended by those who use it; doing it again is no error. What it delivered stays in the log."""
        self.state = SessionState(await self._post("close", wire.sent(reason=reason)))
        return self

    async def get_evidence(
        self, *, purpose: str | None = None, format: str | None = None, include_operations: bool | None = None
    ) -> AsyncBundle:
        """Have a bundle made of all that happened in this session. It may still be in the making."""
        return await self._evidence.export(
            session_id=self.id, purpose=purpose, format=format, include_operations=include_operations
        )

    @property
    def _path(self) -> str:
        return f"/sessions/{wire.segment(self.id)}"

    async def _post(self, verb: str, body: Mapping[str, Any], idempotency_key: str | None = None) -> Any:
        call = wire.call("POST", f"{self._path}/{verb}", body=body, idempotency_key=idempotency_key)
        return await self._exchange.send(call)


def _may_be_arrow(fields: Fields | None) -> bool:
    return find_spec("pyarrow") is not None and not is_computed(fields)


def _one_of(records: Chosen | None, record_ids: Sequence[str] | None) -> Chosen:
    chosen = record_ids if records is None else records
    if chosen is None or (records is not None and record_ids is not None):
        raise TypeError("give records or their ids, one of the two")
    return chosen

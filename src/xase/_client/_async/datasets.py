"""Datasets: registered, given data, described, archived."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import IO, Any, Final

from xase._client import wire
from xase._client._async.exchange import AsyncExchange
from xase._client._async.paging import AsyncListing
from xase._client.colour import async_sleep
from xase._client.progress import Progress
from xase._client.sources import Source, source_of
from xase.errors import ConfigurationError, DatasetError, DeadlineExceeded
from xase.models import (
    DatasetBudget,
    DatasetProfile,
    DatasetRisk,
    DatasetSchema,
    DatasetState,
    DatasetVersion,
    Reversal,
    TokenErasure,
    Withdrawal,
)

File = str | PathLike[str] | IO[bytes]
Watch = Callable[[int, int | None], None]

FIRST_LOOK: Final = 0.05  # seconds; doubled at each look
LONGEST_LOOK: Final = 5.0


class AsyncDatasets:
    """`client.datasets`: the organisation's datasets, and those that others offer it.

    Wherever a dataset is named, its id and its name will do.
    """

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange

    async def register(
        self,
        *,
        name: str,
        file: File | None = None,
        data: Any = None,
        source: str | None = None,
        format: str | None = None,
        description: str | None = None,
        id_field: str | None = None,
        subject_field: str | None = None,
        fields: Mapping[str, Mapping[str, Any]] | None = None,
        policy_id: str | None = None,
        wait: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 - the same in both colours
        progress: Watch | None = None,
        idempotency_key: str | None = None,
    ) -> DatasetState:
        """A new dataset, with its data unless none is given, ready for use unless not waited for.

        The data is a `file` (a path, or a file open for reading bytes), a table as `data` (pyarrow,
        pandas, polars), or a `source`: a file under a storage root of the server. `progress` is called
        with the bytes sent and their number; by default a terminal shows a bar. Raises DatasetError when
        the data cannot be read, DeadlineExceeded after `timeout` seconds.
        """
        given = source_of(file, data)
        if given is not None and source is not None:
            raise ConfigurationError("give one of file, data and source")
        body = wire.sent(
            name=name,
            description=description,
            source=source,
            format=format if given is None else None,
            id_field=id_field,
            subject_field=subject_field,
            fields=None if fields is None else {path: dict(note) for path, note in fields.items()},
            policy_id=policy_id,
        )
        call = wire.call("POST", "/datasets", body=body, idempotency_key=idempotency_key)
        made = DatasetState(await self._exchange.send(call))
        if given is not None:
            key = None if idempotency_key is None else f"{idempotency_key}-data"
            made = await self._send(made.dataset_id, given, {"format": format}, progress, key)
        if not wait or (given is None and source is None):
            return made
        return await self.wait(made.dataset_id, timeout=timeout)

    async def upload(
        self,
        dataset: str,
        *,
        file: File | None = None,
        data: Any = None,
        format: str | None = None,
        mode: str | None = None,
        wait: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 - the same in both colours
        progress: Watch | None = None,
        idempotency_key: str | None = None,
    ) -> DatasetState:
        """The dataset with this data as its next version, as `register` takes it.

        The records come in place of those there are, or with `mode="append"` behind them.
        """
        given = source_of(file, data)
        if given is None:
            raise ConfigurationError("give file or data")
        params = {"format": format, "mode": mode}
        state = await self._send(dataset, given, params, progress, idempotency_key)
        return await self.wait(state.dataset_id, timeout=timeout) if wait else state

    async def add_version(
        self,
        dataset: str,
        *,
        source: str,
        mode: str,
        format: str | None = None,
        wait: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 - the same in both colours
        idempotency_key: str | None = None,
    ) -> DatasetState:
        """The dataset with a file under a storage root of the server as its next version; `mode` as in `upload`."""
        path = f"/datasets/{wire.segment(dataset)}/versions"
        body = wire.sent(source=source, mode=mode, format=format)
        call = wire.call("POST", path, body=body, idempotency_key=idempotency_key)
        state = DatasetState(await self._exchange.send(call))
        return await self.wait(state.dataset_id, timeout=timeout) if wait else state

    async def wait(
        self,
        dataset: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the same in both colours
    ) -> DatasetState:
        """The dataset once no data of it is being read any more.

        Raises DatasetError when its last version could not be made, DeadlineExceeded after `timeout` seconds.
        """
        limit, pause = time.monotonic() + (float("inf") if timeout is None else timeout), FIRST_LOOK
        state = await self.get(dataset)
        while state.progress is not None or state.status == "PROCESSING":
            if time.monotonic() + pause > limit:
                raise DeadlineExceeded(f"dataset {dataset} was not ready after {timeout:g} seconds")
            await async_sleep(pause)
            pause = min(2 * pause, LONGEST_LOOK)
            state = await self.get(dataset)
        failure = state.failure or state.last_failure
        if failure is not None:
            raise DatasetError(f"no new version of {dataset} could be made: {failure}")
        return state

    async def get(self, dataset: str) -> DatasetState:
        """One dataset as it is now."""
        return DatasetState(await self._exchange.send(wire.call("GET", f"/datasets/{wire.segment(dataset)}")))

    async def list(
        self, *, name: str | None = None, status: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> AsyncListing[DatasetState]:
        """The datasets that the organisation may see, in the order of their registration; `limit` is the page size."""
        params = {"name": name, "status": status, "limit": limit, "offset": offset}
        return await AsyncListing(self._exchange, "/datasets", params, DatasetState).fetch()

    async def versions(
        self, dataset: str, *, limit: int | None = None, offset: int | None = None
    ) -> AsyncListing[DatasetVersion]:
        """The versions of one of the organisation's own datasets, newest first."""
        params = {"limit": limit, "offset": offset}
        path = f"/datasets/{wire.segment(dataset)}/versions"
        return await AsyncListing(self._exchange, path, params, DatasetVersion).fetch()

    async def schema(self, dataset: str) -> DatasetSchema:
        """The fields of the newest version, those that are offered to the caller."""
        path = f"/datasets/{wire.segment(dataset)}/schema"
        return DatasetSchema(await self._exchange.send(wire.call("GET", path)))

    async def profile(self, dataset: str) -> DatasetProfile:
        """What the values of each field are like; of the organisation's own datasets only."""
        path = f"/datasets/{wire.segment(dataset)}/profile"
        return DatasetProfile(await self._exchange.send(wire.call("GET", path)))

    async def budget(self, dataset: str) -> DatasetBudget:
        """What noisy answers about it have cost, and what is left; of the organisation's own datasets only."""
        path = f"/datasets/{wire.segment(dataset)}/budget"
        return DatasetBudget(await self._exchange.send(wire.call("GET", path)))

    async def anonymize(
        self,
        dataset: str,
        *,
        name: str,
        k: int,
        l: int | None = None,  # noqa: E741 - as everybody writes it
        quasi_identifiers: Sequence[str] | None = None,
        sensitive: Sequence[str] | None = None,
        suppression_max: float | None = None,
        wait: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 - the same in both colours
        idempotency_key: str | None = None,
    ) -> DatasetState:
        """The dataset `name` with a next version made of this one, in which so many people or records look alike.

        Fields are generalised, and at most the share `suppression_max` of records left out, until each class
        has `k` and holds `l` values of each sensitive field. Which fields those are is by default what their
        classes say. Raises DatasetError when that cannot be reached, DeadlineExceeded after `timeout` seconds.
        """
        body = wire.sent(
            name=name,
            k=k,
            l=l,
            quasi_identifiers=None if quasi_identifiers is None else list(quasi_identifiers),
            sensitive=None if sensitive is None else list(sensitive),
            suppression_max=suppression_max,
        )
        path = f"/datasets/{wire.segment(dataset)}/anonymize"
        call = wire.call("POST", path, body=body, idempotency_key=idempotency_key)
        state = DatasetState(await self._exchange.send(call))
        return await self.wait(state.dataset_id, timeout=timeout) if wait else state

    async def risk(
        self,
        dataset: str,
        *,
        version: int | None = None,
        quasi_identifiers: Sequence[str] | None = None,
        sensitive: Sequence[str] | None = None,
    ) -> DatasetRisk:
        """How easily the records of a version, by default the newest, are recognised; of own datasets only.

        With `quasi_identifiers` that is found out now, by these fields; without, it is the report that an
        anonymised version was made with.
        """
        number = version or (await self.get(dataset)).version
        path = f"/datasets/{wire.segment(dataset)}/versions/{number}/risk"
        if quasi_identifiers is None:
            return DatasetRisk(await self._exchange.send(wire.call("GET", path)))
        body = wire.sent(
            quasi_identifiers=list(quasi_identifiers), sensitive=None if sensitive is None else list(sensitive)
        )
        return DatasetRisk(await self._exchange.send(wire.call("POST", path, body=body)))

    async def update(
        self,
        dataset: str,
        *,
        description: str | None = None,
        fields: Mapping[str, Mapping[str, Any]] | None = None,
        policy_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> DatasetState:
        """The dataset with another description, other notes on fields, another policy; `policy_id=""` takes it away."""
        body: dict[str, Any] = wire.sent(
            description=description,
            fields=None if fields is None else {path: dict(note) for path, note in fields.items()},
        )
        if policy_id is not None:
            body["policy_id"] = policy_id or None
        path = f"/datasets/{wire.segment(dataset)}"
        return DatasetState(
            await self._exchange.send(wire.call("PATCH", path, body=body, idempotency_key=idempotency_key))
        )

    async def archive(self, dataset: str) -> DatasetState:
        """The dataset, on which no new session can be opened; doing it again changes nothing."""
        return DatasetState(await self._exchange.send(wire.call("DELETE", f"/datasets/{wire.segment(dataset)}")))

    async def withdraw(
        self, dataset: str, *, subject: str | int, reason: str | None = None, idempotency_key: str | None = None
    ) -> Withdrawal:
        """The withdrawal of a person's consent: no later batch of any session holds a record of theirs.

        `subject` is the person as the dataset's `subject_field` names them. It says which sessions had
        received their records, and which models were made in those; datasets that were made of this one count too.
        """
        path = f"/datasets/{wire.segment(dataset)}/subjects/withdraw"
        body = wire.sent(subject=subject, reason=reason)
        return Withdrawal(
            await self._exchange.send(wire.call("POST", path, body=body, idempotency_key=idempotency_key))
        )

    async def detokenize(
        self, dataset: str, tokens: Iterable[str], *, reason: str, idempotency_key: str | None = None
    ) -> Reversal:
        """What tokens of an own dataset stand for, up to 1,000 at once; the ledger says who asked, and why."""
        path = f"/datasets/{wire.segment(dataset)}/detokenize"
        body = {"tokens": list(tokens), "reason": reason}
        return Reversal(await self._exchange.send(wire.call("POST", path, body=body, idempotency_key=idempotency_key)))

    async def erase_tokens(
        self,
        dataset: str,
        *,
        tokens: Iterable[str] | None = None,
        values: Iterable[str] | None = None,
        reason: str,
        idempotency_key: str | None = None,
    ) -> TokenErasure:
        """These tokens of an own dataset, or all of these values, stand for nothing from then on; the ledger says so.

        A value that still leaves is given a new token: withdraw the person's consent first.
        """
        path = f"/datasets/{wire.segment(dataset)}/tokens/erase"
        body = wire.sent(
            tokens=None if tokens is None else list(tokens),
            values=None if values is None else list(values),
            reason=reason,
        )
        call = wire.call("POST", path, body=body, idempotency_key=idempotency_key)
        return TokenErasure(await self._exchange.send(call))

    async def _send(
        self,
        dataset: str,
        given: Source,
        params: Mapping[str, Any],
        progress: Watch | None,
        idempotency_key: str | None,
    ) -> DatasetState:
        call = wire.upload(f"/datasets/{wire.segment(dataset)}/data", given, params, idempotency_key)
        done = 0
        with Progress("sending", is_wanted=None if progress is None else False, unit="bytes") as bar:

            def sent(count: int) -> None:
                nonlocal done
                done += count
                bar.add(count, given.size)
                if progress is not None:
                    progress(done, given.size)

            return DatasetState(await self._exchange.upload(call, given, sent))

"""Lists that fetch their pages as they are read."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from xase._client import wire
from xase._client._async.exchange import AsyncExchange
from xase._client.pages import next_params
from xase.errors import UnexpectedAnswer
from xase.models import Model, Page

T = TypeVar("T", bound=Model)


class AsyncListing(Generic[T]):
    """Everything that matches, newest first unless asked otherwise.

    Iterating yields every object of every page, fetching pages as they are needed. `data`, `total`,
    `limit`, `offset` and `next_cursor` are those of the first page, which is there already. `len()`
    is `total`: how many there were when the first page was read, exactly, whatever the page size.
    """

    def __init__(self, exchange: AsyncExchange, path: str, params: Mapping[str, Any], kind: type[T]) -> None:
        self._exchange = exchange
        self._path = path
        self._params = dict(params)
        self._kind = kind
        self._first: Page | None = None

    @property
    def page(self) -> Page:
        """The first page."""
        assert self._first is not None, "a listing is made by `fetch`"
        return self._first

    @property
    def data(self) -> Sequence[T]:
        """The objects of the first page."""
        return self.page.data

    @property
    def total(self) -> int:
        """How many match in all."""
        return self.page.total

    @property
    def limit(self) -> int:
        """The page size."""
        return self.page.limit

    @property
    def offset(self) -> int:
        """How many were skipped before the first page."""
        return self.page.offset

    @property
    def next_cursor(self) -> str | None:
        """Where the second page begins; None when there is none."""
        return self.page.next_cursor

    def __len__(self) -> int:
        return self.total

    def __bool__(self) -> bool:
        return self.total > 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._kind.__name__}, total={self.total})"

    async def fetch(self) -> "AsyncListing[T]":
        """This listing, with its first page read."""
        self._first = await self._get(self._params)
        return self

    async def pages(self) -> AsyncIterator[Page]:
        """Page after page, beginning with the first."""
        page, params = self.page, self._params
        while True:
            yield page
            following = next_params(params, page)
            if following is None:
                return
            params, page = following, await self._get(following)

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for each in page.data:
                yield each

    async def _get(self, params: Mapping[str, Any]) -> Page:
        answer = await self._exchange.send(wire.call("GET", self._path, params=params))
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            raise UnexpectedAnswer("the server answered a list request with something that is not a list")
        return Page.of(self._kind, answer)

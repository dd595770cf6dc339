"""What a training dataset reads from: a stream of its own for each reader, in whatever process that is."""

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from os import getpid
from typing import TYPE_CHECKING, Any, Final

from xase._client._sync.exchange import Exchange
from xase._client._sync.stream import Stream, Wish
from xase._client.config import Config
from xase._client.post import borrow
from xase.errors import ConfigurationError
from xase.models import DataRecord
from xase.models.tables import need
from xase.training.order import Share

if TYPE_CHECKING:
    from xase.training.torch import SessionDataset

_JSON_PAGE: Final = 100


@dataclass(frozen=True)
class Reading:
    """Opens streams of one session. Workers get a copy, and connect by themselves.

    A `transport` of the caller's own stays in the process that made it.
    """

    config: Config
    path: str
    question: Mapping[str, Any]
    batch_size: int
    is_bulk: bool
    transport: object = None
    process: int = 0

    def __call__(self, share: Share) -> Generator[DataRecord, None, None]:
        """The data records of a share, in its order. Raises what a stream raises."""
        if self.transport is not None and self.process != getpid():
            raise ConfigurationError("a client with a transport of its own feeds no workers: num_workers=0")
        order = {"order": "shuffle", "seed": share.seed, "epoch": share.epoch, "position": share.position}
        wish = Wish(
            self.path,
            {**self.question, **order, "rank": share.reader, "world_size": share.readers},
            batch_size=self.batch_size if self.is_bulk else min(self.batch_size, _JSON_PAGE),
            is_bulk=self.is_bulk,
            progress=False,
        )
        with closing(Exchange(self.config, borrow(self.transport))) as exchange, Stream(exchange, wish) as stream:
            for batch in stream:
                yield from batch


def session_dataset(reading: Reading, *, convert: Callable[[DataRecord], Any] | None, **order: Any) -> "SessionDataset":
    """The dataset over what is read. Raises ConfigurationError without torch."""
    need("torch")
    from xase.training.torch import SessionDataset

    return SessionDataset(reading, convert=convert, **order)

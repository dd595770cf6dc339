"""A session's data as an iterable dataset of PyTorch. Importing this module imports torch."""

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from typing import Any

import torch.distributed
import torch.utils.data

from xase.models import DataRecord
from xase.training.order import Run, Share

Source = Callable[[Share], Generator[DataRecord, None, None]]


class SessionDataset(torch.utils.data.IterableDataset):  # type: ignore[misc] # torch may not be there to check
    """Data records in a keyed order; each rank and each worker of its loaders reads a share of its own.

    `rank` and `world_size` are those of torch.distributed, else of the environment, unless they are
    given. `convert` makes of a data record what the loader collates. Iterating goes on where the
    state stands, and begins anew what it has itself finished; `set_epoch` chooses the order.
    """

    def __init__(
        self,
        source: Source,
        *,
        seed: int = 0,
        epoch: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        convert: Callable[[DataRecord], Any] | None = None,
    ) -> None:
        super().__init__()
        self._source = source
        self._run = Run(seed, epoch)
        self._rank, self._world_size = _place(rank, world_size)
        self._convert = convert
        self._is_finished = False

    def set_epoch(self, epoch: int) -> None:
        """Begin this epoch's order; one that is under way goes on."""
        if epoch != self._run.epoch:
            self._begin(Run(self._run.seed, epoch))

    def state_dict(self) -> dict[str, Any]:
        """Where this reader stands, as plain data; behind the last item that was handed out."""
        return self._run.to_state()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state: a reader's own, or `xase.training.order.merged` of all for another number of readers."""
        self._begin(Run.from_state(state))

    def __iter__(self) -> Iterator[Any]:
        if self._is_finished:
            self._begin(Run(self._run.seed, self._run.epoch))
        reader, readers = self._reader()
        self._run = self._run.shared_by(readers).known(reader)
        with closing(self._source(self._run.share(reader))) as records:
            for record in records:
                place = self._run.place(reader)
                self._run = self._run.after(reader)
                if place not in self._run.early:
                    yield record if self._convert is None else self._convert(record)
        self._is_finished = True

    def _begin(self, run: Run) -> None:
        self._run, self._is_finished = run, False

    def _reader(self) -> tuple[int, int]:
        """Which reader this is, of how many: workers of all ranks, numbered through."""
        worker = torch.utils.data.get_worker_info()
        number, count = (0, 1) if worker is None else (worker.id, worker.num_workers)
        return self._rank * count + number, self._world_size * count


def _place(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """The rank of this process and how many there are."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        known = torch.distributed.get_rank(), torch.distributed.get_world_size()
    else:
        known = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    return known[0] if rank is None else rank, known[1] if world_size is None else world_size

"""Data that has arrived, and the version that is being made of it."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Literal

from xase_server.domain.datasets import FieldNote, FileFormat
from xase_server.domain.principals import Principal
from xase_server.ports import Anonymity, Progress
from xase_server.services.outcome import Once

Mode = Literal["append", "replace"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Data that lies in a file of this server; `passing` when the file is removed once it was read."""

    path: Path
    format: FileFormat | None
    mode: Mode
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Derivation:
    """A version of the dataset `source` that is to be anonymised into another dataset.

    `withdrawn` is how many people had withdrawn by then: their records are withheld. `notes` are what the
    source's holder says of its fields.
    """

    source: str
    version: int
    withdrawn: int
    anonymity: Anonymity
    notes: dict[str, FieldNote]
    mode: Literal["anonymize"] = "anonymize"


@dataclass(slots=True, eq=False)
class Job:
    """One version in the making."""

    who: Principal
    dataset_id: str
    number: int
    origin: Arrival | Derivation
    once: Once | None
    progress: Progress = field(default_factory=lambda: Progress(0, 0, 0))
    too_large: str | None = None
    cancelled: Event = field(default_factory=Event)
    task: "asyncio.Task[None] | None" = None

    def note(self, progress: Progress) -> None:
        """How far the reading has come."""
        self.progress = progress

    async def wait(self, seconds: float) -> None:
        """Until it is over, one way or another, or the time is."""
        assert self.task is not None, "a job runs from its beginning"
        await asyncio.wait({self.task}, timeout=seconds)

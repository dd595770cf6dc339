"""Deciding anew when what a decision rested on has moved before it was appended."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from xase_server.domain.errors import Refused
from xase_server.domain.objects import Stale

T = TypeVar("T")

_ATTEMPTS: Final = 8


async def until_it_stands(attempt: Callable[[], Awaitable[T]]) -> T:
    """What `attempt` gives, which reads, decides and appends; it is made again for as long as it comes too late.

    Raises `conflict` when others kept changing the same thing.
    """
    moved = Stale(())
    for _ in range(_ATTEMPTS):
        try:
            return await attempt()
        except Stale as stale:
            moved = stale
    raise Refused(
        "conflict",
        "Others are changing this at the same time",
        {"changed": [ref.id for ref in moved.moved]},
    )

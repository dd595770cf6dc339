"""The few things that differ by colour and are not the HTTP client's; `scripts/unasync.py` swaps each pair."""

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def async_sleep(seconds: float) -> None:
    """Let the event loop go on for this long."""
    import asyncio

    await asyncio.sleep(seconds)


def sleep(seconds: float) -> None:
    """Wait this long."""
    time.sleep(seconds)


async def async_in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` gives, without holding up the event loop."""
    import asyncio

    return await asyncio.to_thread(work, *args, **kwargs)


def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` gives: a caller without an event loop may as well wait for it itself."""
    return work(*args, **kwargs)

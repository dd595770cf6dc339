"""What an answer means for a batch, and one step of delivering."""

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from xase._client.spool.store import Batch, Spool
from xase.errors import APIError, ConnectionFailed, IdempotencyInProgress, IdempotencyMismatch, XaseError

Send = Callable[[bytes, str], None]
"""Delivers a batch's content under an idempotency key; returning means that the server acknowledged it."""

IN_DOUBT: Final = (
    "sent before without an answer, more than 23 hours ago or with another API key: "
    "the server may hold it already and would not recognise it"
)
_ABOUT_CONTENT: Final = frozenset({400, 409, 413, 422})
_FIRST_SERVER_ERROR: Final = 500


class Verdict(Enum):
    """What becomes of a batch that was not acknowledged."""

    KEEP = auto()  # it may be stored already: send exactly the same again later
    KEEP_UNSENT = auto()  # it is certainly not stored: send it again later
    SPLIT = auto()  # certainly not stored, because of one of its decisions: find out which
    REJECT = auto()  # it will never be accepted


def judge(error: XaseError, size: int) -> Verdict:
    """The verdict on a batch of `size` decisions that met `error`."""
    if isinstance(error, ConnectionFailed):
        return Verdict.KEEP_UNSENT
    if (
        not isinstance(error, APIError)
        or error.status >= _FIRST_SERVER_ERROR
        or isinstance(error, IdempotencyInProgress)
    ):
        return Verdict.KEEP
    if isinstance(error, IdempotencyMismatch):  # stored once with other content: splitting could store it twice
        return Verdict.REJECT
    if error.status in _ABOUT_CONTENT:
        return Verdict.SPLIT if size > 1 else Verdict.REJECT
    return Verdict.KEEP_UNSENT  # the key, the address or the rate is at fault, not the decisions


def deliver_next(spool: Spool, send: Send) -> int | None:
    """Deliver one batch; the number of decisions acknowledged, or None when nothing waits.

    0 means that the batch was split or set aside and there is more to do. Raises the `XaseError`
    that keeps the batch from being delivered now; nothing is lost by it.
    """
    batch = spool.next_batch()
    if batch is None:
        return None
    if spool.is_in_doubt(batch):
        spool.reject(batch, status=None, slug="delivery_uncertain", error=IN_DOUBT)
        return 0
    try:
        send(batch.content, batch.id)
    except XaseError as error:
        return _after(spool, batch, error)
    spool.settle(batch)
    return len(batch.numbers)


def _after(spool: Spool, batch: Batch, error: XaseError) -> int:
    match judge(error, len(batch.numbers)):
        case Verdict.SPLIT:
            spool.split(batch)
            return 0
        case Verdict.REJECT:
            status = error.status if isinstance(error, APIError) else None
            slug = error.slug if isinstance(error, APIError) else ""
            spool.reject(batch, status=status, slug=slug, error=str(error))
            return 0
        case Verdict.KEEP_UNSENT:
            spool.unsend(batch)
            raise error
        case Verdict.KEEP:
            raise error

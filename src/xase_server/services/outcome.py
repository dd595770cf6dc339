"""What a use case answers, and how the same answer is given again to a repeated request.

An idempotency claim stores a reference to what was made, not the answer's bytes: a replay after
an erasure must not bring the erased content back. Secrets are stored sealed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from msgspec.json import decode, encode

from xase_server.domain.entries import Claim, Replayed
from xase_server.domain.errors import Refused
from xase_server.services.reading import Reader


@dataclass(frozen=True, slots=True)
class Once:
    """A caller's wish that its request takes effect once: idempotency key, and the digest of the request."""

    scope: str
    key: str
    request: bytes


class Outcome(Struct, frozen=True):
    """A body to send; `replayed` when an earlier request with the same idempotency key made it."""

    body: Any
    replayed: bool = False


class Remembered(Struct, omit_defaults=True, frozen=True):
    """The stored form of an answer: ids to rebuild it from, or a body without personal content, or a sealed one."""

    ids: list[str] | UnsetType = UNSET
    body: Mapping[str, Any] | UnsetType = UNSET
    sealed: bytes | UnsetType = UNSET


def remember(once: Once | None, answer: Remembered) -> Claim | None:
    """What is stored with the effect, so that a repetition of the request gets the same answer."""
    return None if once is None else Claim(once.scope, once.key, once.request, encode(answer))


async def recall(reader: Reader, once: Once | None) -> Remembered | None:
    """What an earlier request with this idempotency key was answered, if there was one.

    For use cases whose preconditions may no longer hold once they took effect. Raises
    `idempotency_mismatch` when that request was another one.
    """
    if once is None:
        return None
    claim = await reader.point(lambda reads: reads.claim(once.scope, once.key))
    if claim is None:
        return None
    if claim.request != once.request:
        raise another_request()
    return decode(claim.answer, type=Remembered)


def remembered(replayed: Replayed) -> Remembered:
    """What the ledger found to have been answered before."""
    return decode(replayed.answer, type=Remembered)


def answer_again(earlier: Remembered) -> Outcome:
    """The body that was answered before, once more; raises `idempotency_mismatch` when there was none."""
    if earlier.body is UNSET:
        raise another_kind_of_request()
    return Outcome(earlier.body, replayed=True)


def made_before(earlier: Remembered) -> list[str]:
    """The ids of what was made before; raises `idempotency_mismatch` when there were none."""
    if earlier.ids is UNSET:
        raise another_kind_of_request()
    return earlier.ids


def another_request() -> Refused:
    """The idempotency key was used before, with another body or for another object."""
    return Refused("idempotency_mismatch", "This idempotency key was used before with another request")


def another_kind_of_request() -> Refused:
    """The idempotency key was used for something else, so there is no answer to give again."""
    return Refused("idempotency_mismatch", "This idempotency key was used before for another kind of request")

"""Tokens that stand for values, and the map that leads back (docs/spec/policy.md, section 6)."""

from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

TOKEN_BYTES: Final = 16
MOST_REVERSED: Final = 1_000


class TokenRow(Struct, frozen=True, gc=False):
    """One place of the map. It is found by what cannot be undone, and holds the value sealed.

    `name` is the keyed hash of the value, `token` random; `session` is the one that the token was made
    for, None in the domain `dataset`.
    """

    name: bytes
    token: bytes
    dataset: str
    session: str | None
    sealed: bytes


MOST_ERASED: Final = 1_000

Token = Annotated[str, Meta(min_length=1, max_length=256)]


class NewReversal(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/datasets/{id}/detokenize`."""

    tokens: Annotated[
        list[Token], Meta(min_length=1, max_length=MOST_REVERSED, description="Tokens as sessions received them")
    ]
    reason: Annotated[str, Meta(min_length=1, max_length=4096)]


class NewTokenErasure(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/datasets/{id}/tokens/erase`: places of the map, by their tokens or by what they hold."""

    tokens: (
        Annotated[list[Token], Meta(min_length=1, max_length=MOST_ERASED, description="These tokens")] | UnsetType
    ) = UNSET
    values: (
        Annotated[
            list[Annotated[str, Meta(min_length=1, max_length=4096)]],
            Meta(min_length=1, max_length=MOST_ERASED, description="All tokens of these texts, of whichever session"),
        ]
        | UnsetType
    ) = UNSET
    reason: Annotated[str, Meta(min_length=1, max_length=4096)]

"""The shape of what tokens stand for, for the OpenAPI file."""

from typing import Annotated

from msgspec import Meta, Struct


class TokenValue(Struct):
    """A token and the text that it stands for."""

    token: Annotated[str, Meta(pattern="^tok_[0-9a-f]{32}$")]
    value: str
    session_id: Annotated[str | None, Meta(description="For which it was made; null where all sessions share it.")]


class Reversal(Struct):
    """Tokens followed back; `unknown` are none of this dataset's, or sealed under a master key that is not here."""

    reversal_id: Annotated[str, Meta(pattern="^rev_[0-9a-f]{16}$")]
    dataset_id: str
    reversed: list[TokenValue]
    unknown: list[str]


class TokenErasure(Struct):
    """Tokens that stand for nothing any more; `unknown` are those asked for that stood for nothing before."""

    erasure_id: Annotated[str, Meta(pattern="^ers_[0-9a-f]{16}$")]
    dataset_id: str
    erased: list[str]
    unknown: list[str]

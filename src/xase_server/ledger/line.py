"""Stored entries read fast: what the audit and the proofs need of them, without checking their form."""

from typing import Final, NamedTuple

from msgspec import Raw, Struct, json


class _Actor(Struct):
    organisation: str


class Line(Struct):
    """The fields of an entry; `body` and `commitments` are still JSON."""

    log: str
    stream: str
    sequence: int
    index: int
    type: str
    id: str
    time: str
    actor: _Actor
    body: Raw
    commitments: Raw
    previous_hash: str


class Placed(NamedTuple):
    """An entry where it was found."""

    at: int
    raw: bytes
    line: Line


read_line: Final = json.Decoder(Line).decode
"""The fields of canonical bytes; raises msgspec.DecodeError when one is missing or of another type."""

"""Identifiers: a prefix that says what it names, and 64 random bits in hex."""

import re
from typing import Final

from xase_server.domain.randomness import random_bytes

_FULL: Final = re.compile(r"[a-z]{2,12}_[0-9a-f]{16}")
_DECISION_PREFIX: Final = re.compile(r"rec_[0-9a-f]{8,16}")


def new_id(prefix: str) -> str:
    """A fresh identifier such as `rec_8a7f3b2c4d5e6f7a`."""
    return f"{prefix}_{random_bytes(8).hex()}"


def is_id(text: str) -> bool:
    """Whether the text has the form of an identifier of this server."""
    return _FULL.fullmatch(text) is not None


def is_decision_id_prefix(text: str) -> bool:
    """Whether the text is a decision record's id, or at least its first eight hex digits."""
    return _DECISION_PREFIX.fullmatch(text) is not None

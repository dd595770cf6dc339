"""Identifiers as numbers: half the size of their text, and quicker to sort.

The 16 hex digits are the number; what stands before them is not kept here, so whoever reads an entry
by its id looks whether the entry says the same.
"""

import hashlib
from typing import Final

_DIGITS: Final = 16
_HALF: Final = 1 << 63
_HEX: Final = frozenset("0123456789abcdef")


def id_number(identifier: str) -> int:
    """The number of an identifier: its hex digits, or a hash where it does not end in 16 of them."""
    digits = identifier.rpartition("_")[2]
    if len(digits) == _DIGITS and _HEX.issuperset(digits):
        return int(digits, 16) - _HALF
    return int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:8], "big", signed=True)


def id_numbers(prefix: str) -> tuple[int, int]:
    """The first and the last number of identifiers that begin so, hex digits behind an underscore."""
    digits = prefix.rpartition("_")[2]
    return int(digits.ljust(_DIGITS, "0"), 16) - _HALF, int(digits.ljust(_DIGITS, "f"), 16) - _HALF

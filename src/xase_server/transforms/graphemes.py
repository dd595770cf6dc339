"""Characters as people count them: extended grapheme clusters (Unicode Standard Annex #29, section 3).

The rules for marks, emoji sequences, flags and Hangul, by the character data of this Python. What it has no
property for (prepended marks, Indic conjuncts) begins a cluster of its own.
"""

import unicodedata
from typing import Final

_JOINER: Final = "\u200d"
_EXTENDING: Final = frozenset({"Mn", "Me", "Mc"})
_ALSO_EXTENDING: Final = frozenset({_JOINER, "\u200c", "\u0e33", "\u0eb3"})
_BREAKING: Final = frozenset({"Cc", "Zl", "Zp"})
_FLAGS: Final = range(0x1F1E6, 0x1F200)
_SKINS: Final = range(0x1F3FB, 0x1F400)
_TAGS: Final = range(0xE0020, 0xE0080)
_LEADING: Final = range(0x1100, 0x1160)
_VOWELS: Final = range(0x1160, 0x11A8)
_TRAILING: Final = range(0x11A8, 0x1200)
_SYLLABLES: Final = range(0xAC00, 0xD7A4)
_SYLLABLES_A_VOWEL: Final = 28


def graphemes(text: str) -> list[str]:
    """The text cut into clusters; joined they are the text."""
    if text.isascii() and "\r\n" not in text:
        return list(text)
    found: list[str] = []
    for char in text:
        if found and _continues(found[-1], char):
            found[-1] += char
        else:
            found.append(char)
    return found


def _continues(cluster: str, char: str) -> bool:
    """Whether there is no boundary between a cluster and the character behind it."""
    last = cluster[-1]
    if last == "\r" and char == "\n":
        return True
    if unicodedata.category(last) in _BREAKING or unicodedata.category(char) in _BREAKING:
        return False
    if _extends(char):
        return True
    if last == _JOINER:
        return unicodedata.category(cluster[0]) == "So" and unicodedata.category(char) == "So"
    if ord(char) in _FLAGS:
        return len(cluster) == 1 and ord(last) in _FLAGS
    return _joins_syllable(ord(last), ord(char))


def _extends(char: str) -> bool:
    code = ord(char)
    return char in _ALSO_EXTENDING or code in _SKINS or code in _TAGS or unicodedata.category(char) in _EXTENDING


def _joins_syllable(last: int, code: int) -> bool:
    """Hangul (rules GB6 to GB8)."""
    open_syllable = last in _SYLLABLES and (last - _SYLLABLES.start) % _SYLLABLES_A_VOWEL == 0
    if last in _LEADING:
        return code in _LEADING or code in _VOWELS or code in _SYLLABLES
    if last in _VOWELS or open_syllable:
        return code in _VOWELS or code in _TRAILING
    return (last in _TRAILING or last in _SYLLABLES) and code in _TRAILING

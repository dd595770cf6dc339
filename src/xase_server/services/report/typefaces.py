"""The typefaces of `report.pdf`, and text in the library's markup for the typefaces that have its characters.

Those that lie beside this file are embedded, with the glyphs in use. Chinese, Japanese and Korean are set in the
typefaces that PDF itself names for them: a reader brings these, or one of its own. What neither has is written as its
code point (`U+1F642`), so that nothing turns into an empty box.
"""

from collections.abc import Sequence
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final

PLAIN, BOLD, MONO = "DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono"

_FONTS: Final = Path(__file__).with_name("fonts")
_CHINESE, _JAPANESE, _KOREAN = "STSong-Light", "HeiseiMin-W3", "HYSMyeongJo-Medium"
_CHARACTERS: Final = {_CHINESE: "gbk", _JAPANESE: "shift_jis", _KOREAN: "cp949"}
"""The character set of each: its collection of glyphs (Adobe-GB1, -Japan1, -Korea1) was made for it."""

_EAST: Final = range(0x2E80, 0x10000)
_PRIVATE: Final = range(0xD800, 0xF900)  # and surrogates: no characters of anybody's
_KANA: Final = range(0x3040, 0x3100)
_HANGUL: Final = range(0xAC00, 0xD7A4)


@cache
def typefaces() -> dict[str, frozenset[int]]:
    """All typefaces, registered once; the code points that each embedded one has."""
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.pdfmetrics import registerFont
    from reportlab.pdfbase.ttfonts import TTFont

    known = {}
    for name in (PLAIN, BOLD, MONO):
        font = TTFont(name, str(_FONTS / f"{name}.ttf"))
        registerFont(font)
        known[name] = frozenset(font.face.charToGlyph)
    for name in _CHARACTERS:
        registerFont(UnicodeCIDFont(name))
    return known


def marked(text: str, font: str = PLAIN) -> str:
    """The text as markup: in this typeface, and in others where it lacks a character."""
    known, others = typefaces()[font], _order(text)
    placed = ((each, None if ord(each) in known else _other(each, others)) for each in text)
    return "".join(_run(name, "".join(each for each, _ in run)) for name, run in groupby(placed, lambda pair: pair[1]))


def _run(name: str | None, text: str) -> str:
    if name is None:
        return escape(text)
    if name:
        return f'<font face="{name}">{escape(text)}</font>'
    return "".join(" " if each.isspace() else f"[U+{ord(each):04X}]" for each in text)


def _other(character: str, names: Sequence[str]) -> str:
    """The first of these typefaces that has the character, or an empty name."""
    if ord(character) not in _EAST or ord(character) in _PRIVATE:
        return ""
    return next((name for name in names if _has(name, character)), "")


def _has(name: str, character: str) -> bool:
    try:
        character.encode(_CHARACTERS[name])
    except UnicodeEncodeError:
        return False
    return True


def _order(text: str) -> Sequence[str]:
    """Han characters look otherwise in each language: what else is in the text tells which it is."""
    if any(ord(each) in _KANA for each in text):
        return _JAPANESE, _CHINESE, _KOREAN
    if any(ord(each) in _HANGUL for each in text):
        return _KOREAN, _CHINESE, _JAPANESE
    return _CHINESE, _JAPANESE, _KOREAN

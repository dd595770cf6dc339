"""HTML that cannot be forgotten to escape: text becomes markup only through here."""

import html
import re
from typing import Final

_CODE: Final = re.compile(r"`([^`]+)`")
_VOID: Final = frozenset({"meta", "link", "br", "hr"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, /, *children: str, **attributes: str) -> Markup:
    """One element; children that are not Markup are escaped.

    `class_` is class, `aria_label` is aria-label.
    """
    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for key, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{said}>")
    return Markup(f"<{tag}{said}>{join(*children)}</{tag}>")


def join(*children: str) -> Markup:
    """The children one after another."""
    return Markup("".join(each if isinstance(each, Markup) else html.escape(each) for each in children))


def prose(text: str) -> Markup:
    """Plain text in which `backticks` mark code."""
    parts = _CODE.split(text)
    return join(*(element("code", part) if n % 2 else part for n, part in enumerate(parts)))

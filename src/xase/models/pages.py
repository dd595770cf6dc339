"""Pages of lists."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from xase.models.model import Model

M = TypeVar("M", bound=Model)


class Page(Model):
    """One page of a list: `data`, and how many there are in `total`."""

    __slots__ = ()

    data: Sequence[Any]
    total: int
    limit: int
    offset: int
    next_cursor: str | None

    @classmethod
    def of(cls, kind: type[M], fields: Mapping[str, Any]) -> "Page":
        """A page whose `data` are objects of `kind`."""
        return cls({**fields, "data": [kind(each) for each in fields["data"]]})

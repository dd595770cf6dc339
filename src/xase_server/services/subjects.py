"""Whom the records of dataset versions are about: made once for each version, kept for a while."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

import numpy as np

from xase_server.delivery.subjects import codes_of
from xase_server.ports import RECORD_ID, Numbers, Version

_MOST_KEPT: Final = 8


class Subjects:
    """Keeps the codes of subjects that it made lately: eight bytes a record."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Numbers] = OrderedDict()

    def codes(self, name: Hashable, version: Version, entity: str) -> Numbers:
        """By record number a number for its subject. Blocks. `name` stands for the version."""
        key = (name, entity)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = _coded(version, entity)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return found


def _coded(version: Version, entity: str) -> Numbers:
    if entity == RECORD_ID:
        return np.arange(version.rows)
    return codes_of(version.slice(0, version.rows, [entity.partition(".")[0]]), version.schema, entity)

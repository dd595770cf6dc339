"""How easily a record is recognised by its quasi-identifiers: figures, and no value of any record.

Risks are those of El Emam, Guide to the De-Identification of Personal Health Information (2013). Nobody outside the
data is known here, so that who looks for some one of the data's people has no larger population to look in.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xase_server.datasets.anonymity.classes import Held, classes
from xase_server.datasets.anonymity.columns import Codes, Column, read_column
from xase_server.ports.datasets import RiskQuestion

Figures = dict[str, Any]


def risk_of(file: Path, question: RiskQuestion, persons: Column | None = None) -> Figures:
    """The figures of a version's records by its Parquet file.

    `persons` names the person of each record where a column of the file does not; see `RiskQuestion`.
    """
    columns = [read_column(file, path) for path in question.quasi_identifiers]
    sensitive = {path: read_column(file, path) for path in question.sensitive}
    if question.subject is not None:
        persons = read_column(file, question.subject)
    return {"quasi_identifiers": list(question.quasi_identifiers), **measured(columns, sensitive, persons)}


def measured(columns: Sequence[Column], sensitive: Mapping[str, Column], persons: Column | None) -> Figures:
    """The figures of records with these quasi-identifiers; of none, what can be said of none."""
    owners, count = classes([column.codes for column in columns], [len(column.values) for column in columns])
    found: Figures = {"counted": "records" if persons is None else "persons", "records": len(owners), "classes": count}
    if not count:
        return found
    records = np.bincount(owners, minlength=count)
    everyone = np.arange(count)
    sizes = records if persons is None else Held.of(owners, persons).counts(everyone, count)
    diversity = {path: int(Held.of(owners, each).counts(everyone, count).min()) for path, each in sensitive.items()}
    found |= {
        "k": int(sizes.min()),
        **({"l": min(diversity.values()), "diversity": diversity} if diversity else {}),
        "smallest_class": int(records.min()),
        "largest_class": int(records.max()),
        "average_class": len(owners) / count,
        "unique": int((sizes <= 1).sum()),
        "discernibility": int((records.astype(np.float64) ** 2).sum()),
        **_risks(sizes),
    }
    return found


def _risks(sizes: Codes) -> Figures:
    """A class in which nobody is named has a risk of one, like one of a single person."""
    sizes = np.maximum(sizes, 1)
    highest, average = 1 / int(sizes.min()), len(sizes) / int(sizes.sum())
    return {
        "prosecutor": {"max": highest, "average": average},
        "journalist": {"max": highest},
        "marketer": {"average": average},
    }

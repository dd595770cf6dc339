"""The forms that texts in bodies have, and how a caller is told of one whose text has another.

`$` also matches before a last newline, so each rules that out. NUL is refused because databases cannot keep it.
"""

from collections.abc import Mapping
from typing import Final

NO_CONTROLS: Final = r"^[^\x00-\x1f\x7f]+(?!\n)$"
NO_NUL: Final = r"^[^\x00]*$"
VISIBLE: Final = r"^[\x21-\x7e]+(?!\n)$"
EMAIL: Final = r"^[^@\s\x00]+@[^@\s\x00]+(?!\n)$"
URL: Final = r"^https?://[^\s\x00]+(?!\n)$"
DURATION: Final = r"^[1-9][0-9]{0,5}[smhdw](?!\n)$"
DATASET_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*(?!\n)$"
DECISION_ID: Final = r"^rec_[0-9a-f]{16}(?!\n)$"

A_DURATION: Final = "Must be a number with a unit: 90m, 24h, 30d, 2w"

TOLD: Final[Mapping[str, str]] = {
    NO_CONTROLS: "Must not hold control characters",
    NO_NUL: "Must not hold NUL",
    VISIBLE: "Must hold visible ASCII characters only",
    EMAIL: "Must be an e-mail address",
    URL: "Must be an address that begins with http:// or https://",
    DURATION: A_DURATION,
    DATASET_NAME: "Must consist of letters, digits, dots, underscores and hyphens, and begin with a letter or digit",
    DECISION_ID: "Must be the whole id of a decision record: rec_ and 16 hex digits",
}

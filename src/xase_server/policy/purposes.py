"""What data may be wanted for: a tree of purposes kept by the operator, with synonyms.

A rule that names a purpose means it and everything below it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Purposes:
    """The tree: `parents` gives each purpose's parent, `synonyms` other words for one, `labels` its DUO or DPV term."""

    parents: Mapping[str, str | None]
    synonyms: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def plain(self, purpose: str) -> str:
        """The purpose under its own name."""
        return self.synonyms.get(purpose, purpose)

    def covers(self, wanted: str, asked: str) -> bool:
        """Whether a rule that names `wanted` means a request for `asked`.

        A purpose outside the tree is only itself.
        """
        goal, place = self.plain(wanted), self.plain(asked)
        for _ in range(len(self.parents) + 1):
            if place == goal:
                return True
            above = self.parents.get(place)
            if above is None:
                return False
            place = above
        return False


DEFAULT_PURPOSES: Final = Purposes(
    parents={
        "research": None,
        "model-development": "research",
        "model-training": "model-development",
        "fine-tuning": "model-training",
        "validation": "model-development",
        "evaluation": "model-development",
        "analytics": "research",
        "medical-research": "research",
        "quality-assurance": None,
        "marketing": None,
        "insurance-pricing": None,
        "reidentification": None,
    },
    synonyms={"training": "model-training", "model-validation": "validation", "re-identification": "reidentification"},
    labels={
        "research": "DUO:0000042",
        "medical-research": "DUO:0000006",
        "model-development": "dpv:ResearchAndDevelopment",
        "quality-assurance": "dpv:ServiceOptimisation",
        "marketing": "dpv:Marketing",
    },
)

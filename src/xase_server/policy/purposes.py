"""What data may be wanted for: a tree of purposes kept by the operator, with synonyms.

A rule that names a purpose means it and everything below it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Struct, ValidationError, convert


@dataclass(frozen=True, slots=True)
class Purposes:
    """The tree: `parents` gives each purpose's parent, `synonyms` other words for one, `labels` its DUO or DPV term."""

    parents: Mapping[str, str | None]
    synonyms: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def plain(self, purpose: str) -> str:
        """The purpose under its own name."""
        return self.synonyms.get(purpose, purpose)

    def covering(self, asked: str) -> frozenset[str]:
        """Every word by which a rule means a request for `asked`: its own, those above it, and their synonyms.

        A purpose outside the tree is only itself.
        """
        places = {place := self.plain(asked)}
        while (above := self.parents.get(place)) is not None and above not in places:
            places.add(place := above)
        named = {word for word in places if word not in self.synonyms}
        return frozenset(named | {word for word, plain in self.synonyms.items() if plain in places})

    def covers(self, wanted: str, asked: str) -> bool:
        """Whether a rule that names `wanted` means a request for `asked`."""
        return wanted in self.covering(asked)


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


class _Term(Struct, forbid_unknown_fields=True, frozen=True):
    parent: str | None = None
    synonyms: list[str] = []
    label: str | None = None


def read_purposes(document: Any) -> Purposes:
    """The tree that an operator wrote: `{PURPOSE: {parent, synonyms, label}}`.

    Raises ValueError naming a parent that is not in it, a loop, or a synonym that means two things.
    """
    try:
        terms = convert(document, dict[str, _Term])
    except ValidationError as error:
        raise ValueError(str(error)) from error
    parents = {name: term.parent for name, term in terms.items()}
    synonyms: dict[str, str] = {}
    for name, term in terms.items():
        for word in term.synonyms:
            if word in terms or word in synonyms:
                raise ValueError(f"{word} means two things")
            synonyms[word] = name
        _refuse_loop(parents, name)
    labels = {name: term.label for name, term in terms.items() if term.label is not None}
    return Purposes(parents, synonyms, labels)


def _refuse_loop(parents: Mapping[str, str | None], name: str) -> None:
    seen, place = {name}, parents[name]
    while place is not None:
        if place not in parents:
            raise ValueError(f"{place} is not in the tree")
        if place in seen:
            raise ValueError(f"{name} lies below itself")
        seen.add(place)
        place = parents[place]

"""A real model on real data: which tumours of scikit-learn's breast-cancer table are malignant.

A logistic regression over standardised measurements. Its every decision is a sum with one term per
measurement, so that the explanation which is recorded is the decision itself, not a story about it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

MODEL_ID: Final = "tumour-triage"
MODEL_VERSION: Final = "1.0.0"
_SEED: Final = 20_26


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of the model, and what the biopsy said: `truth` is never recorded, the reviewer knows it."""

    case: str
    input: Mapping[str, float]
    diagnosis: str
    confidence: float
    explanation: Mapping[str, Any]
    truth: str

    @property
    def right(self) -> bool:
        """Whether the biopsy agrees."""
        return self.diagnosis == self.truth


@dataclass(frozen=True, slots=True)
class Triage:
    """The trained model with the cases it has never seen."""

    features: list[str]
    scaler: Any
    classifier: Any
    trained_on: int
    cases: Any
    truths: Any
    names: list[str]

    @classmethod
    def train(cls) -> Self:
        """Train on three quarters of the table, keep one quarter; the same model each time."""
        from sklearn.datasets import load_breast_cancer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split
        from sklearn.preprocessing import StandardScaler

        table = load_breast_cancer()
        known, unseen, known_truths, truths = train_test_split(
            table.data, table.target, test_size=0.25, random_state=_SEED, stratify=table.target
        )
        scaler = StandardScaler().fit(known)
        classifier = LogisticRegression(max_iter=1_000).fit(scaler.transform(known), known_truths)
        features = [str(name).replace(" ", "_") for name in table.feature_names]
        return cls(features, scaler, classifier, len(known), unseen, truths, [str(name) for name in table.target_names])

    @property
    def accuracy(self) -> float:
        """The share of the unseen cases that it gets right."""
        return float(self.classifier.score(self.scaler.transform(self.cases), self.truths))

    @property
    def digest(self) -> str:
        """SHA-256 over everything that decides: the scaler's and the classifier's numbers."""
        parts = (self.scaler.mean_, self.scaler.scale_, self.classifier.coef_, self.classifier.intercept_)
        return f"sha256:{hashlib.sha256(b''.join(part.tobytes() for part in parts)).hexdigest()}"

    def decisions(self) -> Iterator[Decision]:
        """What the model decides on each unseen case, and why."""
        standardised = self.scaler.transform(self.cases)
        chances = self.classifier.predict_proba(standardised)
        terms = standardised * self.classifier.coef_[0]
        for number, chance in enumerate(chances):
            verdict = int(chance.argmax())
            yield Decision(
                case=f"case-{number:03d}",
                input=self._named(self.cases[number]),
                diagnosis=self.names[verdict],
                confidence=round(float(chance[verdict]), 4),
                explanation=self._explain(terms[number]),
                truth=self.names[int(self.truths[number])],
            )

    def _explain(self, terms: Any) -> dict[str, Any]:
        """The sum behind a decision: positive terms speak for the second class (benign), negative for the first."""
        intercept = round(float(self.classifier.intercept_[0]), 6)
        return {
            "method": "linear contributions",
            "towards": self.names[1],
            "intercept": intercept,
            "contributions": self._named(terms),
        }

    def _named(self, values: Any) -> dict[str, float]:
        return {name: round(float(value), 6) for name, value in zip(self.features, values, strict=True)}

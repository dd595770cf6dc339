"""A real model on real data: which tumours of scikit-learn's breast-cancer table are malignant.

A logistic regression over standardised measurements. Its every decision is a sum with one term per
measurement, so that the explanation which is recorded is the decision itself, not a story about it.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

MODEL_ID: Final = "tumour-triage"
MODEL_VERSION: Final = "1.0.0"
_SEED: Final = 20_26

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cases:
    """The table in two parts: `known` is the dataset, `unseen` are the patients who come later."""

    known: list[Row]
    unseen: list[Row]

    @classmethod
    def load(cls) -> Self:
        """Three quarters known, one quarter unseen; the same ones each time. The patient ids are made up."""
        from sklearn.datasets import load_breast_cancer
        from sklearn.model_selection import train_test_split

        table = load_breast_cancer()
        features = [str(name).replace(" ", "_") for name in table.feature_names]
        rows = [
            {
                "record_id": f"biopsy-{number:03d}",
                "patient_id": f"patient-{1000 + number}",
                "diagnosis": str(table.target_names[target]),
                **{name: float(value) for name, value in zip(features, values, strict=True)},
            }
            for number, (values, target) in enumerate(zip(table.data, table.target, strict=True))
        ]
        known, unseen = train_test_split(rows, test_size=0.25, random_state=_SEED, stratify=table.target)
        return cls(known, unseen)


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
    """The trained model."""

    features: list[str]
    scaler: Any
    classifier: Any
    trained_on: int

    @classmethod
    def train(cls, rows: Sequence[Row]) -> Self:
        """Train on rows as they came; the same rows make the same model."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        features = [name for name, value in rows[0].items() if isinstance(value, float)]
        measured = [[row[name] for name in features] for row in rows]
        scaler = StandardScaler().fit(measured)
        truths = [row["diagnosis"] for row in rows]
        classifier = LogisticRegression(max_iter=1_000).fit(scaler.transform(measured), truths)
        return cls(features, scaler, classifier, len(rows))

    @property
    def digest(self) -> str:
        """SHA-256 over everything that decides: the scaler's and the classifier's numbers."""
        parts = (self.scaler.mean_, self.scaler.scale_, self.classifier.coef_, self.classifier.intercept_)
        return f"sha256:{hashlib.sha256(b''.join(part.tobytes() for part in parts)).hexdigest()}"

    def decisions(self, cases: Sequence[Row]) -> Iterator[Decision]:
        """What the model decides on each case, and why."""
        standardised = self.scaler.transform([[case[name] for name in self.features] for case in cases])
        chances = self.classifier.predict_proba(standardised)
        terms = standardised * self.classifier.coef_[0]
        for case, chance, shares in zip(cases, chances, terms, strict=True):
            verdict = int(chance.argmax())
            yield Decision(
                case=case["record_id"],
                input={name: case[name] for name in self.features},
                diagnosis=str(self.classifier.classes_[verdict]),
                confidence=round(float(chance[verdict]), 4),
                explanation=self._explain(shares),
                truth=case["diagnosis"],
            )

    def _explain(self, terms: Any) -> dict[str, Any]:
        """The sum behind a decision: positive terms speak for the second class, negative ones for the first."""
        contributions = {name: round(float(term), 6) for name, term in zip(self.features, terms, strict=True)}
        return {
            "method": "linear contributions",
            "towards": str(self.classifier.classes_[1]),
            "intercept": round(float(self.classifier.intercept_[0]), 6),
            "contributions": contributions,
        }

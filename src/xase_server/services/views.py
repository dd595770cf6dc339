"""What the API answers about decision records and interventions (docs/spec/api.md, section 2)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Raw
from msgspec.json import decode

from xase.proof.digest import format_digest, leaf_hash
from xase_server.domain.entries import Part
from xase_server.ports import DecisionRow, InterventionRow

View = dict[str, Any]


def decision_view(row: DecisionRow, interventions: Sequence[InterventionRow] = ()) -> View:
    """A decision record as the source document prints it; fields that were not sent are absent."""
    entry = decode(row.raw)
    view = _sealed_decision(row.id, entry, row.parts, format_digest(leaf_hash(row.raw)))
    view["interventions"] = [intervention_view(each) for each in interventions]
    if row.erasure is not None:
        view["erased_at"] = decode(row.erasure.raw)["time"]
        if "reason" in row.erasure.parts:
            view["erased_reason"] = Raw(row.erasure.parts["reason"].canonical)
    return view


def _sealed_decision(identifier: str, entry: View, parts: Mapping[str, Part], digest: str) -> View:
    body = entry["body"]
    view: View = {"id": identifier}
    _copy(body, view, ("model_id", "model_version", "model_hash"))
    _reveal(parts, view, ("input", "output"))
    _copy(body, view, ("confidence",))
    _reveal(parts, view, ("transaction_id",))
    _copy(body, view, ("policy_id",))
    _reveal(parts, view, ("context", "explanation"))
    view["hash"] = digest
    view["previous_hash"] = entry["previous_hash"]
    view["sequence"] = entry["sequence"]
    view["created_at"] = entry["time"]
    return view


def intervention_view(row: InterventionRow) -> View:
    """An intervention with its document-key signature."""
    entry = decode(row.raw)
    view: View = {"id": row.id, "record_id": row.record_id}
    _reveal(row.parts, view, ("actor_email",))
    view["action"] = entry["body"]["action"]
    _reveal(row.parts, view, ("reason", "new_outcome", "evidence_urls", "metadata", "signature"))
    view["signed_at"] = entry["body"]["signed_at"]
    view["hash"] = format_digest(leaf_hash(row.raw))
    view["previous_hash"] = entry["previous_hash"]
    return view


def group_by_record(rows: Iterable[InterventionRow]) -> dict[str, list[InterventionRow]]:
    """Interventions by the record that they are about, in their given order."""
    grouped: dict[str, list[InterventionRow]] = {}
    for row in rows:
        grouped.setdefault(row.record_id, []).append(row)
    return grouped


def _copy(source: Mapping[str, Any], view: View, names: Iterable[str]) -> None:
    for name in names:
        if name in source:
            view[name] = source[name]


def _reveal(parts: Mapping[str, Part], view: View, names: Iterable[str]) -> None:
    for name in names:
        if name in parts:
            view[name] = Raw(parts[name].canonical)

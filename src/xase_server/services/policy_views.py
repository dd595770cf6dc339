"""What the API answers about policies (docs/spec/api.md, section 4)."""

from typing import Any

from xase.proof.entry import format_time
from xase_server.domain.policies import StoredPolicy
from xase_server.policy.decide import Check, Verdict
from xase_server.policy.purposes import Purposes
from xase_server.services.views import View


def policy_view(stored: StoredPolicy) -> View:
    """One version of a policy with its text as it was written."""
    view: View = {
        "id": stored.id,
        "version": stored.version,
        "name": stored.document["name"],
        "hash": stored.hash,
        "created_at": format_time(stored.created_ms),
        "document": stored.document,
    }
    return view


def verdict_view(asked: StoredPolicy, verdict: Verdict) -> View:
    """The answer to a hypothetical request, its trace included: all of the policies are the holder's own."""
    return {
        "verdict": verdict.outcome.value,
        "policy_id": asked.id,
        "policy_version": asked.version,
        "violations": [{"rule": each.rule, "message": each.message} for each in verdict.violations],
        "approvers": list(verdict.approvers),
        "contract": None if verdict.contract is None else verdict.contract.to_dict(),
        "contract_hash": None if verdict.contract is None else verdict.contract.hash,
        "chosen": dict(verdict.chosen or {}),
        "narrowed_by": dict(verdict.narrowed_by or {}),
        "trace": [_check_view(each) for each in verdict.trace],
    }


def _check_view(check: Check) -> View:
    held: dict[str, Any] = {name: getattr(check, name) for name in ("layer", "rule", "clause", "wanted", "got", "held")}
    return held


def purposes_view(purposes: Purposes) -> View:
    """The tree of purposes, as a list in its own order."""
    return {"data": [_purpose_view(purposes, name) for name in purposes.parents]}


def _purpose_view(purposes: Purposes, name: str) -> View:
    label = purposes.labels.get(name)
    view: View = {
        "purpose": name,
        "parent": purposes.parents[name],
        "synonyms": sorted(word for word, plain in purposes.synonyms.items() if plain == name),
    }
    return view | ({} if label is None else {"label": label})

"""What a session may ask for on top of what its policy imposes (docs/spec/policy.md, section 3)."""

from collections.abc import Mapping
from typing import Any

from xase_server.policy.model import STRENGTH

Specs = Mapping[str, Mapping[str, Any]]


def strengthen(imposed: Specs, asked: Specs) -> Specs:
    """Those of the transforms asked for, by path, that are stronger than what is imposed on the same field.

    They are done to the values as the session sees them, after what is imposed: so nothing that is asked
    for can bring out what the policy hides. Where the policy's is as strong or stronger, it stands alone.
    """
    return {path: spec for path, spec in asked.items() if path not in imposed or _rank(spec) > _rank(imposed[path])}


def _rank(spec: Mapping[str, Any]) -> int:
    return STRENGTH[spec["op"]]

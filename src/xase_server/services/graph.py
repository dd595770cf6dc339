"""A lineage graph, and the forms in which others read it: W3C PROV and OpenLineage."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from xase_server.services.views import View

_PROV: Final = "http://www.w3.org/ns/prov#"
_OPENLINEAGE: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"

_KINDS: Final[Mapping[str, str]] = {
    "decision": "prov:Entity",
    "model": "prov:Entity",
    "dataset": "prov:Collection",
    "dataset_version": "prov:Entity",
    "policy": "prov:Plan",
    "session": "prov:Activity",
    "operations": "prov:Activity",
}
_RELATIONS: Final[Mapping[str, str]] = {
    "was made by": "prov:wasDerivedFrom",
    "was made in": "prov:wasGeneratedBy",
    "happened in": "prov:wasInformedBy",
    "used": "prov:used",
    "was permitted by": "prov:hadPlan",
    "was derived from": "prov:wasDerivedFrom",
}


class Graph:
    """Nodes by id, and directed edges from what came later to what it came from."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.truncated = False
        self._nodes: dict[str, View] = {}
        self._edges: dict[tuple[str, str, str], None] = {}

    def __contains__(self, identifier: str) -> bool:
        return identifier in self._nodes

    def node(self, kind: str, identifier: str, **facts: Any) -> None:
        """Add a node, or facts to one that is there."""
        known = self._nodes.setdefault(identifier, {"id": identifier, "type": kind})
        known.update({name: value for name, value in facts.items() if value is not None})

    def edge(self, later: str, relation: str, earlier: str) -> None:
        """Say that one node came from another."""
        self._edges[later, relation, earlier] = None

    def view(self) -> View:
        """The graph as it is answered."""
        edges = [{"from": later, "relation": relation, "to": earlier} for later, relation, earlier in self._edges]
        return {"root": self.root, "nodes": list(self._nodes.values()), "edges": edges, "truncated": self.truncated}

    def prov(self) -> View:
        """The graph in W3C PROV, as JSON-LD."""
        found = {name: _prov_node(node) for name, node in self._nodes.items()}
        for later, relation, earlier in self._edges:
            found[later].setdefault(_RELATIONS[relation], []).append({"@id": _name(earlier)})
        context = {"prov": _PROV, "xase": "urn:xase:"}
        return {"@context": context, "@graph": list(found.values())}

    def openlineage(self, log: str) -> list[View]:
        """An OpenLineage run event for each session: datasets in, models out; `log` names this server."""
        return [self._run(log, node) for node in self._nodes.values() if node["type"] == "session"]

    def _run(self, log: str, session: View) -> View:
        name = session["id"]
        inputs = [earlier for later, relation, earlier in self._edges if (later, relation) == (name, "used")]
        inside = [later for later, relation, earlier in self._edges if (earlier, relation) == (name, "happened in")]
        made = [later for later, relation, earlier in self._edges if relation == "was made in" and earlier in inside]
        running = session.get("status") == "ACTIVE"
        return {
            "eventType": "RUNNING" if running else "COMPLETE",
            "eventTime": session["created_at"],
            "producer": "urn:xase",
            "schemaURL": _OPENLINEAGE,
            "run": {"runId": str(uuid5(NAMESPACE_URL, f"urn:xase:{log}:{name}"))},
            "job": {"namespace": log, "name": f"session/{session['purpose']}"},
            "inputs": [{"namespace": log, "name": each} for each in inputs],
            "outputs": [{"namespace": log, "name": each} for each in dict.fromkeys(made)],
        }


def _prov_node(node: View) -> View:
    facts = {f"xase:{name}": value for name, value in node.items() if name not in {"id", "type"}}
    return {"@id": _name(node["id"]), "@type": _KINDS[node["type"]], **facts}


def _name(identifier: str) -> str:
    return f"xase:{identifier}"

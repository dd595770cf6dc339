"""Which endpoint an address and method name. What is not in the table does not exist."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from xase_server.web.endpoint import Endpoint

Methods = dict[str, Endpoint]


@dataclass(slots=True)
class _Node:
    """A place in the tree of path segments."""

    methods: Methods = field(default_factory=dict)
    children: dict[str, "_Node"] = field(default_factory=dict)
    parameter: str = ""
    wild: "_Node | None" = None
    greedy: bool = False

    def grow(self, segment: str) -> "_Node":
        """The child for one segment of a template."""
        if not segment.startswith("{"):
            return self.children.setdefault(segment, _Node())
        if self.wild is None:
            self.wild = _Node()
        name = segment.strip("{}").removesuffix("...")
        assert self.parameter in {"", name}, f"one place of the address has two names: {self.parameter}, {name}"
        self.parameter, self.greedy = name, segment.endswith("...}")
        return self.wild


class Router:
    """Finds endpoints: whole paths in one look, paths with parameters segment by segment."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._exact: dict[str, Methods] = {}
        self._root = _Node()
        for endpoint in endpoints:
            self._methods_of(endpoint.path)[endpoint.method] = endpoint

    def _methods_of(self, path: str) -> Methods:
        if "{" not in path:
            return self._exact.setdefault(path, {})
        node = self._root
        for segment in path.split("/")[1:]:
            node = node.grow(segment)
        return node.methods

    def find(self, path: str, raw: bytes | None = None) -> tuple[Methods, dict[str, str]]:
        """The methods of an address and its path parameters; no methods where there is no such address.

        `raw` is the path as it was sent: a `%2F` in it belongs to its segment, for ids of data and names
        of models hold slashes.
        """
        segments = path.split("/")[1:] if raw is None or b"%" not in raw else _segments(raw)
        exact = self._exact.get(path)
        if exact is not None and len(segments) == path.count("/"):
            return exact, {}
        return self._walk(segments)

    def _walk(self, segments: list[str]) -> tuple[Methods, dict[str, str]]:
        node, found = self._root, {}
        for n, segment in enumerate(segments):
            child = node.children.get(segment)
            if child is None:
                if node.wild is None or not segment:
                    return {}, {}
                found[node.parameter] = "/".join(segments[n:]) if node.greedy else segment
                child, greedy = node.wild, node.greedy
                if greedy:
                    return child.methods, found
            node = child
        return node.methods, found


def _segments(raw: bytes) -> list[str]:
    """The parts of a path, decoded after they were parted."""
    return [unquote(part) for part in raw.decode("latin-1").split("/")[1:]]


def allowed(methods: Methods) -> str:
    """The value of an `Allow` header."""
    names = {*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    return ", ".join(sorted(names))

"""The transparency log: checkpoint, entries, proofs, tiles (docs/spec/api.md, section 7; C2SP tlog-tiles)."""

from typing import Any, Final

from msgspec import Raw
from msgspec.json import decode

from xase.proof.checkpoint import parse_checkpoint, parse_note
from xase.proof.digest import format_digest, leaf_hash
from xase_server.domain.errors import FieldProblem, Refused, invalid, not_found
from xase_server.domain.ids import is_id
from xase_server.domain.keyring import KeyRing
from xase_server.domain.principals import Principal
from xase_server.ledger.read import Tree, entry_bundle, hash_tile
from xase_server.ports import Reads
from xase_server.services.reading import Reader
from xase_server.services.views import View

# What everybody must be able to follow: which key signs the log from now on.
_EVERYONES: Final = frozenset({"signing_key_rotated"})


class Log:
    """Reads the log. Entries of other organisations show as hashes, enough to rebuild the tree."""

    def __init__(self, reader: Reader, ring: KeyRing) -> None:
        self._reader = reader
        self._ring = ring

    async def checkpoint(self) -> str:
        """The newest signed note."""
        note = await self._reader.point(lambda reads: reads.head().checkpoint)
        if not note:
            raise not_found("checkpoint", "0")
        return note

    async def entries(self, who: Principal, start: int, limit: int) -> View:
        """Entries in the order of the log from index `start` on, and where the next page begins."""

        def work(reads: Reads) -> View:
            size = reads.head().size
            data = [_shown(who, raw) for raw in reads.entries(start, limit)]
            following = start + len(data)
            return {"data": data, "next_start": following if following < size else None, "size": size}

        return await self._reader.point(work)

    async def inclusion(self, who: Principal, entry: str, size: int | None) -> View:
        """The inclusion proof of an entry (the caller's by id, any by index) in the tree of `size`."""

        def work(reads: Reads) -> View:
            index = _index_of(reads, who, entry)
            tree_size, root, note = _tree_at(reads, size)
            if not index < tree_size:
                raise _beyond("entry", f"Must be below the tree's size, {tree_size}")
            (raw,) = reads.entries(index, 1)
            return {
                "index": index,
                "tree_size": tree_size,
                "leaf_hash": format_digest(leaf_hash(raw)),
                "root_hash": format_digest(root),
                "inclusion_path": [node.hex() for node in Tree(reads).inclusion(index, tree_size)],
                **({"checkpoint": note} if note else {}),
            }

        return await self._reader.point(work)

    async def consistency(self, first: int, second: int | None) -> View:
        """The proof that the tree of `second` entries begins with that of `first`."""

        def work(reads: Reads) -> View:
            tree_size, root, note = _tree_at(reads, second, "second")
            if first > tree_size:
                raise _beyond("first", f"Must not be above the second size, {tree_size}")
            tree = Tree(reads)
            return {
                "first": first,
                "second": tree_size,
                "first_root": format_digest(tree.root(first)),
                "second_root": format_digest(root),
                "consistency_path": [node.hex() for node in tree.consistency(first, tree_size)],
                **({"checkpoint": note} if note else {}),
            }

        return await self._reader.point(work)

    async def tile(self, level: int, number: int, width: int) -> bytes:
        """A hash tile; raises `not_found` unless the tree fills it that far."""
        return await self._reader.point(lambda reads: hash_tile(reads, level, number, width))

    async def entry_bundle(self, number: int, width: int) -> bytes:
        """The entries of a level 0 tile, of all organisations."""
        return await self._reader.point(lambda reads: entry_bundle(reads, number, width))

    def signing_keys(self) -> View:
        """All public keys, past ones included."""
        return self._ring.view()


def _shown(who: Principal, raw: bytes) -> View:
    entry: dict[str, Any] = decode(raw)
    head = {"index": entry["index"], "hash": format_digest(leaf_hash(raw))}
    is_shown = entry["actor"]["organisation"] == who.organisation or entry["type"] in _EVERYONES
    return head | {"entry": Raw(raw)} if is_shown else head


def _index_of(reads: Reads, who: Principal, entry: str) -> int:
    if entry.isascii() and entry.isdigit() and len(entry) <= len(str(1 << 53)):
        return int(entry)
    found = reads.entry(who.organisation, entry) if is_id(entry) else None
    if found is None:
        raise not_found("entry", entry)
    return found[0]


def _tree_at(reads: Reads, size: int | None, field: str = "size") -> tuple[int, bytes, str | None]:
    """Size and root of the tree asked for, by default the newest, and the checkpoint that signs it if one does."""
    head = reads.head()
    tree_size = head.size if size is None else size
    if tree_size > head.size:
        raise _beyond(field, f"The log has {head.size} entries")
    note = reads.checkpoint(tree_size) if tree_size else None
    if note is not None:
        signed = parse_checkpoint(parse_note(note).body)
        if signed.size == tree_size:
            return tree_size, signed.root, note
    return tree_size, Tree(reads).root(tree_size), None


def _beyond(field: str, message: str) -> Refused:
    return invalid("Invalid request", FieldProblem(field, message))

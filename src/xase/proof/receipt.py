"""A receipt: the complete offline proof of one entry, small enough to come with the answer that made it.

`{"entry": {…}, "index": n, "tree_size": n, "inclusion_path": [hex, …], "checkpoint": "…"}`: the entry as a JSON object,
its audit path from leaf to root, and the signed checkpoint it leads to. Unknown members are passed over.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from xase.proof.canonical import CanonicalError, canonical
from xase.proof.checkpoint import NoteError, NoteVerifier, open_checkpoint
from xase.proof.digest import leaf_hash
from xase.proof.entry import Entry, EntryError, parse_entry
from xase.proof.merkle import ProofError, verify_inclusion

_HEX: Final = re.compile(r"[0-9a-f]{64}")
_MAX_PATH: Final = 64


def make_receipt(
    entry_raw: bytes,
    index: int,
    size: int,
    path: Sequence[bytes],
    checkpoint_note: str,
    *,
    read: Callable[[bytes], Any] = json.loads,
) -> dict[str, Any]:
    """The receipt of the entry at `index` under the checkpoint of `size`; checks nothing.

    `read` makes of the entry's bytes what stands for them in the result: the object, unless the caller's encoder takes
    JSON as it is.
    """
    return {
        "entry": read(entry_raw),
        "index": index,
        "tree_size": size,
        "inclusion_path": [node.hex() for node in path],
        "checkpoint": checkpoint_note,
    }


def verify_receipt(receipt: Mapping[str, Any], *log_verifiers: NoteVerifier) -> Entry:
    """The entry that the receipt proves to be in the log of one of the trusted keys.

    Raises EntryError for a malformed entry, NoteError for a checkpoint that is malformed or not signed by a trusted
    key, ProofError for anything else that does not fit.
    """
    try:
        raw = canonical(receipt["entry"])
        index, size, note = receipt["index"], receipt["tree_size"], receipt["checkpoint"]
        path = parse_hashes(receipt["inclusion_path"])
    except CanonicalError as error:
        raise EntryError(str(error)) from error
    except (KeyError, TypeError) as error:
        raise ProofError(f"the receipt is incomplete: {error}") from error
    entry = parse_entry(raw)
    if not isinstance(note, str):
        raise NoteError("the checkpoint is not text")
    checkpoint = open_checkpoint(note, log_verifiers)
    if type(index) is not int or type(size) is not int or (entry.index, checkpoint.size) != (index, size):
        raise ProofError("the receipt is not of this entry and checkpoint")
    if entry.log != checkpoint.origin:
        raise ProofError("the entry is of another log")
    if len(path) > _MAX_PATH:
        raise ProofError("the proof is too long")
    verify_inclusion(leaf_hash(raw), index, size, path, checkpoint.root)
    return entry


def parse_hashes(texts: Any) -> list[bytes]:
    """The hashes that a JSON list of lower-case hex digits holds; ProofError for any other form."""
    if not isinstance(texts, list):
        raise ProofError("expected a list of hashes")
    for text in texts:
        if not isinstance(text, str) or not _HEX.fullmatch(text):
            raise ProofError("expected hashes of 64 lower-case hex digits")
    return [bytes.fromhex(text) for text in texts]

"""Writes the published test vectors under vectors/; with --check, says whether they are what it would write.

Everything is made from fixed keys, times and salts, so that the same program always writes the same bytes. Vectors are
a promise: one that was published stays, and a change of an existing one is a change of the evidence format.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.forged_files import FORGED_FILES
from scripts.forged_guardrails import FORGED_GUARDRAILS
from scripts.forged_logs import FORGED_LOGS
from scripts.forged_sessions import FORGED_SESSIONS
from scripts.forgery import FIRST, SECOND, Forgery, story
from scripts.honest_sessions import honest_sessions
from scripts.vectorlog import (
    ACTOR,
    NOON,
    ORIGIN,
    STREAM,
    VECTORS,
    VectorLog,
    files_of,
    log_signer,
    sign,
    trusted_keys,
    witness,
)
from scripts.vectortransforms import transform_vectors
from xase.proof import bundle
from xase.proof.canonical import CanonicalError, canonical, parse_strict
from xase.proof.digest import ZERO_DIGEST, commitment, leaf_hash
from xase.proof.entry import Draft, entry_digest, format_time
from xase.proof.merkle import consistency_proof, inclusion_proof, root_hash
from xase.proof.multiproof import many_proof
from xase.proof.receipt import make_receipt

FORGERIES: Final[tuple[Forgery, ...]] = (*FORGED_FILES, *FORGED_LOGS, *FORGED_SESSIONS, *FORGED_GUARDRAILS)
TREE: Final = [leaf_hash(b"leaf %d" % number) for number in range(20)]

ACCEPTED: Final = (
    "null",
    "[]",
    "{}",
    ' {"b" : [1, 2.50, -0.0], "a" : "x"} ',
    "[1e0, 1.0, 100, 1e2, 0.1e1]",
    "[1e-6, 1e-7, 1.5e-7, 0.000001, 123456789012345680000.5e-5]",
    "[9007199254740991, -9007199254740991]",
    "[1e21, 1e300, 5e-324, 1.7976931348623157e308]",
    '["\\u20ac$\\u000f\\nA\'\\u0042\\u0022\\\\\\"\\/\\b\\f\\r\\t\\u007f\\u2028"]',
    '{"\\ud83d\\ude02": 1, "\\ufb33": 2, "\\u20ac": 3, "\\u00f6": 4, "1": 5, "\\r": 6, "": 7}',
    '{"a": {"b": {"a": [true, false, null]}}}',
)
REFUSED: Final = (
    "",
    "{",
    "{} {}",
    "'x'",
    '{"a": 1, "a": 1}',
    '{"a": {"b": 1, "\\u0062": 2}}',
    "[NaN]",
    "[-Infinity]",
    "[1e400]",
    "[9007199254740992]",
    "[-9007199254740992]",
    "[1e20]",
    '["\\ud800"]',
    '{"\\udc00": 1}',
    "[01]",
    "[1.]",
    "\ufeff{}",
    "[" * 65 + "]" * 65,
)


def all_vectors() -> Iterator[tuple[str, bytes]]:
    """Every file, by its path under vectors/."""
    yield "keys/trusted.json", pretty(trusted_keys())
    yield "keys/witness.vkey", f"{witness().verifier.vkey}\n".encode()
    yield "canonical/accepted.json", pretty([_accepted(text) for text in ACCEPTED])
    yield "canonical/refused.json", pretty([_refused(text) for text in REFUSED])
    yield "entries/commitments.json", pretty(list(_commitments()))
    yield "entries/entries.json", pretty([_described(raw) for raw in story().raws])
    yield "entries/sealed.json", pretty(list(_sealed()))
    yield "merkle/trees.json", pretty([tree(size) for size in range(14)])
    yield "merkle/many.json", pretty(list(_many()))
    yield "checkpoint/notes.json", pretty(list(_notes()))
    yield "receipts/receipts.json", pretty(list(_receipts()))
    yield from ((name, pretty(value)) for name, value in transform_vectors())
    yield from _valid_bundles()
    yield from _invalid_bundles()


def pretty(value: Any) -> bytes:
    """JSON that diffs well."""
    return (json.dumps(value, indent=1, ensure_ascii=True) + "\n").encode()


def _accepted(text: str) -> dict[str, str]:
    return {"input": text, "canonical": canonical(parse_strict(text.encode())).decode()}


def _refused(text: str) -> dict[str, str]:
    try:
        parse_strict(text.encode())
    except CanonicalError as error:
        return {"input": text, "path": error.path, "reason": error.reason.partition(":")[0]}
    raise AssertionError(f"accepted {text!r}")


def _commitments() -> Iterator[dict[str, str]]:
    log = story()
    for parts in log.parts.values():
        for part in parts.values():
            yield {
                "part": part.part,
                "salt": part.salt.hex(),
                "value": part.value.decode(),
                "commitment": commitment(part.part, part.salt, part.value),
            }


def _described(raw: bytes) -> dict[str, str]:
    return {"entry": raw.decode(), "hash": entry_digest(raw)}


def _sealed() -> Iterator[dict[str, Any]]:
    body = {"model_id": 'quotes " and \\', "confidence": 1.0, "deep": [{"é": None}]}
    draft = Draft("decision", "rec_0000000000000001", STREAM, ACTOR, body, {"input": f"sha256:{'a' * 64}"})
    for place in (0, 2**53 - 1):
        where = {"log": ORIGIN, "index": place, "sequence": place, "time_ms": NOON + 1, "previous_hash": ZERO_DIGEST}
        raw = draft.prepare().seal(**where)  # type: ignore[arg-type]
        yield {"place": where, **_described(raw)}


def _read(level: int, index: int) -> bytes:
    return root_hash(TREE[index << level : (index + 1) << level])


def _hexes(hashes: list[bytes]) -> list[str]:
    return [each.hex() for each in hashes]


def tree(size: int) -> dict[str, Any]:
    """One tree over the first leaves: its root and every proof there is."""
    return {
        "size": size,
        "leaf_data": [f"leaf {number}" for number in range(size)],
        "root": root_hash(TREE[:size]).hex(),
        "inclusion": [_hexes(inclusion_proof(index, size, _read)) for index in range(size)],
        "consistency": [_hexes(consistency_proof(first, size, _read)) for first in range(size + 1)],
    }


def _many() -> Iterator[dict[str, Any]]:
    for indices in ([], [0], [19], [3, 4, 5, 6], [0, 7, 8, 19], list(range(20))):
        yield {
            "size": 20,
            "indices": indices,
            "leaves": _hexes([TREE[index] for index in indices]),
            "nodes": _hexes(many_proof(indices, 20, _read)),
            "root": root_hash(TREE).hex(),
        }


def _notes() -> Iterator[dict[str, Any]]:
    log = story()
    good = log.checkpoint(signers=[log_signer(), witness()])
    yield {"about": "signed by the log and cosigned by the witness", "note": good, "opens": True, "witnesses": 1}
    yield {"about": "signed by the log alone", "note": log.checkpoint(), "opens": True, "witnesses": 0}
    extended = log.checkpoint(extensions=("first extension", "second"))
    yield {"about": "with extension lines", "note": extended, "opens": True, "witnesses": 0}
    for about, note in _bad_notes(good, log):
        yield {"about": about, "note": note, "opens": False}


def _bad_notes(good: str, log: VectorLog) -> Iterator[tuple[str, str]]:
    yield "no signature", good.partition("\n\n")[0] + "\n\n"
    yield "no blank line before the signatures", good.replace("\n\n", "\n")
    yield "another size", good.replace("\n4\n", "\n5\n")
    yield "a size with a leading zero", good.replace("\n4\n", "\n04\n")
    yield "a negative size", log.checkpoint(size=0, signers=[log_signer()]).replace("\n0\n", "\n-1\n")
    yield "a root of 31 bytes", log.checkpoint(root=b"x" * 31)
    yield "no last newline", good.rstrip("\n")
    yield "a blank in place of the dash", good.replace("— ", "  ")
    yield "a tab in the body", log.checkpoint(extensions=("a\tb",))
    yield (
        "another origin under the right key's name",
        log.checkpoint(origin="other.example/log", signers=[log_signer()]),
    )
    yield "only the witness", log.checkpoint(signers=[witness()])


def _receipts() -> Iterator[dict[str, Any]]:
    log = story()
    note = log.checkpoint()
    for index, raw in enumerate(log.raws):
        receipt = make_receipt(raw, index, 4, inclusion_proof(index, 4, log.read), note)
        yield {"hash": entry_digest(raw), "receipt": receipt}


def _valid_bundles() -> Iterator[tuple[str, bytes]]:
    made = dict(honest_bundles())
    index = [{"file": f"{name}.zip", "about": about, "quorum": quorum} for name, (about, quorum, _) in made.items()]
    yield "bundles/valid/index.json", pretty(index)
    for name, (_, _, data) in made.items():
        yield f"bundles/valid/{name}.zip", data


def honest_bundles() -> Iterator[tuple[str, tuple[str, int, bytes]]]:
    """Name → what it is, the quorum of witnesses to ask for, and its bytes."""
    log = story()
    everything = log.contents(range(4))
    yield "whole_log", ("All entries of a log.", 0, sign(files_of(everything)))
    later = log.contents(range(1, 4), start=2)
    yield "range_with_start", ("The end of a log, from an earlier checkpoint.", 0, sign(files_of(later)))
    witnessed = log.contents(range(4), checkpoint=log.checkpoint(signers=[log_signer(), witness()]))
    yield "witnessed", ("All entries, under a head that a witness has cosigned.", 1, sign(files_of(witnessed)))
    scope = {"record_ids": [FIRST]}
    chosen = log.contents([0, 3], scope=scope, completeness=bundle.SELECTION, disclosures=())
    yield "selection_undisclosed", ("One decision and its override, nothing disclosed.", 0, sign(files_of(chosen)))
    body = {"record_id": SECOND, "record_hash": entry_digest(log.raws[1]), "parts": ["input", "output"]}
    log.append("payload_erased", "ers_0000000000000001", body, {"reason": "asked by the person"})
    left = [part for index in (0, 2, 3, 4) for part in log.shown(log.ids[index])]
    erased = log.contents(range(5), disclosures=left, created_at=format_time(log.now()))
    yield "erased", ("A payload was erased; every proof still holds.", 0, sign(files_of(erased)))
    empty = log.contents([], disclosures=(), scope={"model_id": "no such model"}, completeness=bundle.SELECTION)
    yield "empty", ("No entry fits the scope.", 0, sign(files_of(empty)))
    for name, about, data in honest_sessions():
        yield name, (about, 0, data)


def _invalid_bundles() -> Iterator[tuple[str, bytes]]:
    yield "bundles/invalid/index.json", pretty([_expectation(each) for each in FORGERIES])
    for each in FORGERIES:
        yield f"bundles/invalid/{each.name}.zip", each.make()


def _expectation(forgery: Forgery) -> dict[str, Any]:
    return {
        "file": f"{forgery.name}.zip",
        "about": forgery.about,
        "quorum": forgery.quorum,
        "exit_code": forgery.exit_code,
        "step": forgery.step,
        "says": forgery.says,
    }


def main() -> int:
    """Write the vectors, or compare."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--check", action="store_true", help="change nothing; fail if a vector differs or is missing")
    check = options.parse_args().check
    different = [name for name, data in all_vectors() if not same(VECTORS / name, data, check=check)]
    for name in different:
        print(f"vectors/{name} {'differs' if check else 'written'}")
    return 1 if check and different else 0


def same(file: Path, data: bytes, *, check: bool) -> bool:
    """Whether the file holds these bytes already; makes it so unless only checking."""
    if file.is_file() and file.read_bytes() == data:
        return True
    if not check:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return False


if __name__ == "__main__":
    sys.exit(main())

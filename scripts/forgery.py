"""What a forged bundle is, and the tools to make one: honest bundles to tamper with, and a way to sign anything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scripts.vectorlog import VectorLog, files_of, sign
from xase.proof import bundle
from xase.proof.canonical import canonical, parse_canonical
from xase.proof.digest import leaf_hash

FIRST: Final = "rec_0000000000000001"
SECOND: Final = "rec_0000000000000002"
THIRD: Final = "rec_0000000000000003"


@dataclass(frozen=True)
class Forgery:
    """A bundle that must not verify: `step` and `says` are of the finding that must be there."""

    name: str
    step: int
    says: str
    make: Callable[[], bytes]
    exit_code: int = 6
    quorum: int = 0

    @property
    def about(self) -> str:
        """What was done, in a sentence."""
        return (self.make.__doc__ or "").strip()


def forgery(step: int, says: str, **more: Any) -> Callable[[Callable[[], bytes]], Forgery]:
    """Make a forgery of a function that makes its bundle."""
    return lambda make: Forgery(make.__name__, step, says, make, **more)


def story(count: int = 3) -> VectorLog:
    """Some decisions, and an override of the first."""
    log = VectorLog()
    for number in range(1, count + 1):
        log.decide(f"rec_{number:016x}")
    log.intervene("int_0000000000000001", FIRST)
    return log


def pack(log: VectorLog, indices: Sequence[int] | None = None, **changes: Any) -> bytes:
    """An honest bundle of a log that may be anything."""
    return sign(files_of(log.contents(range(len(log.raws)) if indices is None else indices, **changes)))


def honest_files(**changes: Any) -> dict[str, bytes]:
    """The files of an honest bundle, to be tampered with."""
    log = story()
    return files_of(log.contents(range(len(log.raws)), start=2, **changes))


def edit_json(files: dict[str, bytes], name: str, **changes: Any) -> dict[str, bytes]:
    """The files with members of a JSON file changed."""
    return files | {name: canonical(parse_canonical(files[name]) | changes)}


def with_entries(files: dict[str, bytes], raws: Sequence[bytes]) -> bytes:
    """The bundle with other entries, and proofs that name their hashes."""
    files = edit_json(files, bundle.PROOFS, leaves=[leaf_hash(raw).hex() for raw in raws])
    files |= {bundle.ENTRIES: b"".join(raw + b"\n" for raw in raws)}
    return sign(files, entry_count=len(raws))

"""The ledger and its static tile layout (docs/spec/evidence.md, section 4; c2sp.org/tlog-tiles)."""

from typing import Final

from xase.proof.checkpoint import parse_checkpoint, parse_note
from xase.proof.digest import format_digest
from xase.proof.tiles import TileError, parse_tile_path
from xase_server.domain.errors import invalid_field, not_found
from xase_server.web.answer import TEXT, Answer, json_answer
from xase_server.web.call import Call

_BYTES: Final = b"application/octet-stream"
_VARY: Final = (b"vary", b"Accept")


async def get_checkpoint(call: Call) -> Answer:
    """The newest checkpoint, taken apart or, where that is asked for, as a signed note."""
    note = await call.services.log.checkpoint()
    if call.accepts(b"text/plain") and not call.accepts(b"application/json"):
        return Answer(note.encode(), media=TEXT, headers=[_VARY])
    checkpoint = parse_checkpoint(parse_note(note).body)
    root = format_digest(checkpoint.root)
    answer = json_answer({"origin": checkpoint.origin, "size": checkpoint.size, "root": root, "note": note})
    answer.headers.append(_VARY)
    return answer


async def get_note(call: Call) -> Answer:
    """The newest checkpoint where monitors look for it."""
    return Answer((await call.services.log.checkpoint()).encode(), media=TEXT)


async def list_entries(call: Call) -> Answer:
    """The organisation's entries in the log's order."""
    query = call.query
    return json_answer(await call.services.log.entries(call.who, query["start"], query["limit"]))


async def prove_inclusion(call: Call) -> Answer:
    """That an entry is in the tree."""
    query = call.query
    return json_answer(await call.services.log.inclusion(call.who, query["entry"], query["size"]))


async def prove_consistency(call: Call) -> Answer:
    """That one tree begins as another ended."""
    first, second = call.query["first"], call.query["second"]
    if second is not None and first > second:
        raise invalid_field("first", "Must not be above second", summary="Invalid query parameters")
    return json_answer(await call.services.log.consistency(first, second))


async def get_tile(call: Call) -> Answer:
    """256 hashes of one level of the tree, or fewer at its right edge."""
    level, number, width = _place(f"tile/{call.path['level']}/{call.path['number']}")
    assert level is not None, "entry bundles have a route of their own"
    return Answer(await call.services.log.tile(level, number, width), media=_BYTES)


async def get_entry_bundle(call: Call) -> Answer:
    """The entries under one tile of hashes."""
    _, number, width = _place(f"tile/entries/{call.path['number']}")
    return Answer(await call.services.log.entry_bundle(number, width), media=_BYTES)


def _place(path: str) -> tuple[int | None, int, int]:
    try:
        return parse_tile_path(path)
    except TileError:
        raise not_found("tile", path) from None


async def get_signing_keys(call: Call) -> Answer:
    """All public keys."""
    return json_answer(call.services.log.signing_keys())

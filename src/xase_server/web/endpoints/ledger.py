"""The ledger: checkpoint, entries, proofs, and the static tiles that transparency-log tools read."""

from dataclasses import replace
from typing import Final

from xase.proof.checkpoint import MAX_SIZE
from xase_server.domain.principals import LEDGER_READ, LOG_MONITOR
from xase_server.web import examples
from xase_server.web.endpoint import PUBLIC, Caching, Endpoint, Reply
from xase_server.web.handlers import ledger
from xase_server.web.parameters import MAX_OFFSET, Integer, Parameter, PathParameter, Text
from xase_server.web.schemas import Checkpoint, ConsistencyProof, EntryList, InclusionProof, SigningKeys

_GROUP: Final = "Ledger"
_BYTES: Final = "application/octet-stream"
_NOTE: Final = "text/plain; charset=utf-8"
_TILE_NUMBER: Final = r"(x[0-9]{3}/){0,4}[0-9]{3}(\.p/[0-9]{1,3})?"
assert MAX_OFFSET < MAX_SIZE

NUMBER: Final = PathParameter(
    name="number",
    resource="tile",
    description="Number in groups of three digits, `x001/x234/067`; `.p/W` behind it for a partial tile of width W.",
    example="x001/x234/067",
    pattern=_TILE_NUMBER,
)
LEVEL: Final = PathParameter(
    name="level",
    resource="tile",
    description="The tile's level; leaves are level 0.",
    example="0",
    pattern="[0-9]{1,2}",
)


def _size(name: str, description: str, example: int, *, required: bool = False) -> Parameter:
    return Parameter(
        name=name, kind=Integer(0, MAX_OFFSET), description=description, example=example, required=required
    )


LEDGER: Final = (
    Endpoint(
        method="GET",
        path="/v1/ledger/checkpoint",
        name="get_checkpoint",
        access=LEDGER_READ,
        group=_GROUP,
        summary="Get the newest checkpoint",
        description="Taken apart, with its C2SP signed note; with `Accept: text/plain` the note alone.",
        handler=ledger.get_checkpoint,
        caching=Caching.PRIVATE,
        answers={
            200: Reply(
                description="The checkpoint.",
                schema=Checkpoint,
                example=examples.CHECKPOINT,
                also={_NOTE: examples.NOTE},
            )
        },
    ),
    Endpoint(
        method="GET",
        path="/v1/ledger/entries",
        name="list_entries",
        access=LEDGER_READ,
        group=_GROUP,
        summary="Read ledger entries",
        description="In the log's order; other organisations' entries show as hashes. Go on with `start` = "
        "`next_start` until that is null.",
        handler=ledger.list_entries,
        parameters=(
            replace(_size("start", "Index in the log to begin at.", 0), default=0),
            Parameter(
                name="limit", kind=Integer(1, 100), default=20, example=20, description="How many entries at most."
            ),
        ),
        answers={
            200: Reply(
                description="Entries.",
                schema=EntryList,
                example=examples.ENTRIES,
            )
        },
    ),
    Endpoint(
        method="GET",
        path="/v1/ledger/proof/inclusion",
        name="prove_inclusion",
        access=LEDGER_READ,
        group=_GROUP,
        summary="Prove that an entry is in the tree",
        handler=ledger.prove_inclusion,
        parameters=(
            Parameter(
                name="entry",
                kind=Text(64),
                required=True,
                example="rec_8a7f3b2c4d5e6f7a",
                description="The entry's id, or its index in the log.",
            ),
            _size("size", "The size of the tree; the newest checkpoint's when left out.", 98766),
        ),
        answers={200: Reply(description="The proof.", schema=InclusionProof, example=examples.INCLUSION)},
        errors=("not_found",),
    ),
    Endpoint(
        method="GET",
        path="/v1/ledger/proof/consistency",
        name="prove_consistency",
        access=LEDGER_READ,
        group=_GROUP,
        summary="Prove that the log was only appended to",
        description="That the tree of `second` entries begins with the tree of `first` entries.",
        handler=ledger.prove_consistency,
        parameters=(
            _size("first", "The size of the older tree.", 1000, required=True),
            _size("second", "The size of the newer tree; the newest checkpoint's when left out.", 98766),
        ),
        answers={200: Reply(description="The proof.", schema=ConsistencyProof, example=examples.CONSISTENCY)},
    ),
    Endpoint(
        method="GET",
        path="/log/checkpoint",
        name="get_log_checkpoint",
        access=PUBLIC,
        group=_GROUP,
        summary="Get the checkpoint as monitors do",
        description="The static layout of C2SP tlog-tiles begins here.",
        handler=ledger.get_note,
        caching=Caching.FRESH,
        answers={200: Reply(description="A signed note.", media=_NOTE, example=examples.NOTE)},
    ),
    Endpoint(
        method="GET",
        path="/log/tile/entries/{number...}",
        name="get_entry_bundle",
        access=LOG_MONITOR,
        group=_GROUP,
        summary="Get the entries under a tile",
        description="Entries of every organisation: for auditors of the whole log, whose key the operator makes.",
        handler=ledger.get_entry_bundle,
        path_parameters=(NUMBER,),
        caching=Caching.PRIVATE_IMMUTABLE,
        answers={200: Reply(description="Entries, each behind its length in two bytes.", media=_BYTES)},
    ),
    Endpoint(
        method="GET",
        path="/log/tile/{level}/{number...}",
        name="get_tile",
        access=PUBLIC,
        group=_GROUP,
        summary="Get a tile of hashes",
        handler=ledger.get_tile,
        path_parameters=(LEVEL, NUMBER),
        caching=Caching.IMMUTABLE,
        answers={200: Reply(description="Up to 256 hashes of 32 bytes.", media=_BYTES)},
    ),
    Endpoint(
        method="GET",
        path="/.well-known/xase-signing-keys.json",
        name="get_signing_keys",
        access=PUBLIC,
        group=_GROUP,
        summary="Get all public keys",
        description="Past ones included, so that old evidence goes on verifying.",
        handler=ledger.get_signing_keys,
        caching=Caching.MINUTES,
        answers={200: Reply(description="The keys.", schema=SigningKeys, example=examples.SIGNING_KEYS)},
    ),
)

"""Everything below the web, opened: a store, its ledger and the secrets, as the server and every command need them."""

import secrets
from dataclasses import dataclass

from xase.proof.checkpoint import NoteError, open_checkpoint
from xase_server.domain.clock import Clock, SystemClock
from xase_server.domain.entries import Claim, Unit
from xase_server.domain.ids import new_id
from xase_server.domain.principals import Principal
from xase_server.home import Custody, Home, HomeProblem, write_private
from xase_server.ledger.append import Ledger
from xase_server.ports import Storage
from xase_server.services.keys import append_key, mint, new_secret
from xase_server.services.reading import Reader
from xase_server.settings import Settings
from xase_server.storage import open_storage


@dataclass(frozen=True, slots=True)
class Core:
    """Everything below the web: a store, its ledger and the secrets, joined."""

    settings: Settings
    home: Home
    storage: Storage
    custody: Custody
    ledger: Ledger
    clock: Clock

    @property
    def reader(self) -> Reader:
        """Reads of the store, for asynchronous code."""
        return Reader(self.storage)

    def close(self) -> None:
        """Answer what waits, then give back the store."""
        self.ledger.close()
        self.storage.close()


def open_core(
    settings: Settings,
    *,
    clock: Clock | None = None,
    storage: Storage | None = None,
    accept_head: bool = False,
    accept_clock: bool = False,
) -> Core:
    """Open the store, make what a first start needs, and begin to append.

    `accept_head` and `accept_clock` are an operator's decisions; see `Ledger.start`.

    Raises HomeProblem when the key files do not belong to this log, StorageUnavailable when the
    database cannot be used.
    """
    clock = clock or SystemClock()
    home = Home(settings.home)
    home.prepare()
    storage = storage or open_storage(settings.database, home.path, readers=settings.postgres_readers)
    storage.initialise(settings.log_origin or f"xase.local/{secrets.token_hex(8)}")
    head = storage.read(lambda reads: reads.head())
    custody = home.custody(head.log, clock.now_ms())
    _refuse_foreign_log(head.checkpoint, custody)
    ledger = Ledger(
        storage,
        custody.log,
        clock,
        head_file=home.head,
        queue_limit=settings.queue_limit,
        claim_hours=settings.idempotency_hours,
        retired=custody.ring.log_verifiers,
    )
    ledger.start(accept_head=accept_head, accept_clock=accept_clock)
    if head.size == 0 and ledger.problem is None:
        _make_admin(settings, home, ledger, clock)
    return Core(settings, home, storage, custody, ledger, clock)


def _refuse_foreign_log(checkpoint: str, custody: Custody) -> None:
    try:
        if checkpoint:
            open_checkpoint(checkpoint, custody.ring.log_verifiers)
    except NoteError as error:
        raise HomeProblem(
            "The key files in this home did not sign the log of this database; restore the right keys folder"
        ) from error


def _make_admin(settings: Settings, home: Home, ledger: Ledger, clock: Clock) -> None:
    """The first key.

    Its file comes before its entry: a start that crashed in between, or another server of this
    home, left a secret that is taken up here, and the claim lets one of them win.
    """
    write_private(home.admin_key, f"{new_secret()}\n".encode())
    minted = mint(
        organisation=settings.organisation or new_id("org"),
        email=settings.admin_email,
        name="made at first start",
        role="admin",
        now_ms=clock.now_ms(),
        secret=home.admin_key.read_text().strip(),
    )
    operator = Principal(minted.row.organisation, "key_operator", settings.admin_email, "operator", frozenset())
    ledger.append_now(Unit((append_key(operator, minted.row),), Claim("operator", "first-start", b"", b"")))

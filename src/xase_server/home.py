"""The home folder: what lies where, and the secrets that must stay outside the database.

    DIR/xase.db          the embedded database (unless --database names another)
    DIR/xase.db-lists    its lists of decisions, made anew where they are missing
    DIR/head             the newest checkpoint, held outside the database: a cut tail is seen at start
    DIR/admin.key        the first API key, written once
    DIR/data/            the storage root `data`: files that datasets may be registered from
    DIR/datasets/        dataset versions
    DIR/keys/log.pem     Ed25519, signs checkpoints
    DIR/keys/document.pem  RSA-3072, signs bundles and interventions
    DIR/keys/seal.key    32 random bytes: seals secrets at rest, authenticates cursors
    DIR/keys/master.key  32 random bytes: what the keys of transforms are derived from
    DIR/keys/master.key.1, .2, …  the ones before it: sessions that began with them keep them
    DIR/keys/ring.json   all public keys with their periods, past ones included

Source: docs/spec/evidence.md, section 5.
"""

import contextlib
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count, takewhile
from pathlib import Path
from typing import Final, TypeVar

from xase.proof.keys import DocumentSigner, DocumentVerifier, LogSigner, LogVerifier, Seal
from xase_server.domain.keyring import KeyRing, PublicKey, Use, read_key
from xase_server.durable import sync

_PRIVATE: Final = 0o600
_MASTER_BYTES: Final = 32

T = TypeVar("T")


class HomeProblem(Exception):
    """The home folder cannot be used as it is; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Custody:
    """The secrets of one server, loaded, and the public keys that others check it by."""

    log: LogSigner
    document: DocumentSigner
    seal: Seal
    cursor_secret: bytes
    ring: KeyRing


@dataclass(frozen=True, slots=True)
class Home:
    """One home folder."""

    path: Path

    @property
    def database(self) -> Path:
        """The embedded database."""
        return self.path / "xase.db"

    @property
    def head(self) -> Path:
        """The newest checkpoint, held outside the database."""
        return self.path / "head"

    @property
    def admin_key(self) -> Path:
        """The first API key, in clear, for its owner to take."""
        return self.path / "admin.key"

    @property
    def keys(self) -> Path:
        """The folder of secrets."""
        return self.path / "keys"

    @property
    def data(self) -> Path:
        """The storage root `data`."""
        return self.path / "data"

    @property
    def datasets(self) -> Path:
        """The folder of dataset versions."""
        return self.path / "datasets"

    def prepare(self) -> None:
        """Create the folders, readable by their owner only. Raises HomeProblem where that cannot be done."""
        for folder in (self.path, self.keys, self.data, self.datasets):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                reason = "there is a file of that name" if isinstance(error, FileExistsError) else error.strerror
                raise HomeProblem(f"{folder} cannot be made: {reason}") from error

    def custody(self, origin: str, now_ms: int) -> Custody:
        """The secrets, made on first use with mode 0600.

        Raises HomeProblem when a key file may be read by others, or is not what it should be.
        """
        seal_key = self._secret("seal.key", Seal.generate)
        seal = self._opened("seal.key", lambda: Seal(seal_key))
        log_pem = self._secret("log.pem", lambda: LogSigner.generate(origin).to_pem().encode())
        log = self._opened("log.pem", lambda: LogSigner.from_pem(origin, log_pem))
        document_pem = self._secret("document.pem", lambda: DocumentSigner.generate().to_pem().encode())
        document = self._opened("document.pem", lambda: DocumentSigner.from_pem(document_pem))
        return Custody(
            log=log,
            document=document,
            seal=seal,
            cursor_secret=hmac.digest(seal_key, b"xase/cursor/v1", hashlib.sha256),
            ring=self._ring(log, document, now_ms),
        )

    def master_keys(self, elsewhere: Path | None = None) -> tuple[bytes, ...]:
        """The secrets that the keys of transforms are derived from, oldest first; the last is in use.

        The one in use is a file of the operator's, or made on first use; older ones lie beside it. Raises
        HomeProblem for a file that cannot be read or has too little in it.
        """
        file = self._master_file(elsewhere)
        if elsewhere is None:
            self._secret(file.name, lambda: secrets.token_bytes(_MASTER_BYTES))
        retired = [_master_key(each) for each in _retired(file)]
        current = _master_key(file)
        if retired[-1:] == [current]:  # a rotation was interrupted: that key is still in use
            return tuple(retired)
        if current in retired:
            raise HomeProblem(f"{file} is a master key of before: put back the one that was in use last")
        return (*retired, current)

    def rotate_master_key(self, elsewhere: Path | None = None) -> int:
        """Put a new master key in use, durably; gives its number. No server may use this home meanwhile."""
        file, keys = self._master_file(elsewhere), self.master_keys(elsewhere)
        write_private(file.with_name(f"{file.name}.{len(keys)}"), keys[-1])
        replace_private(file, secrets.token_bytes(_MASTER_BYTES))
        return len(keys) + 1

    def _master_file(self, elsewhere: Path | None) -> Path:
        return elsewhere or self.keys / "master.key"

    def stage(self, use: Use, origin: str) -> LogVerifier | DocumentVerifier:
        """The public half of the key that will come next; it is made, and lies beside the one in use."""
        make = _makers(origin)[use]
        pem = self._secret(f"{use}.next.pem", lambda: make().to_pem().encode())
        return LogSigner.from_pem(origin, pem).verifier if use == "log" else DocumentSigner.from_pem(pem).verifier

    def adopt(self, use: Use, origin: str, now_ms: int) -> None:
        """The staged key is in use from now on; the one before it stays listed, with its end."""
        custody = self.custody(origin, now_ms)
        following = self.stage(use, origin)
        ended = [replace(key, valid_to_ms=now_ms) if key.use == use and key.valid_to_ms is None else key
                 for key in custody.ring.keys]  # fmt: skip
        ring = KeyRing([PublicKey(use, following, now_ms), *ended])
        replace_private(self.keys / "ring.json", json.dumps(ring.view(), indent=1).encode())
        (self.keys / f"{use}.next.pem").replace(self.keys / f"{use}.pem")
        sync(self.keys)

    def _ring(self, log: LogSigner, document: DocumentSigner, now_ms: int) -> KeyRing:
        """The listed keys; at the first start those in use, valid from now. Raises HomeProblem for an unlisted key."""
        file = self.keys / "ring.json"
        listed = self._opened("ring.json", lambda: _listed(file)) if file.exists() else []
        known = {key.verifier.public_pem for key in listed}
        fresh = [
            PublicKey(use, verifier, now_ms)
            for use, verifier in in_use(log, document)
            if verifier.public_pem not in known
        ]
        if listed and fresh:
            raise HomeProblem(
                f"{self.keys / fresh[0].use}.pem is not the key that ring.json lists: put the right one back, "
                "or replace keys with `xase-server signing-key rotate`"
            )
        ring = KeyRing([*fresh, *listed])
        if fresh:
            replace_private(file, json.dumps(ring.view(), indent=1).encode())
        return ring

    def _opened(self, name: str, read: Callable[[], T]) -> T:
        """What `read` makes of a key file. Raises HomeProblem naming the file when it is not what it should be."""
        try:
            return read()
        except (ValueError, LookupError, TypeError) as error:
            message = f"{self.keys / name} cannot be used: {error}. Restore the keys folder from your copy"
            raise HomeProblem(message) from error

    def has_keys(self) -> bool:
        """Whether the signing keys exist, as they do after the first start."""
        return (self.keys / "log.pem").exists()

    def _secret(self, name: str, make: Callable[[], bytes]) -> bytes:
        file = self.keys / name
        if not file.exists():
            write_private(file, make())
        if file.stat().st_mode & 0o077:
            raise HomeProblem(f"{file} may be read by others: chmod 600 it")
        return file.read_bytes()


def _listed(file: Path) -> list[PublicKey]:
    return [read_key(each) for each in json.loads(file.read_bytes())["keys"]]


def _retired(file: Path) -> Iterator[Path]:
    """The master keys before the one in `file`, oldest first."""
    beside = (file.with_name(f"{file.name}.{number}") for number in count(1))
    return takewhile(Path.exists, beside)


def _master_key(file: Path) -> bytes:
    try:
        key = file.read_bytes()
    except OSError as error:
        raise HomeProblem(f"The master key {file} cannot be read: {error.strerror}") from error
    if len(key) < _MASTER_BYTES:
        raise HomeProblem(f"A master key has at least {_MASTER_BYTES} bytes; {file} has {len(key)}")
    return key


def _makers(origin: str) -> dict[Use, Callable[[], LogSigner | DocumentSigner]]:
    return {"log": lambda: LogSigner.generate(origin), "document": DocumentSigner.generate}


def in_use(log: LogSigner, document: DocumentSigner) -> list[tuple[Use, LogVerifier | DocumentVerifier]]:
    """The public halves of the keys in use."""
    return [("log", LogVerifier.from_vkey(log.vkey)), ("document", DocumentVerifier(document.public_pem))]


def write_private(file: Path, content: bytes) -> None:
    """Write the file whole or not at all, durable, with mode 0600; an existing file stands."""
    temporary = _written(file, content)
    try:
        with contextlib.suppress(FileExistsError):  # another server of this home was first; its key is the key
            os.link(temporary, file)
    finally:
        temporary.unlink()
    sync(file.parent)


def replace_private(file: Path, content: bytes) -> None:
    """Write the file whole or not at all, durable, with mode 0600, in place of what was there."""
    _written(file, content).replace(file)
    sync(file.parent)


def _written(file: Path, content: bytes) -> Path:
    """A durable temporary file beside `file`."""
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return temporary

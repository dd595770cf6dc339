"""What a verifier trusts: public keys from outside the evidence, and how many witnesses it asks for."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from xase.proof.canonical import CanonicalError, parse_strict
from xase.proof.checkpoint import COSIGNATURE, NoteError, NoteVerifier, parse_vkey
from xase.proof.keys import DocumentVerifier, KeyMaterialError, LogVerifier, WitnessVerifier

_PEM: Final = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys a verification stands on, and how many witnesses must have cosigned the checkpoint."""

    log_keys: Sequence[NoteVerifier] = ()
    document_keys: Sequence[DocumentVerifier] = ()
    witnesses: Sequence[NoteVerifier] = ()
    quorum: int = 0


@dataclass(slots=True)
class _Keys:
    log: list[NoteVerifier] = field(default_factory=list)
    document: list[DocumentVerifier] = field(default_factory=list)
    witness: list[NoteVerifier] = field(default_factory=list)


def read_trust(texts: Iterable[str], quorum: int | None = None) -> Trust:
    """The trust that key files express.

    Each text is the JSON of `/.well-known/xase-signing-keys.json`, PEM public keys (document keys), or verifier lines
    of logs and witnesses. All witnesses must have cosigned unless `quorum` says how many. Raises KeyMaterialError,
    saying what is wrong, for any other text.
    """
    keys = _Keys()
    for text in texts:
        _read(text.strip(), keys)
    wanted = len({witness.name for witness in keys.witness}) if quorum is None else quorum
    return Trust(keys.log, keys.document, keys.witness, wanted)


def _read(text: str, keys: _Keys) -> None:
    try:
        if text.startswith("{"):
            _read_json(text, keys)
        elif "-----BEGIN" in text:
            _read_pem(text, keys)
        else:
            _read_lines(text, keys)
    except (NoteError, CanonicalError) as error:
        raise KeyMaterialError(str(error)) from error


def _read_pem(text: str, keys: _Keys) -> None:
    blocks = _PEM.findall(text)
    if not blocks:
        raise KeyMaterialError("not a public key in PEM")
    keys.document += map(_document_key, blocks)


def _document_key(pem: str) -> DocumentVerifier:
    try:
        return DocumentVerifier(pem)
    except KeyMaterialError as error:
        raise KeyMaterialError(f"{error}; a log's key is given as its verifier line, name+id+key") from error


def _read_lines(text: str, keys: _Keys) -> None:
    lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    if not lines:
        raise KeyMaterialError("no key in it")
    for line in lines:
        _add_vkey(line, keys)


def _add_vkey(line: str, keys: _Keys) -> None:
    _, algorithm, _ = parse_vkey(line)
    if algorithm == COSIGNATURE:
        keys.witness.append(WitnessVerifier.from_vkey(line))
    else:
        keys.log.append(LogVerifier.from_vkey(line))


def _read_json(text: str, keys: _Keys) -> None:
    listed = parse_strict(text.encode("utf-8", "surrogatepass")).get("keys")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise KeyMaterialError('expected {"keys": [{…}, …]}')
    for each in listed:
        add = _BY_USE.get(str(each.get("use")))
        if add is not None:  # other uses are for others
            add(each, keys)


def _text(key: Mapping[str, Any], name: str) -> str:
    value = key.get(name)
    if not isinstance(value, str):
        raise KeyMaterialError(f"key {key.get('kid')!r} has no {name}")
    return value


_BY_USE: Final[Mapping[str, Callable[[Mapping[str, Any], _Keys], None]]] = {
    "log": lambda key, keys: _add_vkey(_text(key, "vkey"), keys),
    "witness": lambda key, keys: _add_vkey(_text(key, "vkey"), keys),
    "document": lambda key, keys: keys.document.append(DocumentVerifier(_text(key, "public_key"))),
}

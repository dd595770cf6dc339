"""The edition of a dataset version that a contract's transforms make of it."""

from collections.abc import Mapping
from typing import Any, Final

from xase.proof.canonical import canonical
from xase.proof.digest import sha256_digest
from xase_server.domain.errors import unavailable
from xase_server.policy.contract import Contract
from xase_server.policy.sight import visible
from xase_server.ports import Edit, Library, Version
from xase_server.query.schema import Schema
from xase_server.services.grants import Grant
from xase_server.transforms.compiled import Transforms, compile_transforms, domain_of
from xase_server.transforms.keys import Keys, Masters
from xase_server.transforms.memo import Memory
from xase_server.transforms.tokenizing import GiveTokens

_DIVIDING: Final = frozenset({"noise", "date_shift"})


class Editing:
    """Changes versions under the keys of their sessions, all derived from a master key."""

    def __init__(self, library: Library, masters: Masters, give_tokens: GiveTokens) -> None:
        self._library = library
        self._masters = masters
        self._give_tokens = give_tokens
        self._memory = Memory()

    def edition(self, grant: Grant, source: Version) -> Version:
        """The version as the grant's contract shows values; the version itself where no transform is imposed."""
        contract = grant.contract
        if not contract.transforms:
            return source
        transforms = self.compiled(grant, _countable(contract), source.schema)
        shown = {name for name, _ in visible(contract, transforms.schema).members}
        counted = {path.partition(".")[0] for path in contract.entity_keys}
        columns = tuple(name for name, _ in transforms.schema.members if name in shown | counted)
        return self._library.edition(grant.dataset_id, grant.version, Edit(edit_name(grant), transforms, columns))

    def compiled(
        self, grant: Grant, specs: Mapping[str, Mapping[str, Any]], schema: Schema, *, asked: bool = False
    ) -> Transforms:
        """Transforms of this schema under the keys of the grant; `asked` for by the session, on top of its terms."""
        keys = Keys(self._master(grant), grant.holder, grant.dataset_id, grant.session_id, asked=asked)
        return compile_transforms(specs, schema, keys, memory=self._memory, give_tokens=self._give_tokens)

    def _master(self, grant: Grant) -> bytes:
        try:
            return self._masters.named(grant.session.master)
        except LookupError as error:
            raise unavailable("The master key that this session began with is not here", retry_after=60) from error


def _countable(contract: Contract) -> Mapping[str, Mapping[str, Any]]:
    """The transforms, none of which makes one subject look like several: such a field is left out."""
    return {
        path: {"op": "drop"} if path in contract.entity_keys and spec["op"] in _DIVIDING else spec
        for path, spec in contract.transforms.items()
    }


def keeps_tokens(contract: Contract) -> bool:
    """Whether to read rows under these terms may have to wait for the store."""
    return any(spec["op"] == "tokenize" for spec in contract.transforms.values())


def edit_name(grant: Grant) -> str:
    """The same for grants that see the same values; empty where no transform is imposed."""
    if not grant.contract.transforms:
        return ""
    contract = grant.contract.to_dict()
    decisive = {name: contract[name] for name in ("transforms", "fields", "deny_fields", "entity_keys")}
    return sha256_digest(canonical({**decisive, "session": own_values(grant), "master": grant.session.master}))


def own_values(grant: Grant) -> str | None:
    """The session, where it sees other values than every other one."""
    return grant.session_id if domain_of(grant.contract.transforms) == "grant" else None

"""Data records transformed on request (docs/spec/api.md, section 6).

    admitted → the rows as the session sees them → transformed further → release in the ledger → answered

What is asked for is done to what the session may read already, so that it can hide more and never less.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from msgspec import UNSET, Raw

from xase_server.delivery.records import json_records
from xase_server.domain.errors import Problems, invalid_field
from xase_server.domain.principals import Principal
from xase_server.domain.transformations import NewTransformation
from xase_server.policy.strength import Specs, strengthen
from xase_server.ports import RECORD_ID, Numbers
from xase_server.query.schema import Schema
from xase_server.services.anew import until_it_stands
from xase_server.services.data import Data, taken, within_reach
from xase_server.services.grants import Visit
from xase_server.services.planning import Plan, View
from xase_server.services.releases import Release, new_batch_id
from xase_server.services.wanted import Wanted
from xase_server.transforms.compiled import Transforms
from xase_server.transforms.safe_harbor import leaves, safe_harbor
from xase_server.transforms.specs import ALGORITHMS, InvalidSpec, misfits, read_spec

_VIA: Final = "transform"
_ANONYMIZE: Final = "anonymize"
_SAFE_HARBOR: Final = "safe_harbor"


@dataclass(frozen=True, slots=True)
class Transformed:
    """Data records as a JSON list; `key_id` names the key that was used, None where none was."""

    transformation_id: str
    records: Raw
    algorithm: str
    key_id: str | None


@dataclass(frozen=True, slots=True)
class _Wish:
    """What was asked for: a name for the ledger, how the answer calls it, and the transforms by path."""

    name: str
    algorithm: str
    specs: Specs


class Transforming:
    """Transforms data records for the sessions of the caller's organisation."""

    def __init__(self, data: Data) -> None:
        self._data = data

    async def run(self, who: Principal, session_id: str, asked: NewTransformation) -> Transformed:
        """The records, transformed; their release is durable when this returns.

        A field that does not exist or may not be seen is passed over. Raises what admission raises,
        `validation_error`, and `unavailable` when the ledger cannot be written: then nothing leaves.
        """
        async with self._data.gate.entered(who, session_id, _VIA) as visit:
            return await until_it_stands(partial(self._run, visit, asked))

    async def _run(self, visit: Visit, asked: NewTransformation) -> Transformed:
        grant = await visit.grant()
        plan = await self._data.planner.plan(grant, Wanted())
        wish = _read(asked, plan.shape.types)
        specs = strengthen(grant.contract.transforms, wish.specs)
        transforms = self._data.planner.editing.compiled(grant, specs, plan.shape.types, asked=True)
        numbers, records = await self._data.planner.run(partial(_made, plan, asked.record_ids, transforms))
        identifier = new_batch_id(_VIA)
        key_ids = sorted(set(transforms.key_ids.values()))
        release = Release(
            type=_VIA,
            via=_VIA,
            numbers=numbers,
            fields=plan.shape.fields,
            asked={"record_ids": asked.record_ids, "transformation": wish.name, "parameters": asked.parameters or {}},
            size=len(records),
            facts={
                "transformation": wish.name,
                "transforms": {path: spec["op"] for path, spec in specs.items()},
                "key_ids": key_ids,
            },
            parts={} if asked.metadata is UNSET else {"metadata": asked.metadata},
        )
        await self._data.releases.commit(grant, identifier, release)
        return Transformed(identifier, Raw(records), wish.algorithm, key_ids[0] if key_ids else None)


def _made(plan: Plan, record_ids: Sequence[str], transforms: Transforms) -> tuple[Numbers, bytes]:
    numbers = _numbers(plan.view, list(dict.fromkeys(record_ids)))
    return numbers, json_records(transforms.apply(taken(plan, numbers), numbers), transforms.schema)


def _numbers(view: View, record_ids: Sequence[str]) -> Numbers:
    """The records' numbers; one that the policy leaves out is missing like one that does not exist."""
    known = [number for number in view.source.numbers_of(record_ids) if number is not None]
    numbers = within_reach(view, np.array(known, dtype=np.int64))
    missing = len(record_ids) - len(numbers)
    if missing:
        raise invalid_field("record_ids", f"{missing} of them are not among the records of this session")
    return numbers


# ---------------------------------------------------------------------------- what is asked


def _read(asked: NewTransformation, visible: Schema) -> _Wish:
    """Raises `validation_error` naming the parameter that is wrong."""
    parameters = {} if asked.parameters is UNSET else dict(asked.parameters)
    if asked.transformation == _SAFE_HARBOR:
        if parameters:
            raise invalid_field("parameters", "safe_harbor takes none")
        return _Wish(_SAFE_HARBOR, _SAFE_HARBOR, safe_harbor(visible))
    fields = _fields(parameters.pop("fields", None))
    anonymize = asked.transformation == _ANONYMIZE
    op = parameters.pop("method", None) if anonymize else asked.transformation
    spec = {**parameters, "op": op}
    paths = [path for field in fields for path in _leaves(visible, field)]
    _check(spec, paths, visible, "parameters.method" if anonymize else "transformation")
    return _Wish(asked.transformation, ALGORITHMS.get(op, op), dict.fromkeys(paths, spec))


def _fields(given: Any) -> list[str]:
    if not isinstance(given, list) or not given or not all(isinstance(each, str) for each in given):
        raise invalid_field("parameters.fields", "Must be a list of the fields to transform")
    if RECORD_ID in given:
        raise invalid_field("parameters.fields", f"{RECORD_ID} stays as it is")
    return given


def _leaves(visible: Schema, field: str) -> Iterator[str]:
    """The single values that a path names; none for a path without a field."""
    return (path for path, _ in leaves(visible) if path == field or path.startswith(f"{field}."))


def _check(spec: Mapping[str, Any], paths: Sequence[str], visible: Schema, op_field: str) -> None:
    problems = Problems()
    try:
        read = read_spec(spec)
        faults = [(path, fault) for path in paths for fault in misfits(read, path, visible)]
    except InvalidSpec as invalid:
        read, faults = None, [("", fault) for fault in invalid.faults]
    for path, (name, message) in faults:
        said = f"{path}: {message}" if path else message
        problems.add(op_field if name == "op" else f"parameters.{name}", said)
    problems.refuse_if_any()

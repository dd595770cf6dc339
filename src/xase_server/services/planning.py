"""From a grant and a query to a plan: what may be seen, what was asked, which records that finds.

    contract → visible schema → query read against it → inside the contract's rows → engine → record numbers

Heavy work runs on threads of its own, few at a time, so that a heavy query waits and nobody else does.
"""

import asyncio
import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np

from xase.proof.canonical import canonical
from xase_server.delivery.shape import Shape, shape_of
from xase_server.domain.errors import Refused, unavailable
from xase_server.policy.contract import Contract, read_contract
from xase_server.policy.decide import Violation
from xase_server.policy.load import has_name
from xase_server.policy.sight import filterable, visible
from xase_server.ports import Engine, Library, Numbers, Version, VersionUnavailable
from xase_server.query.limits import DEFAULTS, QuerySettings
from xase_server.query.nodes import TRUE, And, Node, Not
from xase_server.query.parse import parse_fields, parse_filter, parse_find
from xase_server.query.rewrite import simplified
from xase_server.query.schema import Schema
from xase_server.query.stages import Find
from xase_server.services.editing import Editing, edit_name, keeps_tokens, own_values
from xase_server.services.governance import policy_violation
from xase_server.services.grants import Grant
from xase_server.services.selections import Every, Listed, Selection, Selections, Shared
from xase_server.services.wanted import Wanted
from xase_server.services.withdrawn import Withdrawn
from xase_server.transforms.keys import Masters
from xase_server.transforms.tokenizing import GiveTokens

T = TypeVar("T")

_INAPPLICABLE: Final = Violation(
    "policy_not_applicable", "The policy in force cannot be applied to this version of the data; ask for access again"
)
_MOST_KEPT: Final = 2_048
_MOST_VIEWS: Final = 256
"""Each keeps its version open."""


@dataclass(frozen=True, slots=True)
class View:
    """A dataset version as one contract shows it.

    `rows` is the condition on rows that the session began with, `barrier` what has come on top since. A
    place in the answer to a query counts all of `rows`, so that cursors hold; what lies behind the barrier
    is left out on the way. `number` stands for the view itself, and `key` for what finds its records: they are
    looked up for each request, and hashing a whole schema takes long. `engine` sees the visible fields of `rows`,
    `barred` only those before the barrier. `version` has values as the contract's transforms leave them;
    conditions on rows are of `source`, raw. Where it `keeps_tokens`, taking rows of `version` may block.
    """

    number: int
    key: Hashable
    barrier_key: Hashable
    source: Version
    version: Version
    visible: Schema
    filterable: Schema
    rows: Node
    barrier: Node
    engine: Engine
    barred: Engine
    keeps_tokens: bool

    def counting(self, beside: Mapping[str, str]) -> Engine:
        """`barred`, with the columns that name the subjects beside: their number is told, never who they are."""
        there = {name: column for name, column in beside.items() if self.version.schema.member(column) is not None}
        return self.version.engine.seeing(self.visible, simplified(And((self.rows, self.barrier))), there)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which records, in which order, and what of them may leave; `hidden` are those behind the barrier, ascending."""

    view: View
    wanted: Wanted
    shape: Shape
    selection: Selection
    hidden: Selection

    def step(self, start: int, most: int) -> tuple[Numbers, int]:
        """The next numbers from a place on, at most so many, and the place behind them."""
        found: list[Numbers] = []
        missing, place = most, start
        while missing and place < len(self.selection):
            numbers = self.selection.numbers(place, place + missing)
            place += len(numbers)
            found.append(self._open(numbers))
            missing -= len(found[-1])
        return (found[0] if len(found) == 1 else np.concatenate([_NONE, *found])), place

    @property
    def total(self) -> int:
        """How many records the query finds that may leave."""
        if not len(self.hidden):
            return len(self.selection)
        return len(self._open(self.selection.numbers(0, len(self.selection))))

    def _open(self, numbers: Numbers) -> Numbers:
        if not len(self.hidden):
            return numbers
        return numbers[~np.isin(numbers, self.hidden.numbers(0, len(self.hidden)), assume_unique=True)]


_NONE: Final[Numbers] = np.empty(0, dtype=np.int64)


class Planner:
    """Makes plans, and keeps what they are made of."""

    def __init__(
        self,
        library: Library,
        withdrawn: Withdrawn,
        masters: Masters,
        give_tokens: GiveTokens,
        *,
        limits: QuerySettings = DEFAULTS,
        workers: int = 2,
    ) -> None:
        self.limits = limits
        self._library = library
        self._withdrawn = withdrawn
        self.editing = Editing(library, masters, give_tokens)
        self._selections = Selections()
        self._views: dict[Hashable, View] = {}
        self._read: dict[Hashable, tuple[Find, Shape]] = {}
        self._numbers = itertools.count()
        self._schemas: dict[Schema, int] = {}
        self._terms: dict[Hashable, int] = {}
        self._numbered: dict[bytes, int] = {}
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="xase-query")

    def close(self) -> None:
        """Let what runs end; nothing more is begun."""
        self._workers.shutdown(cancel_futures=True)

    async def view(self, grant: Grant) -> View:
        """The grant's version as its contract shows it.

        Raises `unavailable` when its files cannot be read, `policy_violation` when a policy that came later
        asks for what this version does not have.
        """
        found = self._views.get(self._name(grant))
        return found if found is not None else await self.run(lambda: self._view(grant))

    async def plan(self, grant: Grant, wanted: Wanted) -> Plan:
        """The plan of a query; raises `invalid_query`, or `unavailable`."""
        view = await self.view(grant)
        ready = self._ready(view, wanted)
        return ready if ready is not None else await self.run(lambda: self._plan(view, wanted))

    def opened(self, dataset_id: str, number: int) -> Version:
        """A version of a dataset. Blocks; raises VersionUnavailable."""
        return self._library.open(dataset_id, number)

    def places(self, dataset_id: str, newest: int, record_id: str) -> Mapping[int, int]:
        """Version → number of a data record, in the versions that have it. Blocks."""
        found = ((number, self._library.open(dataset_id, number)) for number in range(1, newest + 1))
        numbers = ((number, version.number_of(record_id)) for number, version in found)
        return {version: number for version, number in numbers if number is not None}

    async def run(self, work: Callable[[], T]) -> T:
        """Run blocking work on the query threads; raises `unavailable` when a version's files cannot be read."""
        with readable():
            return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    # ------------------------------------------------------------------ what a contract shows

    def _view(self, grant: Grant) -> View:
        source = self._library.open(grant.dataset_id, grant.version)
        _refuse_inapplicable(grant, source.schema, self.limits)
        version = self.editing.edition(grant, source)
        seen = visible(grant.contract, version.schema)
        begun = read_contract(grant.session.contract).row_filters
        added = [each for each in grant.contract.row_filters if each not in begun]
        rows = self._conditions(source, begun)
        consented = self._withdrawn.condition(grant.dataset_id, grant.version, source, grant.withdrawn)
        barrier = simplified(And((self._conditions(source, added), consented)))
        view = View(
            number=next(self._numbers),
            key=(
                grant.dataset_id,
                grant.version,
                edit_name(grant),
                self._number_of(seen),
                canonical([dict(each) for each in begun]),
            ),
            barrier_key=(grant.withdrawn, canonical([dict(each) for each in added])),
            source=source,
            version=version,
            visible=seen,
            filterable=filterable(grant.contract, seen),
            rows=rows,
            barrier=barrier,
            engine=version.engine.seeing(seen, rows),
            barred=version.engine.seeing(seen, simplified(And((rows, barrier)))),
            keeps_tokens=keeps_tokens(grant.contract),
        )
        _keep(self._views, self._name(grant), view, most=_MOST_VIEWS)
        return view

    def _name(self, grant: Grant) -> Hashable:
        """The same for grants that show the same. Hashes are salted, so that each session has others."""
        return (
            grant.dataset_id,
            grant.version,
            self._number_of_terms(grant.session.contract_hash, lambda: read_contract(grant.session.contract)),
            self._number_of_terms(grant.contract_hash, lambda: grant.contract),
            grant.withdrawn,
            own_values(grant),
        )

    def _number_of_terms(self, cited: str, contract: Callable[[], Contract]) -> int:
        """What stands for the terms that entries cite by this hash: the same for the same terms."""
        number = self._terms.get(cited)
        if number is None:
            if len(self._numbered) >= _MOST_KEPT:
                self._numbered.clear()
            number = self._numbered.setdefault(canonical(contract().terms()), next(self._numbers))
            _keep(self._terms, cited, number)
        return number

    def _number_of(self, schema: Schema) -> int:
        """What stands for a schema: the same for the same members. A number is never given twice."""
        if len(self._schemas) >= _MOST_KEPT:
            self._schemas.clear()
        return self._schemas.setdefault(schema, next(self._numbers))

    def _conditions(self, version: Version, filters: Iterable[Mapping[str, Any]]) -> Node:
        """Filters of the holder: they see every field, raw."""
        return simplified(And(tuple(parse_filter(each, version.schema, self.limits) for each in filters)))

    # ------------------------------------------------------------------ what a query finds

    def read(self, view: View, wanted: Wanted) -> tuple[Find, Shape]:
        """The query against what the view shows: what to find, and what of it leaves; raises `invalid_query`."""
        key = (view.number, wanted.canonical)
        found = self._read.get(key)
        if found is None:
            find = parse_find(wanted.find, view.visible, self.limits, filterable=view.filterable)
            projection, _ = parse_fields(wanted.fields, view.visible, self.limits)
            found = find, shape_of(projection, view.visible)
            _keep(self._read, key, found)
        return found

    def _ready(self, view: View, wanted: Wanted) -> Plan | None:
        """The plan, if nothing has to be run or parsed for it."""
        if (view.number, wanted.canonical) not in self._read or view.barrier != TRUE:
            return None
        find, shape = self.read(view, wanted)
        base = _every(view, find) or self._selections.get((view.key, wanted.found_by))
        return None if base is None else _planned(view, wanted, shape, base)

    def _plan(self, view: View, wanted: Wanted) -> Plan:
        find, shape = self.read(view, wanted)
        plan = _planned(view, wanted, shape, _every(view, find) or self._found(view, wanted, find))
        if view.barrier == TRUE:
            return plan
        return replace(plan, hidden=self._selections.find((view.key, view.barrier_key), lambda: _hidden(view)))

    def _found(self, view: View, wanted: Wanted, find: Find) -> Selection:
        """Not by the nodes: they may hold lists, which cannot be keys."""
        return self._selections.find((view.key, wanted.found_by), lambda: _listed(view, view.engine, find))

    def numbers(self, view: View, find: Find) -> Numbers:
        """The records that a find reaches before the barrier, in its order. Blocks."""
        return np.asarray(view.barred.numbers(find), dtype=np.int64)


@contextmanager
def readable() -> Iterator[None]:
    """Around what reads a version's files: raises `unavailable` when they cannot be read, or were just closed."""
    try:
        yield
    except VersionUnavailable as error:
        raise unavailable("The dataset's files cannot be read now") from error


def _refuse_inapplicable(grant: Grant, schema: Schema, limits: QuerySettings) -> None:
    """Raise `policy_violation` where the version lacks what a row filter, or the count of subjects, needs.

    What a lab is told must not name it: these are the holder's own words.
    """
    contract = grant.contract
    try:
        for row_filter in contract.row_filters:
            parse_filter(row_filter, schema, limits)
        missing = [name for name in contract.entity_keys if not has_name(schema, name)]
    except Refused:
        missing = ["row_filter"]
    if missing:
        raise policy_violation(grant.session.policy_id, grant.session.policy_version, (_INAPPLICABLE,))


def _every(view: View, find: Find) -> Selection | None:
    """The answer to a query that asks for nothing in particular."""
    asks = find.filter != TRUE or view.rows != TRUE or find.sort or find.skip or find.limit
    return None if asks else Every(view.version.rows)


def _listed(view: View, engine: Engine, find: Find) -> Selection:
    return Listed.of(engine.numbers(find), view.version.rows)


def _hidden(view: View) -> Selection:
    """What lies behind the barrier, ascending."""
    return _listed(view, view.version.engine, Find(simplified(Not(view.barrier))))


def _planned(view: View, wanted: Wanted, shape: Shape, base: Selection) -> Plan:
    selection = base if wanted.shuffle is None else Shared(base, wanted.shuffle)
    return Plan(view, wanted, shape, selection, Every(0))


def _keep(kept: dict[Hashable, T], key: Hashable, value: T, most: int = _MOST_KEPT) -> None:
    if len(kept) >= most:
        kept.clear()
    kept[key] = value

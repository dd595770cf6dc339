"""What the API answers about datasets (docs/spec/api.md, section 3)."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import UNSET

from xase.proof.entry import format_time
from xase_server.domain.datasets import PROCESSING, FieldNote, Version
from xase_server.domain.objects import ObjectRow
from xase_server.ports import Progress
from xase_server.query.schema import ListOf, Scalar, Struct, Type
from xase_server.services.documents import dataset_of, version_of
from xase_server.services.views import View

_UNNOTED: Final = FieldNote()
Sees = Callable[[str], bool]


def offered_view(row: ObjectRow) -> View:
    """A dataset as another organisation sees it that may ask for access."""
    dataset = dataset_of(row)
    view: View = {
        "dataset_id": row.id,
        "organisation": row.organisation,
        "name": dataset.name,
        "status": row.status,
        "version": dataset.version,
        "created_at": format_time(row.created_ms),
    }
    return view | ({"description": dataset.description} if dataset.description else {})


def dataset_view(row: ObjectRow, newest: Version | None, progress: Progress | None) -> View:
    """A dataset as its holder sees it; `progress` is there while data of it is being read."""
    dataset = dataset_of(row)
    view = offered_view(row)
    if progress is not None and newest is None:
        view["status"] = PROCESSING
    said = {"id_field": dataset.id_field, "subject_field": dataset.subject_field, "policy_id": dataset.policy_id}
    said["derived_from"] = dataset.derived_from
    view |= {name: value for name, value in said.items() if value is not None}
    view["fields"] = {path: note_view(note) for path, note in dataset.fields.items()}
    if newest is not None:
        view |= {"rows": newest.rows, "bytes": newest.bytes, "digest": newest.digest}
    if dataset.failure is not None and (progress is None or newest is not None):
        view["failure" if newest is None else "last_failure"] = dataset.failure
    if progress is not None:
        view["progress"] = {"rows": progress.rows, "bytes": progress.bytes, "total_bytes": progress.total_bytes}
    return view


def note_view(note: FieldNote) -> View:
    """What the holder says of a field."""
    view: View = {"class": note.class_} | ({"description": note.description} if note.description else {})
    return view if note.scrub is UNSET else view | {"scrub": {"entities": list(note.scrub.entities)}}


def version_view(row: ObjectRow) -> View:
    """One version of a dataset."""
    version = version_of(row)
    view: View = {
        "dataset_id": version.dataset_id,
        "version": version.number,
        "mode": version.mode,
        "rows": version.rows,
        "bytes": version.bytes,
        "digest": version.digest,
        "created_at": format_time(row.created_ms),
    }
    if version.parent is not None:
        view["parent"] = {"dataset_id": version.parent.dataset_id, "version": version.parent.version}
    return view | ({"id_field": version.id_field} if version.id_field else {})


def fields_view(schema: Struct, notes: Mapping[str, FieldNote], sees: Sees, prefix: str = "") -> list[View]:
    """The fields that `sees` is true for, and those that hold such, each with its own below it."""
    shown = []
    for name, type_ in schema.members:
        path = f"{prefix}{name}"
        inner = _innermost(type_)
        below = fields_view(inner, notes, sees, f"{path}.") if isinstance(inner, Struct) else []
        if sees(path) or below:
            view: View = {"path": path, "type": _named(type_), **note_view(notes.get(path, _UNNOTED))}
            shown.append(view | ({"fields": below} if below else {}))
    return shown


def _innermost(type_: Type) -> Type:
    return _innermost(type_.element) if isinstance(type_, ListOf) else type_


def _named(type_: Type) -> str:
    """`string`, `struct`, `list<struct>`."""
    if isinstance(type_, ListOf):
        return f"list<{_named(type_.element)}>"
    return type_.kind.value if isinstance(type_, Scalar) else "struct"

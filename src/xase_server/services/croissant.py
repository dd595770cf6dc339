"""A dataset described in Croissant 1.0 (mlcommons.org/croissant), for catalogues and loaders.

It describes and never gives: the content's address is that of a session, where a policy decides.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from xase.proof.entry import format_time
from xase_server.domain.datasets import FieldNote, Version
from xase_server.domain.objects import ObjectRow
from xase_server.query.schema import Kind, ListOf, Struct, Type
from xase_server.services.dataset_views import Sees
from xase_server.services.documents import dataset_of, schema_of
from xase_server.services.views import View

_CONTEXT: Final[Mapping[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "column": "cr:column",
    "cr": "http://mlcommons.org/croissant/",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "isLiveDataset": "cr:isLiveDataset",
    "key": "cr:key",
    "recordSet": "cr:recordSet",
    "repeated": "cr:repeated",
    "sc": "https://schema.org/",
    "source": "cr:source",
    "subField": "cr:subField",
}
_TYPES: Final[Mapping[Kind, str]] = {
    Kind.BOOL: "sc:Boolean",
    Kind.INT: "sc:Integer",
    Kind.FLOAT: "sc:Float",
    Kind.DATE: "sc:DateTime",
}
_FILE: Final = "records"


def croissant(row: ObjectRow, version: Version | None, sees: Sees) -> View:
    """The description of a dataset, with the fields that `sees` is true for."""
    dataset = dataset_of(row)
    described: View = {
        "@context": dict(_CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "@id": row.id,
        "name": dataset.name,
        "description": dataset.description or dataset.name,
        "dateCreated": format_time(row.created_ms),
        "version": str(dataset.version),
        "isLiveDataset": True,
        "conditionsOfAccess": "Ask for access: POST /v1/access with this dataset's id and a purpose.",
    }
    if version is None:
        return described
    described["identifier"] = version.digest
    described["distribution"] = [_file(row)]
    fields = list(_fields(schema_of(version), dataset.fields, sees))
    described["recordSet"] = [
        {"@type": "cr:RecordSet", "@id": _FILE, "name": _FILE, "key": {"@id": f"{_FILE}/record_id"}, "field": fields}
    ]
    return described


def _file(row: ObjectRow) -> View:
    return {
        "@type": "cr:FileObject",
        "@id": "stream",
        "name": "stream",
        "description": "The records, as a session streams them.",
        "contentUrl": f"/v1/access?dataset_id={row.id}",
        "encodingFormat": "application/vnd.apache.arrow.stream",
    }


def _fields(schema: Struct, notes: Mapping[str, FieldNote], sees: Sees, prefix: str = "") -> Iterator[View]:
    for name, type_ in schema.members:
        path = f"{prefix}{name}"
        inner, repeated = _innermost(type_)
        below = list(_fields(inner, notes, sees, f"{path}.")) if isinstance(inner, Struct) else []
        if sees(path) or below:
            yield _field(path, inner, notes.get(path), below, repeated=repeated)


def _field(path: str, type_: Type, note: FieldNote | None, below: list[View], *, repeated: bool) -> View:
    view: View = {"@type": "cr:Field", "@id": f"{_FILE}/{path}", "name": path}
    if note is not None and note.description:
        view["description"] = note.description
    if below:
        return view | {"repeated": repeated, "subField": below}
    view["dataType"] = "sc:Text" if isinstance(type_, Struct | ListOf) else _TYPES.get(type_.kind, "sc:Text")
    return view | {"repeated": repeated, "source": {"fileObject": {"@id": "stream"}, "extract": {"column": path}}}


def _innermost(type_: Type) -> tuple[Type, bool]:
    repeated = isinstance(type_, ListOf)
    while isinstance(type_, ListOf):
        type_ = type_.element
    return type_, repeated

"""By which fields somebody could be recognised: what a holder names, and what it has said of the fields before."""

from collections.abc import Iterator, Sequence

from msgspec import UNSET, UnsetType

from xase_server.domain.anonymity import NewAnonymization, RiskWish
from xase_server.domain.datasets import Dataset, FieldClass, Version
from xase_server.domain.errors import Problems
from xase_server.ports import RECORD_ID, RiskQuestion
from xase_server.query.schema import Kind, Scalar, Schema, resolve
from xase_server.services.documents import schema_of
from xase_server.services.fitting import has_field
from xase_server.transforms.specs import is_subject

_QUASI = "quasi_identifiers"


def asked(dataset: Dataset, version: Version, wish: RiskWish) -> RiskQuestion:
    """The question of a holder; raises `validation_error` for fields that are no answer to it."""
    problems, schema = Problems(), schema_of(version)
    question = _question(dataset, schema, wish, problems)
    problems.refuse_if_any()
    return question


def asked_for(dataset: Dataset, version: Version, wish: NewAnonymization, removed: Sequence[str]) -> RiskQuestion:
    """The question that an anonymisation answers; no field that is to be removed may be part of it.

    Raises `validation_error`, also when fields that are classed as quasi-identifiers are left out.
    """
    problems, schema = Problems(), schema_of(version)
    question = _question(dataset, schema, wish, problems)
    for parameter, paths in ((_QUASI, question.quasi_identifiers), ("sensitive", question.sensitive)):
        for path in paths:
            if lies_in(path, removed):
                problems.add(parameter, f"{path[:200]} names a person or a record: the result is without it")
    forgotten = set(_classed(dataset, "quasi_identifier")) - set(question.quasi_identifiers)
    if forgotten:
        problems.add(_QUASI, f"Leaves out what is classed so: {', '.join(sorted(forgotten))[:200]}")
    if wish.l is not UNSET:
        _check_diverse(dataset, wish, question, problems)
    problems.refuse_if_any()
    return question


def _check_diverse(dataset: Dataset, wish: NewAnonymization, question: RiskQuestion, problems: Problems) -> None:
    if not question.sensitive:
        problems.add("l", "There is no sensitive field: name one, or class one so")
    beyond = set(_classed(dataset, "sensitive")) - set(question.sensitive)
    if wish.sensitive is UNSET and beyond:
        problems.add("sensitive", f"Not one plain value for each record, so name the others: {', '.join(beyond)[:200]}")


def removed_fields(dataset: Dataset, version: Version) -> Iterator[str]:
    """The fields that name a person, or a record, and so have no place among what looks alike."""
    schema = schema_of(version)
    named = (*_classed(dataset, "identifier"), dataset.subject_field, version.id_field)
    for path in dict.fromkeys(named):
        if path is not None and path != RECORD_ID and has_field(schema, path):
            yield path


def lies_in(path: str, above: Sequence[str]) -> bool:
    """Whether a field is one of these, or below one."""
    return any(path == each or path.startswith(f"{each}.") for each in above)


def _question(dataset: Dataset, schema: Schema, wish: RiskWish | NewAnonymization, problems: Problems) -> RiskQuestion:
    quasi = _named(wish.quasi_identifiers, _classed(dataset, "quasi_identifier"))
    sensitive = _named(wish.sensitive, [path for path in _classed(dataset, "sensitive") if _is_single(schema, path)])
    for parameter, paths in ((_QUASI, quasi), ("sensitive", sensitive)):
        for path in paths:
            if not _is_single(schema, path):
                problems.add(parameter, f"{path[:200]} is no field with one plain value for each record")
        if len(set(paths)) != len(paths):
            problems.add(parameter, "Names a field twice")
    if not quasi:
        problems.add(_QUASI, "Name at least one, or class fields as quasi_identifier")
    if set(quasi) & set(sensitive):
        problems.add("sensitive", "A field is either a quasi-identifier or sensitive")
    return RiskQuestion(quasi, sensitive, _subject(dataset, schema, problems))


def _subject(dataset: Dataset, schema: Schema, problems: Problems) -> str | None:
    path = dataset.subject_field
    if path is None or not has_field(schema, path):
        return None
    if not is_subject(schema, path):
        problems.add("subject_field", "Does not name one person for each record, so that persons cannot be counted")
    return path


def _named(wished: list[str] | UnsetType, classed: list[str]) -> tuple[str, ...]:
    return tuple(classed if wished is UNSET else wished)


def _classed(dataset: Dataset, class_: FieldClass) -> list[str]:
    return [path for path, note in dataset.fields.items() if note.class_ == class_]


def _is_single(schema: Schema, path: str) -> bool:
    type_ = resolve(schema, tuple(path.split(".")), in_filter=False)
    return path != RECORD_ID and isinstance(type_, Scalar) and type_.kind is not Kind.JSON

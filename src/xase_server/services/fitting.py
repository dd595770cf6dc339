"""Whether what a holder says of a dataset fits its data: notes on fields, the field of subjects, the policy."""

from collections.abc import Iterable

from msgspec import UNSET

from xase_server.domain.datasets import Dataset, Version, version_ref
from xase_server.domain.errors import Problems, Refused, invalid_field
from xase_server.domain.objects import Expectation, ObjectRow
from xase_server.domain.policies import policy_ref
from xase_server.policy.load import check_against, load
from xase_server.policy.model import Policy
from xase_server.ports import RECORD_ID, Reads
from xase_server.query.parse import parse_filter
from xase_server.query.schema import Schema, resolve
from xase_server.services.documents import dataset_of, policy_of, schema_of, version_of

_ABSENT = "The data has no such field"


def refuse_unfit(policy: Policy, version: Version, *, guards: bool = False) -> None:
    """Raise `validation_error` unless the policy means something for the version.

    Each of its fields, transforms and row filters must; of a policy that `guards` it with all other
    datasets, what must not fail (`xase_server.policy.load.check_against`).
    """
    schema = schema_of(version)
    check_against(policy, schema, lambda row_filter: parse_filter(row_filter, schema), guards=guards)


def fitted(
    reads: Reads, policies: Iterable[Policy], rows: Iterable[ObjectRow], *, guards: bool = False
) -> tuple[Expectation, ...]:
    """That datasets stay as they were found, which is so that all these policies fit them.

    Raises `validation_error` naming what does not fit which dataset.
    """
    policies, problems, expects = tuple(policies), Problems(), []
    for row in rows:
        expects.append(Expectation(row.ref, row.revision))
        version = newest_version(reads, row)
        if version is None:
            continue
        for policy in policies:
            try:
                refuse_unfit(policy, version, guards=guards)
            except Refused as refused:
                for each in refused.details:
                    problems.add(each["field"], f"{each['message']} (dataset {dataset_of(row).name})")
    problems.refuse_if_any("The policy does not fit the datasets that it governs")
    return tuple(expects)


def newest_version(reads: Reads, row: ObjectRow) -> Version | None:
    """The version of a dataset that is read now."""
    number = dataset_of(row).version
    found = reads.object(version_ref(row.id, number)) if number else None
    return None if found is None else version_of(found)


def refuse_unknown_fields(version: Version, paths: Iterable[str], subject_field: str | None) -> None:
    """Raise `validation_error` naming each note, and the field of subjects, that the version has no field for."""
    schema = schema_of(version)
    problems = Problems()
    for path in paths:
        if not has_field(schema, path):
            problems.add(f"fields.{path}"[:256], _ABSENT)
    if subject_field is not None and not has_field(schema, subject_field):
        problems.add("subject_field", _ABSENT)
    problems.refuse_if_any()


def refuse_scrubbing(dataset: Dataset, *, installed: bool) -> None:
    """Raise `validation_error` for a note that asks for scrubbing where that cannot be done."""
    problems = Problems()
    for path, note in dataset.fields.items():
        place = f"fields.{path}.scrub"[:256]
        if note.scrub is not UNSET and not installed:
            problems.add(place, "This server cannot scrub text: its operator would install xase[presidio]")
        elif note.scrub is not UNSET and path in {dataset.id_field, dataset.subject_field, RECORD_ID}:
            problems.add(place, "This field names records or persons, and would no longer do so")
    problems.refuse_if_any()


def has_field(schema: Schema, path: str) -> bool:
    """Whether there is a field at a dotted path."""
    return resolve(schema, tuple(path.split(".")), in_filter=False) is not None


def find_policy(reads: Reads, organisation: str, policy_id: str) -> tuple[Policy, Expectation]:
    """The holder's policy in force, and that it still is; raises `validation_error` for `policy_id`."""
    row: ObjectRow | None = reads.object(policy_ref(organisation, policy_id))
    if row is None:
        raise invalid_field("policy_id", "There is no such policy")
    return load(policy_of(row).document), Expectation(row.ref, row.revision)


def in_words(refused: Refused) -> str:
    """What a refusal says, its fields named, as one line of text."""
    if not isinstance(refused.details, list):
        return refused.message
    said = "; ".join(f"{each['field']}: {each['message']}" for each in refused.details)
    return f"{refused.message}: {said}"

"""Whether what a holder says of a dataset fits its data: notes on fields, the field of subjects, the policy."""

from collections.abc import Iterable

from xase_server.domain.datasets import Version
from xase_server.domain.errors import Problems, Refused, invalid_field
from xase_server.domain.objects import Expectation, ObjectRow
from xase_server.domain.policies import policy_ref
from xase_server.policy.load import check_against, load
from xase_server.policy.model import Policy
from xase_server.ports import Reads
from xase_server.query.parse import parse_filter
from xase_server.query.schema import Schema, resolve
from xase_server.services.documents import policy_of, schema_of

_ABSENT = "The data has no such field"


def refuse_unfit(policy: Policy, version: Version) -> None:
    """Raise `validation_error` unless each field and row filter of the policy means something for the version."""
    schema = schema_of(version)
    check_against(policy, schema, lambda row_filter: parse_filter(row_filter, schema))


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

"""`safe_harbor`: the 18 classes of identifiers of HIPAA's Safe Harbor method, found by the names of fields.

45 CFR 164.514(b)(2)(i), (A) to (R). A name is all that is looked at: what a field does not say by its name,
or free text holds, is not found, and the second half of the rule, (ii), is the holder's to judge.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from xase_server.query.schema import Kind, ListOf, Scalar, Schema, Struct, Type

_REDACT: Final[Mapping[str, Any]] = {"op": "redact"}
_YEAR: Final[Mapping[str, Any]] = {"op": "generalize", "part": "year"}
_AGES: Final[Mapping[str, Any]] = {"op": "generalize", "width": 1, "top": 90}

_AGE: Final = frozenset({"age", "ages"})
_NAMES: Final = """
    name names surname forename firstname lastname middlename fullname maiden
    address street city county precinct zip zipcode postcode postal parish latitude longitude geocode geo lat lon
    birthdate dob birthday
    phone telephone tel mobile cell fax email mail
    ssn social mrn medicalrecord patient subject member beneficiary insurance policyholder
    account iban license licence certificate passport
    vehicle plate vin device serial imei mac url website ip ipaddress
    fingerprint voiceprint iris biometric photo image portrait face
    id identifier uuid guid nhs username login
"""
"""The words of a field's name that put it into a class: in this order (A), (B), (C) where it is no date, (D) to (F),
(G) to (I), (J) and (K), (L) to (O), (P) and (Q), (R)."""
_IDENTIFYING: Final = frozenset(_NAMES.split())
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def safe_harbor(schema: Schema) -> dict[str, Mapping[str, Any]]:
    """The transform of each field of a class, by path: dates to the year, ages from 90 on in one, all else gone."""
    found = ((path, _wish(path.rpartition(".")[2], kind)) for path, kind in leaves(schema) if path != "record_id")
    return {path: wish for path, wish in found if wish is not None}


def leaves(type_: Type, path: str = "") -> Iterator[tuple[str, Kind]]:
    """The paths of all single values, and their kinds; lists are passed through."""
    while isinstance(type_, ListOf):
        type_ = type_.element
    if isinstance(type_, Scalar):
        yield path, type_.kind
    elif isinstance(type_, Struct):
        for name, member in type_.members:
            yield from leaves(member, f"{path}.{name}" if path else name)


def _wish(name: str, kind: Kind) -> Mapping[str, Any] | None:
    words = {word.lower() for word in _WORDS.findall(name)}
    if kind is Kind.DATE:
        return _YEAR
    if words & _AGE and kind in {Kind.INT, Kind.FLOAT}:
        return _AGES
    joined = name.lower().replace("_", "").replace("-", "")
    return _REDACT if words & _IDENTIFYING or joined in _IDENTIFYING else None

"""A JSON Schema in words: what a field may hold, in a clause a person reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a table of fields."""

    name: str
    form: str
    required: bool
    description: str


def fields_of(name: str, schemas: Mapping[str, Schema]) -> list[Field]:
    """The fields of a named object, the required ones first, otherwise as declared."""
    schema = schemas[name]
    required = schema.get("required", [])
    listed = [
        Field(field, form_of(said), field in required, said.get("description", ""))
        for field, said in schema.get("properties", {}).items()
    ]
    return sorted(listed, key=lambda field: not field.required)


def form_of(schema: Schema) -> str:
    """What a value may be: `string, 1–256 characters`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        formats = [each["format"] for each in schema["anyOf"] if set(each) == {"format"}]
        return " or ".join(formats or map(form_of, schema["anyOf"]))
    if "enum" in schema:
        return "one of " + ", ".join(f"`{each}`" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"array of {form_of(schema.get('items', {}))}" + _span(schema, "minItems", "maxItems", " items")
    form = str(schema.get("format", schema.get("type", "any value")))
    return form + _span(schema, "minLength", "maxLength", " characters") + _span(schema, "minimum", "maximum", "")


def _span(schema: Schema, low: str, high: str, unit: str) -> str:
    least, most = schema.get(low), schema.get(high)
    if most is None:
        return "" if least is None else f", at least {least:,}{unit}"
    return f", up to {most:,}{unit}" if least is None else f", {least:g}–{most:,}{unit}"

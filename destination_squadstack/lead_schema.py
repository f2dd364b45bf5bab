"""The schema of a lead: a quick check of each field that is derived from it, and words for what fails.

The JSON schema decides what is valid. The quick check is one look at a value's class, and a test holds the two
together: only a lead that fails it is looked at with jsonschema, to find the words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft7Validator, validators

from squadstack_common.lossless_json import TooLarge

_CLASSES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
    "boolean": (bool,),
    "null": (type(None),),
}
_SAYS = {
    "minLength": "may not be blank",
    "maxLength": "may have at most {} characters",
    "minimum": "must be at least {}",
}
_FORMS = {
    "^(0|[1-9][0-9]{0,39})$": "must be an integer, or text that spells one",
    "^[A-Za-z]{2}$": "must be a code of two letters",
    r"^(?!\.\.?$)[^/\\]+$": "cannot be part of an address: it is . or .. or has a / or \\ in it",
}
_NOUNS = {
    str: "text",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    TooLarge: "a number that is too large",
    dict: "an object",
    list: "a list",
}


def _is_integer(_: object, value: object) -> bool:
    """Leave out 12.0, which JSON Schema calls an integer: an id in that form may have lost digits on its way."""
    return type(value) is int


RecordValidator: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft7Validator, type_checker=Draft7Validator.TYPE_CHECKER.redefine("integer", _is_integer)
)


@dataclass(frozen=True, slots=True)
class SchemaField:
    """A field of a lead, as the schema of its operation describes it."""

    name: str
    required: bool
    # Classes of which any value but an empty one is valid; none if the schema says more.
    quick: frozenset[type]
    as_text: bool
    strict: bool
    # Whether a list takes no lead without it.
    in_list: bool


def fields_of(schema: Mapping[str, Any], list_requires: frozenset[str]) -> list[SchemaField]:
    """Return the fields that a schema describes; `list_requires` are those that a list takes no lead without."""
    fields = []
    for name, rule in schema["properties"].items():
        if "type" not in rule:
            continue
        kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
        as_text = "string" in kinds and "integer" in kinds
        strict = not rule.keys() <= {"type", "minLength", "title", "description"}
        quick = frozenset(kind for word in kinds for kind in _CLASSES[word] if not (as_text and kind is int))
        fields.append(
            SchemaField(
                name=name,
                required=name in schema["required"],
                quick=frozenset() if strict else quick,
                as_text=as_text,
                strict=strict,
                in_list=name in list_requires,
            )
        )
    return fields


def problem_of(validator: Draft7Validator, lead: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a lead, nulls aside; None if nothing is."""
    stated = {k: v for k, v in lead.items() if v is not None}
    problem = min(validator.iter_errors(stated), key=lambda error: list(error.path), default=None)
    return None if problem is None else _describe(problem)


def _describe(problem: Any) -> str:
    """Say what is wrong with a record in the words of its schema, never with its values."""
    if problem.validator == "required":
        missing = [name for name in problem.validator_value if name not in problem.instance]
        return f"{missing[0]}: this field is required"
    where = ".".join(str(part) for part in problem.path)
    if said := _SAYS.get(problem.validator):
        return f"{where}: {said.format(problem.validator_value)}"
    if problem.validator == "pattern":
        return f"{where}: {_FORMS[problem.validator_value]}"
    kinds = problem.validator_value if isinstance(problem.validator_value, list) else [problem.validator_value]
    found = _NOUNS.get(type(problem.instance), "null")
    if problem.validator == "type":
        return f"{where}: must be {' or '.join(kinds)}, is {found}"
    return f"{where}: breaks the rule '{problem.validator}' of the schema"

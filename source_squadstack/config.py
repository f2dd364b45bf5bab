"""The configuration's rules that JSON schema cannot say, and its errors as sentences that name the field."""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft7Validator, ValidationError

SECTIONS = ("squadstack", "contact_center")


def without_empty_sections(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Drop sections that lack required fields and hold nothing but defaults: forms leave such shells behind."""
    return {
        name: value
        for name, value in config.items()
        if not (name in SECTIONS and is_shell(value, schema["properties"][name]))
    }


def is_shell(section: Any, schema: Mapping[str, Any]) -> bool:
    """Tell whether nobody filled in a section: no required field has a value, and every other is at its default."""
    if section is None:
        return True
    if not isinstance(section, Mapping):
        return False
    properties = schema["properties"]
    return all(
        value in (None, "", [])
        or (name in properties and "default" in properties[name] and value == properties[name]["default"])
        for name, value in section.items()
    )


def problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a configuration, a sentence each, without any of its values."""
    errors = sorted(Draft7Validator(schema).iter_errors(config), key=str_path)
    found = list(dict.fromkeys(describe(error) for error in errors))  # each missing field comes as an error of all
    if not found and not any(name in config for name in SECTIONS):
        needs = " or ".join(f"`{name}` ({', '.join(schema['properties'][name]['required'])})" for name in SECTIONS)
        found.append(f"No section is filled in: the source needs {needs}.")
    return found


def str_path(error: ValidationError) -> str:
    """Spell where an error lies: `squadstack.campaign_ids[0]`."""
    path = ""
    for part in error.absolute_path:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".")


def describe(error: ValidationError) -> str:
    """Say what is wrong with a field; jsonschema's own message would print the value, a token perhaps."""
    path, rule, limit = str_path(error), str(error.validator), error.validator_value
    schema: Any = error.schema
    value: Any = error.instance
    prefix = f"{path}." if path else ""
    if rule == "required":
        missing: Any = limit
        return f"Missing: {', '.join(f'`{prefix}{name}`' for name in missing if name not in value)}."
    if rule == "additionalProperties":
        unknown = sorted(set(value) - set(schema["properties"]))
        return f"Not a known field: {', '.join(f'`{prefix}{name}`' for name in unknown)}."
    return f"`{path}` {demand(rule, limit, schema)}."


def demand(rule: str, limit: Any, schema: Mapping[str, Any]) -> str:
    """Say what a rule demands of a value."""
    sentences = {
        "type": f"must be of type {limit}",
        "enum": f"must be one of {', '.join(map(str, limit)) if isinstance(limit, list) else limit}",
        "minimum": f"must be at least {limit}",
        "maximum": f"must be at most {limit}",
        "minLength": "must not be empty",
        "minItems": "must name at least one",
        "uniqueItems": "must not name one twice",
        "pattern": f"must look like {schema.get('pattern_descriptor', limit)}",
    }
    return sentences.get(rule, f"breaks the rule `{rule}`")

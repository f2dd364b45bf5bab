"""The configuration's rules that JSON schema cannot say, and its errors as sentences that name the field."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft7Validator, ValidationError, validators

# Each section, and its field that holds an address.
SECTIONS = {"squadstack": "base_url", "contact_center": "portal_url", "webhooks": "url"}
ENABLED, DISABLED = "enabled", "disabled"


def plain_schema(published: Mapping[str, Any]) -> dict[str, Any]:
    """Return the specification without what Airbyte's form needs: sections are closed objects with required fields."""
    properties = {
        name: plain_section(rule) if name in SECTIONS else rule for name, rule in published["properties"].items()
    }
    return {**published, "properties": properties}


def plain_section(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section's rules: its fields, with what the option that is on requires, and no others."""
    rules = {name: rule for name, rule in section.items() if name not in ("oneOf", "dependencies")}
    options = {option["properties"]["mode"]["const"]: option for option in section.get("oneOf", ())}
    if options:
        rules["required"] = options[ENABLED]["required"]
        rules["properties"] = {**section["properties"], "mode": {"enum": list(options)}}
    return {**rules, "additionalProperties": False}


def without_empty_sections(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Drop sections that are switched off, and those that lack required fields and hold nothing but defaults.

    Forms leave the latter behind. `mode` is the form's alone: a section without it is on.
    """
    return {
        name: without_mode(value) if name in SECTIONS else value
        for name, value in config.items()
        if not (name in SECTIONS and (mode_of(value) == DISABLED or is_shell(value, schema["properties"][name])))
    }


def mode_of(section: Any) -> Any:
    """Return what Airbyte's form says of a section: `enabled`, `disabled` or nothing."""
    return section.get("mode") if isinstance(section, Mapping) else None


def without_mode(section: Any) -> Any:
    """Return a section without the mode that is no more than its presence."""
    if mode_of(section) != ENABLED:
        return section
    return {name: value for name, value in section.items() if name != "mode"}


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
    """Return what is wrong with a configuration, a sentence each, without any of its values.

    It is held to the plain form of the published schema: of that one's choices errors would name no field.
    """
    schema = plain_schema(schema)
    errors = sorted(StrictValidator(schema).iter_errors(config), key=str_path)
    found = list(dict.fromkeys(describe(error) for error in errors))  # each missing field comes as an error of all
    if not found:
        found = [problem for name in SECTIONS if name in config for problem in contradictions(name, config[name])]
    if not found and not any(name in config for name in SECTIONS):
        needs = " or ".join(f"`{name}` ({', '.join(schema['properties'][name]['required'])})" for name in SECTIONS)
        found.append(f"No section is filled in: the source needs {needs}.")
    return found


def strict_pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    """Hold a text to a pattern to its last character: `$` lets a line break pass, and a pasted token may have one."""
    if isinstance(value, str) and (not re.search(pattern, value) or value.endswith("\n")):
        yield ValidationError("does not match")


# 4.0 is an integer for JSON schema, and a TypeError for what counts with it.
StrictValidator = validators.extend(  # type: ignore[no-untyped-call]  # the stubs have no types for it
    Draft7Validator,
    {"pattern": strict_pattern},
    type_checker=Draft7Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def contradictions(name: str, section: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a pattern cannot tell: dates that no calendar has, addresses that no host can have."""
    if "start_date" in section:
        yield from date_problems(f"{name}.start_date", section["start_date"])
    field = SECTIONS[name]
    if field in section and not is_address(section[field]):
        yield f"`{name}.{field}` is not an address that a host can have."


def date_problems(path: str, value: str) -> Iterator[str]:
    """Yield why a date is none, or none to read from."""
    try:
        start = datetime.fromisoformat(value)
    except ValueError:
        yield f"`{path}` is not a date of the calendar."
        return
    if start.replace(tzinfo=UTC) < datetime(1970, 1, 2, tzinfo=UTC):
        yield f"`{path}` lies before 1970."


HOST = re.compile(
    r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?|\S*:\S*"
)


def is_address(url: str) -> bool:
    """Tell whether an address has a host and port that can be; requests ends in errors of its own over others."""
    try:
        parts = urlsplit(url)
        return bool(HOST.fullmatch(parts.hostname or "")) and parts.port != 0
    except ValueError:
        return False


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
        "maxItems": f"must name at most {limit}; read the others by another source",
        "uniqueItems": "must not name one twice",
        "pattern": f"must look like {schema.get('pattern_descriptor', limit)}",
    }
    return sentences.get(rule, f"breaks the rule `{rule}`")

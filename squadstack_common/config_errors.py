"""Violations of a connection specification, as sentences that name the field and never its value.

jsonschema's own messages quote the value, which may be a token.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft7Validator, ValidationError, validators


def problems(config: Mapping[str, Any], schema: Mapping[str, Any], *, field: str = "{}") -> list[str]:
    """Return what is wrong with a config, in the order of its fields; `field` is how a message spells a field."""
    errors = sorted(_Validator(schema).iter_errors(config), key=lambda error: [str(part) for part in error.path])
    # Each missing field is an error of its own, and all of them are described by any of these.
    return list(
        dict.fromkeys(f"{field.format(at)} {says}." for error in errors for at, says in _describe(error, error.path))
    )


def address_problems(config: Mapping[str, Any], fields: Mapping[str, str], *, field: str = "{}") -> list[str]:
    """Return which addresses no host can have; requests ends in errors of its own over them.

    Args:
        config: A config without violations of its schema.
        fields: Each section's field that holds an address.
        field: How a message spells a field.
    """
    given = {f"{section}.{name}": config.get(section, {}).get(name) for section, name in fields.items()}
    return [
        f"{field.format(at)} is not an address that a host can have."
        for at, url in given.items()
        if url is not None and not _is_address(url)
    ]


_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?|\S*:\S*")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(_HOST.fullmatch(parts.hostname or "")) and parts.port != 0
    except ValueError:
        return False


def _pattern(_: object, pattern: str, value: object, __: object) -> Iterator[ValidationError]:
    """Check a pattern as browsers do: Python's "$" also allows a line break at the end, as pasted tokens have it."""
    if isinstance(value, str) and (
        re.search(pattern, value) is None or (pattern.endswith("$") and value.endswith("\n"))
    ):
        yield ValidationError("does not match")


# 4.0 is an integer for JSON schema, and a TypeError for what counts with it.
_Validator: Any = validators.extend(  # type: ignore[no-untyped-call]  # the stubs have no types for it
    Draft7Validator,
    {"pattern": _pattern},
    type_checker=Draft7Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def _describe(error: ValidationError, path: Iterable[str | int]) -> Iterator[tuple[str, str]]:
    """Yield the fields that an error is about, and what is wrong with each."""
    limit: Any = error.validator_value
    schema: Any = error.schema
    given: Any = error.instance
    match error.validator:
        case "required":
            yield from ((_spell([*path, name]), "is missing") for name in limit if name not in given)
        case "additionalProperties":
            unknown = sorted(set(given) - set(schema["properties"]))
            yield from ((_spell([*path, name]), "is not a field that this connector knows") for name in unknown)
        case "oneOf":
            yield from _describe_choice(error, path)
        case rule:
            yield _spell(path), _demand(str(rule), limit, schema)


def _describe_choice(error: ValidationError, path: Iterable[str | int]) -> Iterator[tuple[str, str]]:
    """Explain a failed choice by the option that its constant names: the choice's own error names no field."""
    options: Any = error.validator_value
    given: Any = error.instance
    key = next(name for name, rule in options[0]["properties"].items() if "const" in rule)
    by_constant = {option["properties"][key]["const"]: option for option in options}
    chosen = given.get(key) if isinstance(given, dict) else None
    if not isinstance(chosen, str) or chosen not in by_constant:
        yield _spell([*path, key]), f"must be one of: {', '.join(by_constant)}"
        return
    for inner in _Validator(by_constant[chosen]).iter_errors(given):
        yield from _describe(inner, [*path, *inner.path])


_DEMANDS = {
    "type": "must be {}",
    "enum": "must be one of: {}",
    "pattern": "must look like this: {}",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "minLength": "is empty",
    "minItems": "must name at least one",
    "maxItems": "must name at most {}; read the others by another source",
    "uniqueItems": "must not name one twice",
}


def _demand(rule: str, limit: Any, schema: Mapping[str, Any]) -> str:
    """Say what a rule demands of a value."""
    match rule:
        case "type":
            limit = f"{'an' if limit[0] in 'aio' else 'a'} {limit}"
        case "enum":
            limit = ", ".join(map(str, limit))
        case "pattern":
            limit = schema.get("pattern_descriptor", limit)
    return _DEMANDS.get(rule, f"breaks the rule '{rule}' of the specification").format(limit)


def _spell(path: Iterable[str | int]) -> str:
    """Spell a path as users read it: `streams[0].ref_id`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")

"""The sections of a config: which of them are filled in, and what is meant by a field that is left out.

Airbyte's form makes a choice (`oneOf`) of a section that may be left out, told apart by the field `mode`, and leaves
shells of sections behind that nobody filled in. Programs write plain sections. Both mean the same.
"""

from collections.abc import Mapping
from typing import Any

ENABLED, DISABLED = "enabled", "disabled"


def plain_schema(published: Mapping[str, Any]) -> dict[str, Any]:
    """Return a specification without what Airbyte's form needs: every object below the top is closed.

    A section that may be left out is an object with its required fields, where the published one is a choice:
    a choice's errors name no field. The top stays open: the stock runner passes the manifest itself in there.
    """
    return {**published, "properties": {name: _closed(rule) for name, rule in published["properties"].items()}}


def _closed(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a field's rules with every object in them closed: a misspelt field must not be passed over."""
    closed = {name: value for name, value in rule.items() if name != "dependencies"}
    if modes := _modes(rule):
        del closed["oneOf"]
        closed["required"] = modes[ENABLED]["required"]
        closed["properties"] = {**rule["properties"], "mode": {"enum": list(modes)}}
    if "properties" in closed:
        closed["properties"] = {name: _closed(field) for name, field in closed["properties"].items()}
        closed["additionalProperties"] = False
    if "oneOf" in closed:
        closed["oneOf"] = [_closed(option) for option in closed["oneOf"]]
    if "items" in closed:
        closed["items"] = _closed(closed["items"])
    return closed


def _modes(rule: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the options of a section that may be left out, by their mode; none of any other field."""
    options = [option for option in rule.get("oneOf", ()) if "mode" in option["properties"]]
    return {option["properties"]["mode"]["const"]: option for option in options}


def filled_in(config: Mapping[str, Any], published: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config without what says nothing: null fields, shells, and sections that are switched off.

    `mode` is the form's alone: a section without it is on.
    """
    kept = {}
    for name, value in config.items():
        rule = published["properties"].get(name, {})
        mode = value.get("mode") if isinstance(value, Mapping) and _modes(rule) else None
        if value is None or mode == DISABLED or _is_shell(value, rule):
            continue
        kept[name] = {field: given for field, given in value.items() if field != "mode"} if mode == ENABLED else value
    return kept


def _is_shell(value: Any, rule: Mapping[str, Any]) -> bool:
    """Tell whether nobody filled in a section: it holds nothing but blanks and defaults."""
    if not isinstance(value, Mapping) or rule.get("type") != "object":
        return False
    fields = rule.get("properties", {})
    return all(given in (None, "", [], fields.get(name, {}).get("default")) for name, given in value.items())


def with_defaults(value: Any, rule: Mapping[str, Any]) -> Any:
    """Return a value that keeps to its rule, with the default of every field that it leaves out."""
    if isinstance(value, list):
        return [with_defaults(entry, rule.get("items", {})) for entry in value]
    if not isinstance(value, Mapping):
        return value
    fields = _chosen(rule, value).get("properties", {})
    left_out = {name: default for name, field in fields.items() if (default := _default(field)) is not None}
    return {**left_out, **{name: with_defaults(given, fields.get(name, {})) for name, given in value.items()}}


def _chosen(rule: Mapping[str, Any], value: Mapping[str, Any]) -> Any:
    """Return the option of a choice that a value's constant names; a rule without a choice is its own."""
    for option in rule.get("oneOf", ()):
        constants = {name: field["const"] for name, field in option["properties"].items() if "const" in field}
        if constants and constants.items() <= value.items():
            return option
    return rule


def _default(rule: Mapping[str, Any]) -> Any:
    """Return a field's default; an object of which every field has one is there without being named."""
    if "default" in rule or "properties" not in rule:
        return rule.get("default")
    fields = {name: _default(field) for name, field in rule["properties"].items()}
    return None if None in fields.values() else fields

"""What `discover` says of fields that the section `privacy` hashes or drops."""

from collections.abc import Mapping
from typing import Any

from source_squadstack.components.privacy import IMPERSONAL_STREAMS, masker_of
from squadstack_common.personal_fields import Kind
from squadstack_common.privacy_rules import IMPERSONAL, PERSON, FieldRule, Plan, PrivacyRules
from squadstack_common.privacy_settings import Action, PrivacySettings

_NUMBERS = (Kind.PHONE_NUMBER, Kind.PERHAPS_PHONE_NUMBER)
_DONE = {Action.HASH: "hashed", Action.DROP: "dropped"}


def as_masked(schema: Mapping[str, Any], stream: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stream's schema with the types that are left, and with what was done in the descriptions."""
    masker = masker_of(config, stream)
    if masker is None:
        return dict(schema)
    inside = _inside(PrivacySettings.of(config["privacy"]))
    of = IMPERSONAL if stream in IMPERSONAL_STREAMS else PERSON
    return {**schema, "properties": _properties(schema, masker.rules, of, inside)}


def _properties(schema: Mapping[str, Any], rules: PrivacyRules, of: int, inside: str) -> dict[str, Any]:
    found = {}
    for name, field in schema["properties"].items():
        rule = rules.rule(name, of)
        found[name] = masked = _field(field, rule, inside)
        if rule.plan is Plan.KEEP and "properties" in field:
            masked["properties"] = _properties(field, rules, rule.inside, inside)
    return found


def _field(field: Mapping[str, Any], rule: FieldRule, inside: str) -> dict[str, Any]:
    types = [field["type"]] if isinstance(field["type"], str) else list(field["type"])
    holds_more = not {"object", "array"}.isdisjoint(types)
    if rule.plan is Plan.MASK:
        said = _said(rule)
        kept = types if rule.action is Action.DROP else _hashed_types(types)
        if rule.action is Action.DROP and "null" not in kept:
            kept = ["null", *kept]
        told = {name: value for name, value in field.items() if name not in ("format", "airbyte_type")}
        if rule.action is Action.DROP:
            told = dict(field)
        return {**told, "type": kept if len(kept) > 1 else kept[0], "description": f"{field['description']} {said}"}
    if rule.plan is not Plan.KEEP and not holds_more:
        return {**field, "description": f"{field['description']} The record's own number and name are replaced in it."}
    if holds_more:
        return {**field, "description": f"{field['description']} {inside}"}
    return dict(field)


def _hashed_types(types: list[str]) -> list[str]:
    """Return the types of a value of which every part is hashed: lists and objects keep their shape."""
    return list(dict.fromkeys(each if each in ("null", "object", "array") else "string" for each in types))


def _said(rule: FieldRule) -> str:
    if rule.action is Action.DROP:
        return "Dropped by `privacy`: always null."
    of = " of the number in E.164" if rule.kind in _NUMBERS else ""
    return f"Hashed by `privacy`: HMAC-SHA256 over the salt{of}, 64 hex digits."


def _inside(settings: PrivacySettings) -> str:
    parts = [
        *((f"phone numbers are {_DONE[settings.phone_numbers]}",) if settings.phone_numbers is not Action.KEEP else ()),
        *((f"names are {_DONE[settings.names]}",) if settings.names is not Action.KEEP else ()),
        *(
            (f"fields of these names are {_DONE[settings.fields_action]}: {', '.join(settings.fields)}",)
            if settings.fields and settings.fields_action is not Action.KEEP
            else ()
        ),
    ]
    return f"By `privacy`, in it {'; '.join(parts)}."

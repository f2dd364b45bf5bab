"""What is wrong with a configuration that keeps to its specification, in sentences that name the field."""

import os
from collections.abc import Iterator
from typing import Any

from destination_squadstack.config import (
    BY_SYNC_MODE,
    Config,
    LocalStore,
    StreamEntry,
    Target,
    campaign_field_by,
    operation_of,
)
from destination_squadstack.operations import APIS, CONTACT_CENTER, OPERATIONS, offered_by
from destination_squadstack.record_rules.suppression import OnMatch
from destination_squadstack.record_rules.tombstones import OnDeleted


def blank_suppression(raw: dict[str, Any]) -> Iterator[str]:
    """Refuse a list that is meant and not named. Airbyte's form leaves the section behind, but never a blank path."""
    section = raw.get("suppression")
    if not isinstance(section, dict):
        return
    path = section.get("path")
    if isinstance(path, str) and not path.strip():
        yield "suppression.path is blank: name the list, or leave the field out if no number is to be held back."
    elif path is None and section.get("on_match") not in (None, OnMatch.REJECT):
        yield "suppression.path is missing: suppression.on_match says what to do about the numbers of a list."


def _missing_sections(config: Config) -> Iterator[str]:
    """Yield a problem for each section that a target uses and that is not filled in."""
    used = {target.api for target in config.targets}
    for api in APIS:
        if api in used and (section := config.missing_section(api)):
            yield f"{section} is missing: the api {api} needs it."


def contradictions(config: Config) -> Iterator[str]:
    """Yield the problems that a JSON schema for Airbyte's form cannot express."""
    yield from _missing_sections(config)
    if config.default is None and not config.streams:
        yield "default and streams are both empty: fill in one of them, so that records have somewhere to go."
    for target in config.targets:
        yield from _wrong_target(config, target)
    seen: set[tuple[str, str | None]] = set()
    for entry in config.streams:
        at = entry.at
        if (entry.stream, entry.namespace) in seen:
            yield f"{at}.stream names a stream that an earlier entry names already."
        seen.add((entry.stream, entry.namespace))
        yield from _wrong_field_map(entry)
        targets = [field.to for field in entry.field_map]
        if len(set(targets)) < len(targets):
            yield f"{at}.field_map fills one field twice."
    for target in config.targets:
        yield from _blank_names(target)
        yield from _wrong_filter(target)
        yield from _wrong_on_deleted(config, target)
        yield from _wrong_on_match(config, target)
        yield from _wrong_when_gone(config, target)
    if config.store is None:
        yield from _needs_a_store(config)
    if isinstance(config.store, LocalStore) and os.environ.get("DEPLOYMENT_MODE", "").lower() == "cloud":
        yield "object_storage_config.storage_type Local keeps nothing on Airbyte Cloud: choose another store."


def _wrong_field_map(entry: StreamEntry) -> Iterator[str]:
    for index, field in enumerate(entry.field_map):
        at = f"{entry.at}.field_map[{index}]"
        if field.to != field.to.strip():
            yield f"{at}.to has white space around it, which no field of a lead has: remove it."
        if field.source is not None and field.value is not None:
            yield f"{at} has both from and value: leave one out."
        elif field.source is None and field.value is None:
            yield f"{at}.from is missing."
        elif field.source is not None and not field.sources:
            yield f"{at}.from names no field."


def _blank_names(target: Target) -> Iterator[str]:
    """A blank name is no field's: deleted rows would be called, or all records go to one campaign."""
    for field in ("deleted_field", "ref_id_from", "campaign_id_from"):
        if (name := getattr(target, field)) is not None and not name.strip():
            yield f"{target.at}.{field} names no field."


def _wrong_filter(target: Target) -> Iterator[str]:
    for index, each in enumerate(target.filter):
        if not each.field.strip():
            # No record has such a field: a test of it would silently keep all of them back, or none.
            yield f"{target.at}.filter[{index}].field names no field."
        if each.test.needs_value and each.test.is_blank(each.value):
            yield f"{target.at}.filter[{index}].value is missing: {each.test} needs one."


def _wrong_on_deleted(config: Config, target: Target) -> Iterator[str]:
    at, action = f"{target.at}.on_deleted", target.on_deleted
    if action is OnDeleted.SKIP:
        return
    if (target.api, action) not in OPERATIONS:
        offered = " or ".join(each for each in OnDeleted if (target.api, each) in OPERATIONS or each is OnDeleted.SKIP)
        yield f"{at} is {action}, which the api {target.api} does not have: choose {offered}."
    elif action is OnDeleted.DELETE and not config.allow_delete:
        yield f"{at} is {action}, which purges leads for ever: set allow_delete to true if that is meant."


def _wrong_on_match(config: Config, target: Target) -> Iterator[str]:
    if config.suppression is None or config.suppression.on_match is not OnMatch.DISABLE:
        return
    if target.api == CONTACT_CENTER and operation_of(config, target) == "add_lead":
        yield (
            f"suppression.on_match is disable, but {target.at}.operation is add_lead, and the contact center disables "
            "no leads: choose reject."
        )


def _wrong_when_gone(config: Config, target: Target) -> Iterator[str]:
    if target.when_gone == "keep":
        return
    if (target.api, target.when_gone) not in OPERATIONS:
        yield f"{target.at}.when_gone is {target.when_gone}, which the api {target.api} does not have: choose another."
    elif target.when_gone == "delete" and not config.allow_delete:
        yield (
            f"{target.at}.when_gone is delete, which purges leads for ever: set allow_delete to true if that is meant."
        )


def _needs_a_store(config: Config) -> Iterator[str]:
    """What keeps something from sync to sync needs a place to keep it."""
    users = [f"{target.at}.send" for target in config.targets if target.send == "changed"]
    users += [f"{target.at}.when_gone" for target in config.targets if target.when_gone != "keep"]
    users += ["retry_rejected"] * config.retry_rejected + ["delivery_log"] * config.delivery_log
    if users:
        yield (
            f"object_storage_config.storage_type is None, but {users[0]} needs a store to keep things from one sync to "
            "the next: choose Local or S3."
        )


def _wrong_target(config: Config, target: Target) -> Iterator[str]:
    at, offered = target.at, offered_by(target.api)
    if target.operation not in (BY_SYNC_MODE, *offered):
        yield f"{at}.operation must be one of these with the api {target.api}: {', '.join(offered)}."
        return
    name = operation_of(config, target)
    if name is None and target.api == CONTACT_CENTER:
        yield f"{at}.operation is missing: with the api {target.api} it must be one of {', '.join(offered)}."
        return
    operation = OPERATIONS[target.api, name or offered[0]]
    needs = operation.target
    named = target.named(needs) is not None or (config.default is not None and config.default.named(needs) is not None)
    if not named and campaign_field_by(config, target, needs) is None:
        who = operation.name if target.api == CONTACT_CENTER else target.api
        yield f"{at}.{needs.value} is missing: {who} needs it."
    if operation.needs_allow_delete and target.operation == operation.name and not config.allow_delete:
        yield (
            f"{at}.operation is {target.operation}, which purges leads for ever: "
            "set allow_delete to true if that is meant."
        )

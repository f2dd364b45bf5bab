"""The choice of a stream's operation and campaign, from its entry in the config and in the configured catalog."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from destination_squadstack.campaigns import Campaign, CampaignField
from destination_squadstack.config import Config, StreamEntry, Target, campaign_field_by, operation_of
from destination_squadstack.errors import ConfigError
from destination_squadstack.operations import OPERATIONS, Operation
from destination_squadstack.operations import Target as Needs

# With no operation in the config the sync mode decides; append says nothing about what is meant.
_BY_SYNC_MODE = {"append_dedup": "upsert", "overwrite": "upsert", "update": "update", "soft_delete": "disable"}


@dataclass(frozen=True, slots=True)
class Choice:
    """An operation, and the campaign that its leads go to."""

    operation: Operation
    # The config's campaign, or what stands for all that records name.
    campaign: Campaign
    # Where records name theirs, and the config's for those that name none.
    field: CampaignField | None = None
    own: Campaign | None = None


def entry_for(entries: Sequence[StreamEntry], name: str, namespace: str | None) -> StreamEntry | None:
    """Return the entry for a stream; one that names the namespace takes precedence."""
    named = [entry for entry in entries if entry.stream == name]
    exact = (entry for entry in named if entry.namespace is not None and entry.namespace == namespace)
    return next(exact, None) or next((entry for entry in named if entry.namespace is None), None)


def choose(config: Config, entry: StreamEntry | None, configured: Mapping[str, Any]) -> Choice:
    """Find the operation and the campaign of a stream.

    Raises:
        ConfigError: It has none, or asks for something that this API cannot do.
    """
    name, sync_mode = configured["stream"]["name"], configured.get("destination_sync_mode")
    target = entry or config.default
    if sync_mode == "overwrite" and (target is None or target.when_gone == "keep"):
        raise ConfigError(
            f"The stream '{name}' is set to overwrite, but leads cannot be replaced as a whole: "
            "choose append or append + deduped for it, or say with when_gone what happens to leads that are gone."
        )
    named = _operation_of_the_catalog(config, configured)
    if named is not None and target is None and named.target is Needs.NOTHING:
        return Choice(named, Campaign("", "default", "default"))
    if target is None:
        raise ConfigError(
            f"The stream '{name}' has no entry in streams and there is no default: add one, or leave the stream out."
        )
    if named is not None:
        return choice_of(config, target, named)
    operation = operation_of(config, target, _BY_SYNC_MODE.get(str(sync_mode)))
    if operation is None:
        mode = "append + deduped" if sync_mode == "append_dedup" else str(sync_mode)
        raise ConfigError(
            f"{target.at}.operation is missing: the stream '{name}' is in {mode} mode, "
            f"which does not say what {target.api} is to do with its records."
        )
    return choice_of(config, target, OPERATIONS[target.api, operation])


def _operation_of_the_catalog(config: Config, configured: Mapping[str, Any]) -> Operation | None:
    """Return the operation that the platform's mapping form chose for a stream; it overrides the config's."""
    chosen = configured.get("destination_object_name")
    if not chosen:
        return None
    named = f"The stream '{configured['stream']['name']}' is mapped to '{chosen}'"
    operation = next((row for row in OPERATIONS.values() if row.object_name == chosen), None)
    if operation is None:
        raise ConfigError(f"{named}, which is no operation of this destination: choose another in the connection.")
    if section := config.missing_section(operation.api):
        raise ConfigError(f"{named}, but {section} is missing: the api {operation.api} needs it.")
    if operation.needs_allow_delete and not config.allow_delete:
        raise ConfigError(f"{named}, which purges leads for ever: set allow_delete to true if that is meant.")
    if (mode := configured.get("destination_sync_mode")) != operation.sync_mode:
        raise ConfigError(f"{named} in {mode} mode, but that is an operation of {operation.sync_mode} mode: choose it.")
    keys = [part for path in configured.get("primary_key") or [] for part in path]
    if keys and keys != [operation.key]:
        raise ConfigError(f"{named} and matched by {', '.join(keys)}, but it can be matched by {operation.key} only.")
    if missing := [field for field in operation.schema["required"] if field not in mapped_fields(configured)]:
        raise ConfigError(f"{named}, but no field is mapped to {', '.join(missing)}: map one.")
    return operation


def mapped_fields(configured: Mapping[str, Any]) -> frozenset[str]:
    """Return the names that the platform's form has mapped fields to: its catalog lists no others."""
    schema = configured["stream"].get("json_schema")
    return frozenset(schema.get("properties") or ()) if isinstance(schema, dict) else frozenset()


def choice_of(config: Config, target: Target, operation: Operation) -> Choice:
    """Find the campaign: the entry's own or the default's, or the field in which records name theirs."""
    needs, default = operation.target, config.default
    named_by = next((each for each in (target, default) if each is not None and each.named(needs) is not None), None)
    own = None
    if named_by is not None:
        own = Campaign(named_by.named(needs) or "", target.at, f"{named_by.at}.{needs.value}")
    field_by = campaign_field_by(config, target, needs)
    if field_by is None:
        if own is None:
            raise ConfigError(f"{target.at}.{needs.value} is missing: {operation.endpoint} needs it.")
        return Choice(operation, own)
    name = field_by.campaign_field(needs) or ""
    field_of_records = CampaignField(name, field_by.at, f"{field_by.at}.{needs.value}_from")
    return Choice(operation, field_of_records.campaign(), field_of_records, own)

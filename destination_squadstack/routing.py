"""The routes of streams: config and configured catalog together say where records go."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any

from destination_squadstack.campaigns import (
    TRIAL_ID,
    CampaignOperation,
    CampaignOperations,
    RecordCampaigns,
)
from destination_squadstack.config import Config, StreamEntry, Target, operation_of
from destination_squadstack.errors import ConfigError
from destination_squadstack.mapping import Change, Cleaning, Lead, RecordMapper, RecordRules, StopReason
from destination_squadstack.operation_choice import Choice, choice_of, choose, entry_for, mapped_fields
from destination_squadstack.operations import CRM_V2, OPERATIONS, V1, V4, Operation, in_place_of
from destination_squadstack.protocol import StreamKey
from destination_squadstack.record_rules.field_map import MappedField
from destination_squadstack.record_rules.suppression import OnMatch, SuppressionList
from destination_squadstack.record_rules.tombstones import OnDeleted

# With no operation and no sync mode either, another one of the API proves token and campaign as well.
_WITHOUT_CATALOG = {CRM_V2: "upsert", V4: "disable", V1: "disable"}


@dataclass(frozen=True, slots=True)
class Route:
    """The route of one stream: its operation, campaign and rules."""

    index: int
    stream: str
    namespace: str | None
    sync_id: int | str | None
    # Where its records go; where they name their campaigns, what stands for all of those.
    lane: CampaignOperation
    # None: the config's default.
    entry: StreamEntry | None
    key: StreamKey
    # The fields that are sent, where the platform's form has mapped them; None: all.
    mapped: frozenset[str] | None = None
    # Where the leads go that are disabled or deleted in place of that.
    instead: Mapping[StopReason, CampaignOperation] = field(default_factory=dict)
    # The campaigns that its records name; None where the config does.
    campaigns: RecordCampaigns | None = None
    # Whether the source reads it anew each time.
    is_full_refresh: bool = False
    # Whether a record is sent only where it is not what was accepted last.
    sends_changed: bool = False
    # What happens to leads that it does not hold any more; None: nothing.
    gone: CampaignOperation | None = None

    @property
    def lanes(self) -> tuple[CampaignOperation, ...]:
        """Every lane that its records may take, as far as the config names campaigns."""
        gone = (self.gone,) if self.gone else ()
        return (self.lane, *self.instead.values(), *gone)

    def lane_of(self, data: Mapping[str, Any], lead: Lead) -> CampaignOperation:
        """Return the lane that a record takes, given the lead that it is sent as.

        Raises:
            InvalidRecord: The record has to name its campaign, and does not.
        """
        lane = self.lane if lead.stop is None else self.instead[lead.stop]
        return lane if self.campaigns is None else self.campaigns.lane(data, lane.operation, lead.lead_id)

    @property
    def field_map(self) -> tuple[MappedField, ...]:
        """Where the lead's fields come from: what the config says, unless the platform has mapped them."""
        return self.entry.field_map if self.entry and self.mapped is None else ()


def plan(config: Config, catalog: Any, *, whole: bool = True) -> list[Route]:
    """Find the route of every stream in a configured catalog.

    Args:
        config: The configuration.
        catalog: The configured catalog.
        whole: Whether it has all streams of a connection. Then an entry of the config that matches none is suspicious.

    Raises:
        ConfigError: A stream has none, or asks for something that this API cannot do.
    """
    streams = catalog.get("streams") if isinstance(catalog, dict) else None
    if not isinstance(streams, list) or not all(_is_configured_stream(entry) for entry in streams):
        raise ConfigError(
            "The catalog file is not a configured catalog: a list 'streams' of objects with a 'stream' each."
        )
    entries = [entry_for(config.streams, *_stream_of(configured)) for configured in streams]
    choices = [choose(config, entry, configured) for entry, configured in zip(entries, streams, strict=True)]
    lanes = CampaignOperations({choice.operation.lead_namespace for choice in choices if choice.field is not None})
    routes = [
        _route(config, configured, index, entry, choice, lanes)
        for index, (configured, entry, choice) in enumerate(zip(streams, entries, choices, strict=True))
    ]
    if whole:
        for entry in unmatched(config, routes):
            _refuse_strays(config, entry, routes, streams)
    return routes


def record_mapper(
    config: Config, route: Route, changed: Counter[Change], suppression: SuppressionList | None = None
) -> RecordMapper:
    """Return what turns the records of a route's stream into leads, as the config says.

    Args:
        config: The configuration.
        route: Where they go.
        changed: Where it is counted what cleaning changes.
        suppression: The suppression list, if there is one.
    """
    said = route.entry or config.default
    rules = RecordRules(
        cleaning=Cleaning(
            phone_numbers=config.cleaning.phone_numbers,
            custom_values_as_text=config.cleaning.custom_values == "text",
            cut_long_names=config.cleaning.long_names == "cut",
        ),
        suppression=suppression,
        instead={reason: lane.operation for reason, lane in route.instead.items()},
    )
    if said is not None:
        rules = replace(
            rules,
            filter=said.filter,
            deleted_field=said.deleted_field,
            only_mapped=said.send_fields == "mapped" and route.mapped is None,
        )
    return RecordMapper(
        route.lane.operation,
        route.field_map,
        send_nulls=config.nulls == "send",
        mapped=route.mapped,
        rules=rules,
        changed=changed,
    )


def unmatched(config: Config, routes: Sequence[Route]) -> list[StreamEntry]:
    """Return the entries of the config that match no stream of the catalog."""
    used = {id(route.entry) for route in routes}
    return [entry for entry in config.streams if id(entry) not in used]


def _refuse_strays(
    config: Config, entry: StreamEntry, routes: Sequence[Route], streams: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse an entry without a stream where the stream that is meant may be one of those that another rule takes.

    Its name may be a slip of the pen: the records that it is about would go to another campaign.
    """
    strays = [
        route
        for route, configured in zip(routes, streams, strict=True)
        if _may_mean(entry, route) and _goes_elsewhere(config, entry, route, configured)
    ]
    if not strays:
        return
    wanted = _spelled(entry.stream, entry.namespace)
    nearest = max(
        strays, key=lambda route: SequenceMatcher(None, wanted, _spelled(route.stream, route.namespace)).ratio()
    )
    others = f" (like {len(strays) - 1} more)" if len(strays) > 1 else ""
    way = nearest.entry.at if nearest.entry else "default"
    raise ConfigError(
        f"{entry.at}.stream names {_named(entry.stream, entry.namespace)}, which is no stream of the catalog. "
        f"The nearest, {_named(nearest.stream, nearest.namespace)}, would go the way of {way}{others}, with another "
        "operation, campaign or field_map. Correct the name. If the entry is for another connection, give the streams "
        "of this one an entry each."
    )


def _may_mean(entry: StreamEntry, route: Route) -> bool:
    """Tell whether an entry could be about a stream that default takes, or an entry that names no namespace."""
    if route.entry is None:
        return True
    same = route.entry.stream == entry.stream and route.entry.namespace is None
    return same and _bare(entry.namespace or "") == _bare(route.namespace or "")


def _goes_elsewhere(config: Config, entry: StreamEntry, route: Route, configured: Mapping[str, Any]) -> bool:
    """Tell whether a stream's records would be sent otherwise if the entry were theirs."""
    try:
        choice = choose(config, entry, configured)
    except ConfigError:
        return True
    field_map = entry.field_map if route.mapped is None else ()
    meant = (choice.operation, choice.operation.path(choice.campaign.id), field_map)
    if meant != (route.lane.operation, route.lane.path, route.field_map):
        return True
    taken = route.entry or config.default
    return taken is not None and _choice_of_records(entry) != _choice_of_records(taken)


def _choice_of_records(target: Target) -> tuple[object, ...]:
    return (
        target.filter,
        target.on_deleted,
        target.deleted_field,
        target.send_fields,
        target.ref_id_from,
        target.campaign_id_from,
        target.send,
        target.when_gone,
    )


def _spelled(stream: str, namespace: str | None) -> str:
    return f"{_bare(namespace or '')}.{_bare(stream)}"


def _bare(name: str) -> str:
    """Return a name without what is easily mistaken: case, blanks and punctuation."""
    return "".join(filter(str.isalnum, name.casefold()))


def _named(stream: str, namespace: str | None) -> str:
    return f"'{stream}'" if namespace is None else f"'{stream}' of the namespace '{namespace}'"


def campaign_operations(config: Config) -> list[CampaignOperation]:
    """Return every operation on every campaign that the config names, for check: no catalog is known there.

    Where only records name campaigns, an id that nobody has stands for theirs.
    """
    lanes = CampaignOperations()
    for target in config.targets:
        name = operation_of(config, target) or _WITHOUT_CATALOG[target.api]
        choice = choice_of(config, target, OPERATIONS[target.api, name])
        campaign = choice.own or (choice.campaign if choice.field is None else choice.field.campaign(TRIAL_ID))
        for operation in (choice.operation, *_instead(config, target, choice.operation).values()):
            lanes.get(operation, campaign)
    return [lane for lane in lanes.all() if not lane.is_of_record or lane.lead_namespace[1]]


def _is_configured_stream(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("stream"), dict)
        and isinstance(entry["stream"].get("name"), str)
    )


def _stream_of(configured: Mapping[str, Any]) -> tuple[str, str | None]:
    return configured["stream"]["name"], configured["stream"].get("namespace") or None


def _route(
    config: Config,
    configured: Mapping[str, Any],
    index: int,
    entry: StreamEntry | None,
    choice: Choice,
    lanes: CampaignOperations,
) -> Route:
    name, namespace = _stream_of(configured)
    target = entry or config.default
    return Route(
        index=index,
        stream=name,
        namespace=namespace,
        sync_id=configured.get("sync_id"),
        lane=lanes.get(choice.operation, choice.campaign),
        entry=entry,
        key=(namespace, name),
        mapped=mapped_fields(configured) if configured.get("destination_object_name") else None,
        instead={
            reason: lanes.get(operation, choice.campaign)
            for reason, operation in _instead(config, entry or config.default, choice.operation).items()
        },
        campaigns=None if choice.field is None else RecordCampaigns(choice.field, choice.own, lanes),
        is_full_refresh=configured.get("sync_mode") == "full_refresh",
        sends_changed=target is not None and target.send == "changed",
        gone=_gone(target, choice, configured, lanes),
    )


def _instead(config: Config, target: Target | None, operation: Operation) -> dict[StopReason, Operation]:
    """Return what is done to the leads of deleted rows and of suppressed numbers in place of an operation."""
    wanted: dict[StopReason, str] = {}
    if target is not None and target.on_deleted is not OnDeleted.SKIP:
        wanted[StopReason.DELETED_AT_SOURCE] = target.on_deleted
    if config.suppression is not None and config.suppression.on_match is OnMatch.DISABLE and operation.calls_leads:
        wanted[StopReason.SUPPRESSED] = OnMatch.DISABLE
    found: dict[StopReason, Operation] = {}
    for reason, name in wanted.items():
        if not operation.removes_leads and (operation.api, name) not in OPERATIONS:
            what = "on_deleted" if reason is StopReason.DELETED_AT_SOURCE else "suppression.on_match"
            raise ConfigError(f"{what} is {name}, which the api {operation.api} does not have: choose another.")
        if (other := in_place_of(operation, name)) is not None:
            found[reason] = other
    return found


def _gone(
    target: Target | None,
    choice: Choice,
    configured: Mapping[str, Any],
    lanes: CampaignOperations,
) -> CampaignOperation | None:
    """Return where leads go that a stream does not hold any more."""
    if target is None or target.when_gone == "keep":
        return None
    if configured.get("sync_mode") == "incremental":
        raise ConfigError(
            f"{target.at}.when_gone is {target.when_gone}, but the stream '{configured['stream']['name']}' is read "
            "incrementally, so what is missing from a sync is not gone: set it to full refresh, or when_gone to keep."
        )
    operation = OPERATIONS.get((choice.operation.api, target.when_gone))
    if operation is None:
        raise ConfigError(
            f"{target.at}.when_gone is {target.when_gone}, which the api {choice.operation.api} does not have: "
            "choose another."
        )
    if choice.field is not None:
        raise ConfigError(
            f"{target.at}.when_gone is {target.when_gone}, but {choice.field.config_field} has each record name its "
            "campaign, and of a lead that is gone there is no record: set when_gone to keep, or give each campaign a "
            "stream."
        )
    return lanes.get(operation, choice.campaign)

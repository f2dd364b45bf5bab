"""Which stream's records go where: config and configured catalog meet here, before anything is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from destination_squadstack.advice import Where
from destination_squadstack.config import Config, StreamEntry, Target, operation_of
from destination_squadstack.errors import ConfigError
from destination_squadstack.ledger import StreamKey
from destination_squadstack.operations import CRM_V2, OPERATIONS, V1, V4, Operation
from destination_squadstack.shaping import Rename

# With no operation in the config the sync mode decides; append says nothing about what is meant.
_BY_SYNC_MODE = {"append_dedup": "upsert", "update": "update", "soft_delete": "disable"}
# With no operation and no sync mode either, another one of the API proves token and campaign as well.
_WITHOUT_CATALOG = {CRM_V2: "upsert", V4: "disable", V1: "disable"}


@dataclass(frozen=True, slots=True)
class Lane:
    """One operation on one campaign: records of any stream that share it also share its calls.

    Leads are told apart within a `scope`: two lanes of one campaign must keep the order of a lead between them, also
    those of v4 and v1. `ref_at` is the config's field that names the campaign.
    """

    index: int
    scope: int
    operation: Operation
    path: str
    at: str
    ref_at: str

    @property
    def where(self) -> Where:
        """What a message has to name."""
        return Where(api=self.operation.api, endpoint=self.operation.endpoint, at=self.at, ref_at=self.ref_at)


@dataclass(frozen=True, slots=True)
class Route:
    """What happens to the records of one stream."""

    index: int
    stream: str
    namespace: str | None
    sync_id: int | str | None
    lane: Lane
    renames: tuple[Rename, ...]
    key: StreamKey


@dataclass(frozen=True, slots=True)
class _Choice:
    operation: Operation
    target: str
    at: str
    ref_at: str


def plan(config: Config, catalog: Any) -> list[Route]:
    """Find the route of every stream in a configured catalog.

    Raises:
        ConfigError: A stream has none, or asks for something that this API cannot do.
    """
    streams = catalog.get("streams") if isinstance(catalog, dict) else None
    if not isinstance(streams, list) or not all(_is_configured_stream(entry) for entry in streams):
        raise ConfigError(
            "The catalog file is not a configured catalog: a list 'streams' of objects with a 'stream' each."
        )
    lanes: dict[tuple[str, str, str], Lane] = {}
    return [_route(config, entry, index, lanes) for index, entry in enumerate(streams)]


def lanes_of(config: Config) -> list[Lane]:
    """Return every operation on every campaign that the config names, for check: no catalog is known there."""
    lanes: dict[tuple[str, str, str], Lane] = {}
    for target in [*([config.default] if config.default else []), *(entry.target for entry in config.streams)]:
        name = operation_of(config, target) or _WITHOUT_CATALOG[target.api]
        _lane(_choice(config, target, OPERATIONS[target.api, name]), lanes)
    return list(lanes.values())


def _is_configured_stream(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("stream"), dict)
        and isinstance(entry["stream"].get("name"), str)
    )


def _route(config: Config, configured: Mapping[str, Any], index: int, lanes: dict[tuple[str, str, str], Lane]) -> Route:
    name, namespace = configured["stream"]["name"], configured["stream"].get("namespace") or None
    entry = _entry(config.streams, name, namespace)
    choice = _choose(config, entry, name, configured.get("destination_sync_mode"))
    return Route(
        index=index,
        stream=name,
        namespace=namespace,
        sync_id=configured.get("sync_id"),
        lane=_lane(choice, lanes),
        renames=entry.renames if entry else (),
        key=(namespace, name),
    )


def _entry(entries: Sequence[StreamEntry], name: str, namespace: str | None) -> StreamEntry | None:
    """Return the entry for a stream; one that names the namespace goes before one that does not."""
    named = [entry for entry in entries if entry.stream == name]
    exact = (entry for entry in named if entry.namespace is not None and entry.namespace == namespace)
    return next(exact, None) or next((entry for entry in named if entry.namespace is None), None)


def _choose(config: Config, entry: StreamEntry | None, name: str, sync_mode: object) -> _Choice:
    if sync_mode == "overwrite":
        raise ConfigError(
            f"The stream '{name}' is set to overwrite, but leads cannot be replaced as a whole: "
            "choose append or append + deduped for it."
        )
    target = entry.target if entry else config.default
    if target is None:
        raise ConfigError(
            f"The stream '{name}' has no entry in streams and there is no default: add one, or leave the stream out."
        )
    operation = operation_of(config, target, _BY_SYNC_MODE.get(str(sync_mode)))
    if operation is None:
        mode = "append + deduped" if sync_mode == "append_dedup" else str(sync_mode)
        raise ConfigError(
            f"{target.at}.operation is missing: the stream '{name}' is in {mode} mode, "
            f"which does not say what {target.api} is to do with its records."
        )
    return _choice(config, target, OPERATIONS[target.api, operation])


def _choice(config: Config, target: Target, operation: Operation) -> _Choice:
    """Find the campaign: the entry's own, else the default's."""
    needs = operation.target
    if (own := target.named(needs)) is not None:
        return _Choice(operation, own, target.at, f"{target.at}.{needs.value}")
    inherited = config.default.named(needs) if config.default else None
    if inherited is None:
        raise ConfigError(f"{target.at}.{needs.value} is missing: {operation.endpoint} needs it.")
    return _Choice(operation, inherited, target.at, f"default.{needs.value}")


def _lane(choice: _Choice, lanes: dict[tuple[str, str, str], Lane]) -> Lane:
    operation = choice.operation
    key = (operation.api, choice.target, operation.name)
    if key not in lanes:
        pool = (operation.pool, choice.target)
        neighbour = next(
            (lane for (_, target, _), lane in lanes.items() if (lane.operation.pool, target) == pool), None
        )
        lanes[key] = Lane(
            index=len(lanes),
            scope=neighbour.scope if neighbour else len(lanes),
            operation=operation,
            path=operation.path(choice.target),
            at=choice.at,
            ref_at=choice.ref_at,
        )
    return lanes[key]

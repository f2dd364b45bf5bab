"""Which stream's records go where: config and configured catalog meet here, before anything is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from destination_squadstack.config import Config, StreamEntry, Target
from destination_squadstack.errors import ConfigError
from destination_squadstack.ledger import StreamKey
from destination_squadstack.operations import OPERATIONS, Operation
from destination_squadstack.shaping import Rename

# With no operation in the config the sync mode decides; append says nothing about what is meant.
_BY_SYNC_MODE = {"append_dedup": "upsert", "update": "update", "soft_delete": "disable"}


@dataclass(frozen=True, slots=True)
class Lane:
    """One operation on one campaign: records of any stream that share it also share its calls.

    Leads are told apart within a `scope`: two lanes of one campaign must keep the order of a lead between them.
    """

    index: int
    scope: int
    operation: Operation
    path: str
    at: str
    ref_at: str


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
    ref_id: str
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
        operation = target.operation or (config.default and config.default.operation) or "upsert"
        _lane(_Choice(OPERATIONS[target.api, operation], *_ref(config, target)), lanes)
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
    operation = (
        target.operation or _BY_SYNC_MODE.get(str(sync_mode)) or (config.default.operation if config.default else None)
    )
    if operation is None:
        raise ConfigError(
            f"{target.at}.operation is missing: the stream '{name}' is in append mode, "
            "which does not say what to do with its records."
        )
    return _Choice(OPERATIONS[target.api, operation], *_ref(config, target))


def _ref(config: Config, target: Target) -> tuple[str, str, str]:
    """Return ref id, path of the entry, path of the field that holds the ref id."""
    if target.ref_id is not None:
        return target.ref_id, target.at, f"{target.at}.ref_id"
    if config.default is None or config.default.ref_id is None:
        raise ConfigError(f"{target.at}.ref_id is missing: crm_v2 needs it.")
    return config.default.ref_id, target.at, "default.ref_id"


def _lane(choice: _Choice, lanes: dict[tuple[str, str, str], Lane]) -> Lane:
    operation = choice.operation
    key = (operation.api, choice.ref_id, operation.name)
    if key not in lanes:
        neighbour = next((lane for (api, ref_id, _), lane in lanes.items() if (api, ref_id) == key[:2]), None)
        lanes[key] = Lane(
            index=len(lanes),
            scope=neighbour.scope if neighbour else len(lanes),
            operation=operation,
            path=operation.path(choice.ref_id),
            at=choice.at,
            ref_at=choice.ref_at,
        )
    return lanes[key]

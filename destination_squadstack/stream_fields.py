"""Names in the config that no field of their stream has: a misspelt one hides deleted rows, or sends nobody at all."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from destination_squadstack.config import Config, Target
from destination_squadstack.record_rules.tombstones import DELETED_AT
from destination_squadstack.routing import Route


def missing_fields(config: Config, routes: Sequence[Route], catalog: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each field that the config names and that its stream does not have in a connection.

    Args:
        config: The configuration.
        routes: The routes of the catalog's streams, in their order.
        catalog: The configured catalog: its streams have the columns that were selected.
    """
    for route, configured in zip(routes, catalog["streams"], strict=True):
        schema = configured["stream"].get("json_schema")
        columns = schema.get("properties") if isinstance(schema, dict) else None
        said = route.entry or config.default
        if not columns or said is None:
            continue  # nobody knows what it has
        for at, whole, name in _named(said, route):
            if whole not in columns and not _has(columns, name):
                yield (
                    f"{at} names '{name}', which the stream '{route.stream}' does not have in this connection: "
                    "correct the name, or select the column."
                )


def _named(said: Target, route: Route) -> Iterator[tuple[str, str, str]]:
    # Most streams know no deleted rows, and the config does not say that theirs does.
    if said.deleted_field != DELETED_AT:
        yield f"{said.at}.deleted_field", said.deleted_field, said.deleted_field
    for index, each in enumerate(said.filter):
        yield f"{said.at}.filter[{index}].field", each.field, each.field
    for index, field in enumerate(route.field_map):
        for name in field.sources:
            yield f"{said.at}.field_map[{index}].from", field.source or "", name


def _has(columns: Container[str], name: str) -> bool:
    """Tell whether a stream has a field: under its name, or within an object that the name begins with."""
    parts = name.strip().split(".")
    return any(".".join(parts[:end]) in columns for end in range(1, len(parts) + 1))

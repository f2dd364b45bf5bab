"""What is wrong with a configuration: what the specification says, and what only code can say.

Airbyte's CDK fills the manifest in with the config itself, so it stays a dictionary.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from squadstack_common import config_errors
from squadstack_common.config_errors import address_problems
from squadstack_common.config_sections import plain_schema
from squadstack_common.privacy_settings import PrivacySettings

# Each section, and its field that holds an address.
SECTIONS = {"squadstack": "base_url", "contact_center": "portal_url", "webhooks": "url"}
# How the source's messages spell a field.
FIELD = "`{}`"


def problems(config: Mapping[str, Any], published: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a configuration, a sentence each, without any of its values.

    Args:
        config: What is filled in of a configuration.
        published: The specification. The config is held to its plain form.
    """
    schema = plain_schema(published)
    return config_errors.problems(config, schema, field=FIELD) or list(contradictions(config, schema))


def contradictions(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the specification cannot tell of a config that keeps to it."""
    filled_in = [name for name in SECTIONS if name in config]
    if not filled_in:
        needs = " or ".join(f"`{name}` ({', '.join(schema['properties'][name]['required'])})" for name in SECTIONS)
        yield f"No section is filled in: the source needs {needs}."
    for name in filled_in:
        if "start_date" in config[name]:
            yield from date_problems(FIELD.format(f"{name}.start_date"), config[name]["start_date"])
        yield from address_problems(config, {name: SECTIONS[name]}, field=FIELD)
    for name, says in PrivacySettings.of(config.get("privacy", {})).problems():
        yield f"{FIELD.format(f'privacy.{name}')} {says}."


def date_problems(field: str, value: str) -> Iterator[str]:
    """Yield why a date is none, or none to read from."""
    try:
        start = datetime.fromisoformat(value)
    except ValueError:
        yield f"{field} is not a date of the calendar."
        return
    if start.replace(tzinfo=UTC) < datetime(1970, 1, 2, tzinfo=UTC):
        yield f"{field} lies before 1970."

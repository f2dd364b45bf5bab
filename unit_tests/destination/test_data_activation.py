"""A catalog as a platform writes it that maps fields itself: its operation and its fields go before the config's."""

import json

import pytest

from destination_squadstack.config import parse_config
from destination_squadstack.errors import ConfigError
from destination_squadstack.mapping import RecordMapper
from destination_squadstack.operations import OPERATIONS
from destination_squadstack.routing import plan
from test_support.configs import PORTAL_LOGIN

CONFIG = {"squadstack": {"token": "t"}, "default": {"ref_id": "r", "campaign_id": "c", "operation": "disable"}}


def stream(object_name, *fields, **changes):
    """Return a configured stream: its fields have the destination's names, mappers having renamed them."""
    api, _, name = object_name.partition(".")
    row = OPERATIONS.get((api, name))
    return {
        "stream": {
            "name": "customers",
            "namespace": "public",
            "json_schema": {"type": "object", "properties": {field: {"type": "string"} for field in fields}},
            "supported_sync_modes": ["full_refresh", "incremental"],
        },
        "sync_mode": "incremental",
        "cursor_field": ["updated_at"],
        "destination_sync_mode": row.sync_mode if row else "append",
        "primary_key": [[row.key]] if row else [],
        "generation_id": 3,
        "minimum_generation_id": 0,
        "sync_id": 42,
        "include_files": False,
        "destination_object_name": object_name,
        **changes,
    }


def route(configured, **changes):
    (found,) = plan(parse_config({**CONFIG, **changes}), {"streams": [configured]})
    return found


def refused(configured, **changes):
    with pytest.raises(ConfigError) as raised:
        route(configured, **changes)
    return str(raised.value)


def lead(found, record):
    shaper = RecordMapper(found.lane.operation, found.field_map, mapped=found.mapped)
    return json.loads(shaper.shape(record)[1])


def test_the_catalogs_operation_goes_before_the_configs():
    found = route(stream("crm_v2.upsert", "lead_id", "phone_number"))
    assert found.lane.operation is OPERATIONS["crm_v2", "upsert"]
    assert found.lane.path == "/voice/crm-integration-v2/r/lead-upserted"


def test_the_catalogs_operation_goes_before_that_of_the_streams_entry_which_still_names_the_campaign():
    entry = {"stream": "customers", "ref_id": "own", "operation": "convert"}
    found = route(stream("crm_v2.create", "lead_id", "phone_number", "contact_name"), streams=[entry])
    assert found.lane.path == "/voice/crm-integration-v2/own/lead-created"


def test_the_catalogs_operation_may_be_of_another_api_than_the_configs():
    found = route(stream("v4.disable", "lead_id"))
    assert found.lane.path == "/api/v4/leads/disable/c/"


def test_an_operation_that_names_no_campaign_needs_no_default():
    other = {"stream": "other", "ref_id": "r"}
    config = parse_config({**CONFIG, "default": {}, "streams": [other], "contact_center": PORTAL_LOGIN})
    catalog = {"streams": [stream("contact_center.set_status", "lead_id", "status")]}
    (found,) = plan(config, catalog, whole=False)
    assert found.lane.operation is OPERATIONS["contact_center", "set_status"]


def test_mapped_fields_are_sent_and_no_others():
    found = route(stream("crm_v2.upsert", "lead_id", "phone_number", "city"))
    record = {"lead_id": "a-1", "phone_number": "9000000003", "city": "Pune", "updated_at": "2026-11-20"}
    assert lead(found, record) == {"lead_id": "a-1", "phone_number": "9000000003", "city": "Pune"}


def test_the_configs_field_map_is_for_streams_that_the_platform_has_not_mapped():
    entry = {"stream": "customers", "field_map": [{"to": "contact_name", "from": "city"}]}
    found = route(stream("crm_v2.upsert", "lead_id", "city"), streams=[entry])
    assert lead(found, {"lead_id": "a-1", "city": "Pune"}) == {"lead_id": "a-1", "city": "Pune"}


@pytest.mark.parametrize("chosen", [None, ""])
def test_without_an_operation_in_the_catalog_the_config_decides(chosen):
    found = route(stream("crm_v2.upsert", "lead_id", destination_object_name=chosen))
    assert found.lane.operation is OPERATIONS["crm_v2", "disable"]
    assert found.mapped is None


NAMED = "The stream 'customers' is mapped to "


@pytest.mark.parametrize(
    ("configured", "changes", "sentence"),
    [
        (
            stream("crm_v2.purge", "lead_id"),
            {},
            "'crm_v2.purge', which is no operation of this destination: choose another in the connection.",
        ),
        (
            stream("crm_v2.delete", "lead_id"),
            {},
            "'crm_v2.delete', which purges leads for ever: set allow_delete to true if that is meant.",
        ),
        (
            stream("contact_center.set_status", "lead_id", "status"),
            {},
            "'contact_center.set_status', but contact_center is missing: the api contact_center needs it.",
        ),
        (
            stream("crm_v2.upsert", "lead_id", destination_sync_mode="soft_delete"),
            {},
            "'crm_v2.upsert' in soft_delete mode, but that is an operation of append_dedup mode: choose it.",
        ),
        (
            stream("crm_v2.upsert", "lead_id", "email", primary_key=[["email"]]),
            {},
            "'crm_v2.upsert' and matched by email, but it can be matched by lead_id only.",
        ),
        (
            stream("crm_v2.create", "lead_id", "contact_name"),
            {},
            "'crm_v2.create', but no field is mapped to phone_number: map one.",
        ),
    ],
)
def test_a_mapping_that_cannot_be_sent_is_refused_before_anything_is_sent(configured, changes, sentence):
    assert refused(configured, **changes) == NAMED + sentence


def test_every_operation_that_discover_offers_can_be_chosen():
    config = {**CONFIG, "contact_center": PORTAL_LOGIN, "allow_delete": True}
    for row in OPERATIONS.values():
        found = route(stream(row.object_name, *row.schema["properties"]), **config)
        assert found.lane.operation is row

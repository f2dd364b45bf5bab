"""Every mistake in a config is a sentence that names the field and quotes nothing."""

import msgspec
import pytest

from destination_squadstack.config import (
    Config,
    ContactCenter,
    LocalStore,
    S3Store,
    SquadStack,
    StreamEntry,
    Target,
    parse_config,
)
from destination_squadstack.errors import ConfigError
from destination_squadstack.record_rules.field_map import MappedField
from destination_squadstack.spec import load_spec

SECRET = "canary"


def problem(config):
    with pytest.raises(ConfigError) as raised:
        parse_config(config)
    assert SECRET not in str(raised.value)
    return str(raised.value)


def with_squadstack(**fields):
    return {"squadstack": {"token": "t", **fields}, "default": {"operation": "upsert", "ref_id": "r"}}


def s3(**changes):
    return {
        "storage_type": "S3",
        "s3_bucket_name": "b",
        "s3_bucket_region": "ap-south-1",
        "access_key_id": SECRET,
        "secret_access_key": SECRET,
        "bucket_path": "/rejects/",
        **changes,
    }


def test_the_smallest_config_is_taken_with_its_defaults(kit):
    config = parse_config(kit.config())
    assert (config.workers, config.linger_seconds, config.nulls, config.on_duplicate) == (4, 30, "omit", "reject")
    assert (config.allow_delete, config.dry_run, config.max_rejected_percent, config.store) == (
        False,
        False,
        None,
        None,
    )
    assert (config.squadstack.base_url, config.squadstack.calls_per_minute) == ("https://api.squadstack.com", 100)


def test_a_config_with_every_field_is_taken():
    config = parse_config(
        {
            "squadstack": {"token": "t", "base_url": "https://api.squadstack.com/", "calls_per_minute": 100},
            "default": {"operation": "upsert", "api": "crm_v2", "ref_id": "ref"},
            "streams": [
                {
                    "stream": "new_leads",
                    "operation": "create",
                    "api": "crm_v2",
                    "ref_id": "other",
                    "field_map": [{"to": "contact_name", "from": "full_name"}, {"to": "lead_id", "from": "id"}],
                }
            ],
            "workers": 4,
            "linger_seconds": 30,
            "nulls": "omit",
            "on_duplicate": "reject",
            "allow_delete": False,
            "dry_run": False,
            "object_storage_config": {"storage_type": "None"},
        }
    )
    assert config.squadstack.base_url == "https://api.squadstack.com"
    assert config.streams[0].field_map == (MappedField("contact_name", "full_name"), MappedField("lead_id", "id"))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ([], "The config must be a JSON object."),
        ({}, "default and streams are both empty"),
        ({"squadstack": {}, "default": {"ref_id": "r"}}, "squadstack is missing: the api crm_v2 needs it."),
        (
            {"squadstack": {"base_url": "https://api.squadstack.com"}, "default": {"ref_id": "r"}},
            "squadstack is missing: the api crm_v2 needs it.",
        ),
        ({"squadstack": {"calls_per_minute": 5}, "default": {"ref_id": "r"}}, "squadstack.token is missing."),
        ({"squadstack": SECRET}, "squadstack must be an object."),
        (with_squadstack(token=7), "squadstack.token must be a string."),
        (with_squadstack(token=f"{SECRET} x"), "squadstack.token must look like this: the token alone"),
        (with_squadstack(token=f"{SECRET}\n"), "squadstack.token must look like this: the token alone"),
        (with_squadstack(token=f"{SECRET}é"), "squadstack.token must look like this: the token alone"),
        (with_squadstack(base_url=f"http://{SECRET}.com"), "squadstack.base_url must look like this: https://host"),
        (with_squadstack(base_url=f"https://u:{SECRET}@host"), "squadstack.base_url must look like this"),
        (with_squadstack(base_url="http://localhost.evil.com"), "squadstack.base_url must look like this"),
        (with_squadstack(base_url="http://127.0.0.1@evil.com"), "squadstack.base_url must look like this"),
        (with_squadstack(calls_per_minute=0), "squadstack.calls_per_minute must be at least 1."),
        (with_squadstack(calls_per_minute=1_000_001), "squadstack.calls_per_minute must be at most 1000000."),
        (with_squadstack(calls_per_minute="100"), "squadstack.calls_per_minute must be an integer."),
        (with_squadstack(tokn=SECRET), "squadstack.tokn is not a field that this connector knows."),
        ({"squadstack": {"token": "t"}}, "default and streams are both empty"),
        ({"squadstack": {"token": "t"}, "default": {"api": "crm_v2"}}, "default and streams are both empty"),
        (
            {"squadstack": {"token": "t"}, "default": {"operation": "create"}},
            "default.ref_id is missing: crm_v2 needs it.",
        ),
        (
            {"squadstack": {"token": "t"}, "streams": [{"stream": "a"}]},
            "streams[0].ref_id is missing: crm_v2 needs it.",
        ),
        ({"squadstack": {"token": "t"}, "streams": [{"ref_id": "r"}]}, "streams[0].stream is missing."),
        (
            {"squadstack": {"token": "t"}, "streams": [{"stream": "a", "ref_id": f"{SECRET}/.."}]},
            "streams[0].ref_id must look like this: letters, digits, - and _.",
        ),
        (
            {"squadstack": {"token": "t"}, "streams": [{"stream": "a", "ref_id": "r", "operation": SECRET}]},
            "streams[0].operation must be one of: create, upsert, update, convert, disable, delete, add_lead",
        ),
        (
            {"squadstack": {"token": "t"}, "streams": [{"stream": "a", "ref_id": "r"}, {"stream": "a", "ref_id": "s"}]},
            "streams[1].stream names a stream that an earlier entry names already.",
        ),
        (
            {
                "squadstack": {"token": "t"},
                "streams": [
                    {"stream": "a", "ref_id": "r", "field_map": [{"to": "x", "from": "a"}, {"to": "x", "from": "b"}]}
                ],
            },
            "streams[0].field_map fills one field twice.",
        ),
        (
            {"squadstack": {"token": "t"}, "streams": [{"stream": "a", "ref_id": "r", "field_map": [{"to": "x"}]}]},
            "streams[0].field_map[0].from is missing.",
        ),
        (
            {"squadstack": {"token": "t"}, "default": {"operation": "delete", "ref_id": "r"}},
            "default.operation is delete, which purges leads for ever: set allow_delete to true if that is meant.",
        ),
        ({**with_squadstack(), "workers": 0}, "workers must be at least 1."),
        ({**with_squadstack(), "workers": 9}, "workers must be at most 8."),
        ({**with_squadstack(), "linger_seconds": 0}, "linger_seconds must be at least 1."),
        ({**with_squadstack(), "nulls": SECRET}, "nulls must be one of: omit, send."),
        ({**with_squadstack(), "on_duplicate": SECRET}, "on_duplicate must be one of: reject, ignore."),
        ({**with_squadstack(), "max_rejected_percent": 101}, "max_rejected_percent must be at most 100."),
        (
            {**with_squadstack(), "object_storage_config": {"storage_type": SECRET}},
            "object_storage_config.storage_type must be one of: None, Local, S3.",
        ),
        (
            {**with_squadstack(), "object_storage_config": {"storage_type": "Local"}},
            "object_storage_config.bucket_path is missing.",
        ),
        (
            {**with_squadstack(), "object_storage_config": {"storage_type": "Local", "bucket_path": SECRET}},
            "object_storage_config.bucket_path must look like this: /absolute/path.",
        ),
        ({**with_squadstack(), "object_storage_config": s3(access_key_id="")}, "access_key_id is empty."),
        (
            {**with_squadstack(), "object_storage_config": s3(s3_bucket_region=None)},
            "s3_bucket_region must be a string.",
        ),
        (
            {**with_squadstack(), "object_storage_config": s3(s3_endpoint=f"http://{SECRET}.example.com")},
            "s3_endpoint must look like this: https://host.",
        ),
    ],
)
def test_a_mistake_in_a_config_is_named_with_its_field(config, sentence):
    assert sentence in problem(config)


def test_every_field_of_a_config_that_is_not_known_is_named():
    assert problem(with_squadstack(tokn=SECRET, speed=SECRET)) == (
        "squadstack.speed is not a field that this connector knows. "
        "squadstack.tokn is not a field that this connector knows."
    )


def test_all_mistakes_in_a_config_are_named_at_once():
    said = problem({"squadstack": {"token": 7, "calls_per_minute": 0}, "workers": 0})
    assert said == (
        "squadstack.calls_per_minute must be at least 1. squadstack.token must be a string. workers must be at least 1."
    )


def test_empty_shells_that_a_form_leaves_behind_count_as_absent(kit):
    config = parse_config(kit.config(object_storage_config={}, streams=[], max_rejected_percent=None))
    assert config.store is None
    shell = {"api": "crm_v2", "ref_id": "", "operation": None}
    streams = [{"stream": "a", "ref_id": "r"}]
    assert parse_config({"squadstack": {"token": "t"}, "default": shell, "streams": streams}).default is None


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.0.0.1:8000", "http://[::1]:9", "https://a.b/c/"])
def test_http_is_for_this_machine_only(url):
    assert parse_config(with_squadstack(base_url=url)).squadstack.base_url == url.rstrip("/")


PORTAL = {
    "portal_url": "https://portal.example.com:9443/",
    "username": "u",
    "password": "p",
    "domain": "d",
    "account_id": "a",
}


def test_the_contact_center_needs_no_squadstack():
    entry = {"stream": "a", "api": "contact_center", "operation": "add_lead", "campaign_id": "c-1"}
    config = parse_config({"squadstack": {}, "contact_center": PORTAL, "streams": [entry]})
    assert config.contact_center.portal_url == "https://portal.example.com:9443"
    assert config.contact_center.add_lead_method == "PUT"
    assert config.squadstack.token == ""


def test_a_section_that_a_form_left_behind_is_not_there(kit):
    assert parse_config(kit.config(contact_center={"add_lead_method": "PUT", "username": ""})).contact_center is None


def test_an_entry_takes_the_api_and_the_campaign_of_the_default(kit):
    config = parse_config(
        kit.config(default={"api": "v4", "campaign_id": "c"}, streams=[{"stream": "a", "operation": "convert"}])
    )
    assert config.streams[0].api == "v4"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"default": {"api": "v4"}}, "default.campaign_id is missing: v4 needs it."),
        ({"default": {"api": "v1", "operation": "create"}}, "default.campaign_id is missing: v1 needs it."),
        (
            {"default": {"api": "v4", "campaign_id": f"{SECRET}/.."}},
            "default.campaign_id must look like this: letters, digits, - and _.",
        ),
        (
            {"default": {"api": "v4", "campaign_id": "c", "operation": "upsert"}},
            "default.operation must be one of these with the api v4: create, update, convert, disable, delete.",
        ),
        (
            {"streams": [{"stream": "a", "api": "v1", "campaign_id": "c", "operation": "delete"}]},
            "streams[0].operation must be one of these with the api v1: create, disable.",
        ),
        (
            {"streams": [{"stream": "a", "api": "contact_center"}], "contact_center": PORTAL},
            "streams[0].operation is missing: with the api contact_center it must be one of add_lead, set_status, ",
        ),
        (
            {"streams": [{"stream": "a", "api": "contact_center", "operation": "add_lead"}], "contact_center": PORTAL},
            "streams[0].campaign_id is missing: add_lead needs it.",
        ),
        (
            {"streams": [{"stream": "a", "api": "contact_center", "operation": "set_status"}]},
            "contact_center is missing: the api contact_center needs it.",
        ),
        (
            {
                "streams": [{"stream": "a", "api": "contact_center", "operation": "delete_lead"}],
                "contact_center": PORTAL,
            },
            "streams[0].operation is delete_lead, which purges leads for ever: set allow_delete to true",
        ),
        (
            {"default": {"api": "v4", "campaign_id": "c", "operation": "delete"}},
            "default.operation is delete, which purges leads for ever: set allow_delete to true",
        ),
        ({"contact_center": {"username": SECRET}}, "contact_center.account_id is missing."),
        (
            {"contact_center": {**PORTAL, "portal_url": f"http://{SECRET}.com"}},
            "contact_center.portal_url must look like this: https://host:port",
        ),
        (
            {"contact_center": {**PORTAL, "add_lead_method": SECRET}},
            "contact_center.add_lead_method must be one of: PUT, POST.",
        ),
        (
            {"contact_center": {**PORTAL, "account_id": f"{SECRET}\r\nX: y"}},
            "contact_center.account_id must look like this: the id alone",
        ),
    ],
)
def test_a_field_that_an_api_needs_and_an_entry_lacks_is_named(kit, changes, sentence):
    assert sentence in problem(kit.config(**changes))


def test_fields_that_this_version_does_not_know_are_reported(kit):
    assert parse_config(kit.config(webhooks={})).unknown_fields == ("webhooks",)


def test_a_local_store_is_refused_on_cloud(kit, monkeypatch):
    monkeypatch.setenv("DEPLOYMENT_MODE", "CLOUD")
    store = {"storage_type": "Local", "bucket_path": "/local/x"}
    assert "Local keeps nothing on Airbyte Cloud" in problem(kit.config(object_storage_config=store))


def test_a_bucket_becomes_an_address_and_what_it_takes_to_get_there(kit):
    store = parse_config(kit.config(object_storage_config=s3(s3_endpoint="https://s3.example.com"))).store
    assert store.url == "s3://b/rejects"
    assert store.options()["client_kwargs"] == {
        "region_name": "ap-south-1",
        "endpoint_url": "https://s3.example.com",
    }
    assert "endpoint_url" not in parse_config(kit.config(object_storage_config=s3())).store.options()["client_kwargs"]


# -- the specification itself


SPEC = load_spec()["connectionSpecification"]["properties"]
STORES = {
    option["properties"]["storage_type"]["const"]: option["properties"]
    for option in SPEC["object_storage_config"]["oneOf"]
}


@pytest.mark.parametrize(
    ("kind", "declared"),
    [
        (Config, SPEC),
        (SquadStack, SPEC["squadstack"]["properties"]),
        (ContactCenter, SPEC["contact_center"]["properties"]),
        (Target, SPEC["default"]["properties"]),
        (StreamEntry, SPEC["streams"]["items"]["properties"]),
        (MappedField, SPEC["streams"]["items"]["properties"]["field_map"]["items"]["properties"]),
        (LocalStore, STORES["Local"]),
        (S3Store, STORES["S3"]),
    ],
)
def test_each_field_of_the_destinations_specification_has_one_in_the_typed_config(kind, declared):
    named = {field.encode_name for field in msgspec.structs.fields(kind)}
    assert named - {"at", "unknown_fields"} == set(declared) - {"storage_type"}


def test_the_destinations_typed_config_shows_no_value_and_cannot_be_changed(kit):
    config = parse_config(kit.config(squadstack={"token": SECRET}, object_storage_config=s3()))
    assert SECRET not in repr((config, config.squadstack, config.store))
    with pytest.raises(AttributeError):
        config.workers = 1


def test_the_spec_supports_incremental_append_and_append_dedup():
    spec = load_spec()
    assert spec["supportsIncremental"] is True
    assert spec["supported_destination_sync_modes"] == ["append", "append_dedup"]


@pytest.mark.parametrize("url", ["https://canary..example", "https://[::1", "https://a:99999", f"https://{'a' * 70}.b"])
def test_an_address_that_no_host_can_have_is_refused_by_its_field(url):
    assert problem(with_squadstack(base_url=url)) == "squadstack.base_url is not an address that a host can have."


def test_a_number_that_is_whole_but_no_integer_is_refused():
    assert problem({**with_squadstack(), "workers": 4.0}) == "workers must be an integer."

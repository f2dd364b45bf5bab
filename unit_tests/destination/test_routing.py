"""Where each stream goes, or the sentence that says why it goes nowhere."""

import pytest

from destination_squadstack.config import parse_config
from destination_squadstack.errors import ConfigError
from destination_squadstack.routing import lanes_of, plan


def routes(kit, catalog, **changes):
    return plan(parse_config({"squadstack": {"token": "t"}, **changes}), catalog)


def operations(found):
    return [route.lane.operation.name for route in found]


DEFAULT = {"ref_id": "d"}


@pytest.mark.parametrize(
    ("mode", "default", "entry", "expected"),
    [
        ("append_dedup", DEFAULT, None, "upsert"),
        ("append_dedup", {**DEFAULT, "operation": "create"}, None, "create"),
        ("append_dedup", {**DEFAULT, "operation": "create"}, {}, "create"),
        ("append_dedup", None, {"ref_id": "r"}, "upsert"),
        ("append", {**DEFAULT, "operation": "create"}, None, "create"),
        ("append", {**DEFAULT, "operation": "create"}, {}, "create"),
        ("append", None, {"ref_id": "r", "operation": "disable"}, "disable"),
        ("update", DEFAULT, None, "update"),
        ("soft_delete", DEFAULT, None, "disable"),
        ("soft_delete", DEFAULT, {"operation": "convert"}, "convert"),
    ],
)
def test_the_operation_is_the_configs_or_follows_from_the_sync_mode(kit, mode, default, entry, expected):
    changes = {} if default is None else {"default": default}
    if entry is not None:
        changes["streams"] = [{"stream": "leads", **entry}]
    if entry == {}:
        expected = {"append_dedup": "upsert"}.get(mode, expected)
    assert operations(routes(kit, kit.catalog("leads", mode=mode), **changes)) == [expected]


@pytest.mark.parametrize(
    ("mode", "changes", "sentence"),
    [
        ("overwrite", {"default": {**DEFAULT, "operation": "upsert"}}, "The stream 'leads' is set to overwrite"),
        ("append", {"streams": [{"stream": "other", "ref_id": "r"}]}, "The stream 'leads' has no entry in streams"),
        ("append", {"default": DEFAULT}, "default.operation is missing: the stream 'leads' is in append mode"),
        ("append", {"streams": [{"stream": "leads", "ref_id": "r"}]}, "streams[0].operation is missing"),
    ],
)
def test_a_stream_that_cannot_go_anywhere_is_named(kit, mode, changes, sentence):
    with pytest.raises(ConfigError) as raised:
        routes(kit, kit.catalog("leads", mode=mode), **changes)
    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize("catalog", [[], {}, {"streams": 5}, {"streams": [5]}, {"streams": [{"stream": {}}]}])
def test_what_is_no_configured_catalog_is_refused(kit, catalog):
    with pytest.raises(ConfigError, match="not a configured catalog"):
        routes(kit, catalog, default=DEFAULT)


def test_an_entry_takes_what_it_leaves_out_from_the_default(kit):
    (route,) = routes(
        kit, kit.catalog("leads"), default={"ref_id": "d"}, streams=[{"stream": "leads", "operation": "create"}]
    )
    assert route.lane.path == "/voice/crm-integration-v2/d/lead-created"
    assert (route.lane.at, route.lane.ref_at) == ("streams[0]", "default.ref_id")


def test_streams_with_one_operation_on_one_campaign_share_a_lane(kit):
    config = {"default": DEFAULT, "streams": [{"stream": "c", "operation": "create"}, {"stream": "x", "ref_id": "e"}]}
    a, b, c, x = routes(kit, kit.catalog("a", "b", "c", "x"), **config)
    assert a.lane is b.lane
    assert c.lane.index != a.lane.index
    assert c.lane.scope == a.lane.scope
    assert x.lane.scope != a.lane.scope


def test_an_entry_for_a_namespace_goes_before_one_for_all(kit):
    catalog = {
        "streams": [
            {"stream": {"name": "leads", "namespace": namespace}, "destination_sync_mode": "append_dedup"}
            for namespace in ("north", "south", None, "")
        ]
    }
    found = routes(
        kit,
        catalog,
        streams=[{"stream": "leads", "ref_id": "any"}, {"stream": "leads", "namespace": "north", "ref_id": "n"}],
    )
    assert [route.lane.path.split("/")[3] for route in found] == ["n", "any", "any", "any"]
    assert [route.namespace for route in found] == ["north", "south", None, None]


def test_check_looks_at_each_endpoint_once(kit):
    config = parse_config(
        {
            "squadstack": {"token": "t"},
            "default": {"operation": "upsert", "ref_id": "d"},
            "streams": [{"stream": "a"}, {"stream": "b", "operation": "create"}, {"stream": "c", "ref_id": "x"}],
        }
    )
    assert [lane.path for lane in lanes_of(config)] == [
        "/voice/crm-integration-v2/d/lead-upserted",
        "/voice/crm-integration-v2/d/lead-created",
        "/voice/crm-integration-v2/x/lead-upserted",
    ]

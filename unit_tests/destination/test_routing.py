"""Where each stream goes, or the sentence that says why it goes nowhere."""

import pytest

from destination_squadstack.config import parse_config
from destination_squadstack.errors import ConfigError
from destination_squadstack.routing import campaign_operations, plan, unmatched


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
def test_a_catalog_of_another_shape_is_refused(kit, catalog):
    with pytest.raises(ConfigError, match="not a configured catalog"):
        routes(kit, catalog, default=DEFAULT)


def test_an_entry_takes_what_it_leaves_out_from_the_default(kit):
    (route,) = routes(
        kit, kit.catalog("leads"), default={"ref_id": "d"}, streams=[{"stream": "leads", "operation": "create"}]
    )
    assert route.lane.path == "/voice/crm-integration-v2/d/lead-created"
    assert (route.lane.config_entry, route.lane.campaign_field) == ("streams[0]", "default.ref_id")


def test_streams_with_one_operation_on_one_campaign_share_a_lane(kit):
    config = {"default": DEFAULT, "streams": [{"stream": "c", "operation": "create"}, {"stream": "x", "ref_id": "e"}]}
    a, b, c, x = routes(kit, kit.catalog("a", "b", "c", "x"), **config)
    assert a.lane is b.lane
    assert c.lane.index != a.lane.index
    assert c.lane.lead_namespace == a.lane.lead_namespace
    assert x.lane.lead_namespace != a.lane.lead_namespace


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
    assert [lane.path for lane in campaign_operations(config)] == [
        "/voice/crm-integration-v2/d/lead-upserted",
        "/voice/crm-integration-v2/d/lead-created",
        "/voice/crm-integration-v2/x/lead-upserted",
    ]


def stream(name, namespace=None):
    return {"stream": {"name": name, "namespace": namespace}, "destination_sync_mode": "append_dedup"}


OTHERWISE = [
    {"ref_id": "other"},
    {"operation": "disable"},
    {"api": "v4", "campaign_id": "c", "operation": "create"},
    {"field_map": [{"to": "lead_id", "from": "id"}]},
]


@pytest.mark.parametrize("entry", OTHERWISE, ids=["campaign", "operation", "api", "field_map"])
def test_an_entry_without_a_stream_fails_where_default_would_take_its_records_another_way(kit, entry):
    catalog = {"streams": [stream("orders"), stream("new_leads")]}
    with pytest.raises(ConfigError) as raised:
        routes(kit, catalog, default=DEFAULT, streams=[{"stream": "orders"}, {"stream": "new_lead", **entry}])
    assert str(raised.value) == (
        "streams[1].stream names 'new_lead', which is no stream of the catalog. The nearest, 'new_leads', would go the "
        "way of default, with another operation, campaign or field_map. Correct the name. If the entry is for another "
        "connection, give the streams of this one an entry each."
    )


@pytest.mark.parametrize(
    ("named", "streams", "nearest"),
    [
        (("Leads", None), [stream("leads"), stream("orders")], "'leads', would go the way of default (like 1 more)"),
        (("leads", "CRM"), [stream("leads", "crm")], "'leads' of the namespace 'crm', would go the way of default"),
        (("leads", "crm"), [stream("leads")], "'leads', would go the way of default"),
        (("visitors", None), [stream("leads")], "'leads', would go the way of default"),
    ],
)
def test_the_nearest_stream_is_named_whatever_the_slip(kit, named, streams, nearest):
    entry = {"stream": named[0], "namespace": named[1] or "", "ref_id": "other"}
    with pytest.raises(ConfigError) as raised:
        routes(kit, {"streams": streams}, default=DEFAULT, streams=[entry])
    assert f"The nearest, {nearest}" in str(raised.value)


def test_a_namespace_spelled_otherwise_fails_where_the_entry_for_all_namespaces_takes_its_records(kit):
    entries = [{"stream": "leads", "namespace": "C R M", "ref_id": "x"}, {"stream": "leads", "ref_id": "y"}]
    with pytest.raises(ConfigError, match="would go the way of streams"):
        routes(kit, {"streams": [stream("leads", "crm")]}, streams=entries)
    (route,) = routes(kit, {"streams": [stream("leads", "shop")]}, streams=entries)
    assert route.lane.path.endswith("/y/lead-upserted")


@pytest.mark.parametrize(
    ("default", "entries", "streams"),
    [
        (DEFAULT, [{"stream": "new_lead"}], ["new_leads"]),
        (DEFAULT, [{"stream": "new_lead", "ref_id": "other"}, {"stream": "new_leads"}], ["new_leads"]),
        (None, [{"stream": "a", "ref_id": "r"}, {"stream": "b", "ref_id": "s"}], ["a"]),
    ],
    ids=["the-same-way", "every-stream-has-an-entry", "no-default"],
)
def test_an_entry_without_a_stream_is_harmless_where_no_record_can_go_astray(kit, default, entries, streams):
    changes = {"streams": entries} | ({"default": default} if default else {})
    config = parse_config({"squadstack": {"token": "t"}, **changes})
    found = plan(config, {"streams": [stream(name) for name in streams]})
    assert [entry.stream for entry in unmatched(config, found)] == [
        entry["stream"] for entry in entries if entry["stream"] not in streams
    ]


def test_rows_of_some_streams_may_leave_entries_without_any(kit):
    config = parse_config(
        {"squadstack": {"token": "t"}, "default": DEFAULT, "streams": [{"stream": "a", "ref_id": "x"}]}
    )
    (route,) = plan(config, {"streams": [stream("b")]}, whole=False)
    assert route.lane.path.endswith("/d/lead-upserted")

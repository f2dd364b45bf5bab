"""v4, v1 and the contact center by the console script against the emulator: each operation, and what can go wrong."""

import pytest

from squadstack_emulator import Campaign, Emulator, Fault, FaultKind, Portal, PortalCampaign, Scenario
from test_support import catalogs, configs
from test_support.messages import global_state, kept_rows, lines, record

TOKEN = "emulator-token-canary"
PASSWORD = "canary-password"
CAMPAIGN = "0PT711"


@pytest.fixture
def emulator():
    """Start an emulator with a scenario; nothing that was sent may break the documents."""
    started = []

    def start(*, clean=True, **fields):
        portal = Portal(password=PASSWORD, campaigns=(PortalCampaign(id="pc1", leads=6),))
        scenario = Scenario(
            **{"token": TOKEN, "campaigns": (Campaign(),), "calls_per_minute": None, "portal": portal, **fields}
        )
        emulator = Emulator(scenario)
        emulator.start()
        started.append((emulator, clean))
        return emulator

    yield start
    for emulator, clean in started:
        emulator.stop()
        assert emulator.request_log.overlapping == []
        if clean:
            emulator.assert_clean()


@pytest.fixture
def run(destination):
    """Run the console script; no lead data and no secret may be in what it says."""

    def run(command, *messages, **files):
        done = destination.run(command, stdin=lines(*messages), **files)
        done.assert_no_leak("canary", "Canary", "98000", "portal-access-token")
        return done

    return run


@pytest.fixture
def go(run, tmp_path):
    """Run `write`, or `check` where there is no input, with an entry for each stream."""

    def go(emulator, entries, records=None, **changes):
        config = {
            "streams": [{"stream": entry["operation"], **entry} for entry in entries],
            "object_storage_config": configs.local_store(tmp_path / "rejects"),
        }
        if any(entry["api"] == "contact_center" for entry in entries):
            config["contact_center"] = configs.portal_login(emulator)
        if any(entry["api"] != "contact_center" for entry in entries):
            config |= configs.account(emulator, **changes.pop("squadstack", {}))
        config |= changes
        if records is None:
            return run("check", config=config)
        catalog = catalogs.written(*(entry["operation"] for entry in entries), mode="append")
        messages = [record(data, stream) for stream, data in records]
        return run("write", *messages, global_state(1), config=config, catalog=catalog)

    return go


@pytest.fixture
def rejected(tmp_path):
    """Return the rejected records, by what their lead is told apart by."""

    return lambda: {row["lead_id"]: row for row in kept_rows(tmp_path / "rejects")}


def lead(lead_id, **more):
    return {"lead_id": lead_id, "phone_number": "9800000000", "contact_name": "Canaryname", **more}


def v4(*names, **more):
    return [{"operation": name, "api": "v4", "campaign_id": CAMPAIGN, **more} for name in names]


def portal(*names, **more):
    return [{"operation": name, "api": "contact_center", **more} for name in names]


ALL_V4 = ("create", "update", "convert", "disable", "delete")


def test_a_stream_that_the_platform_has_mapped_goes_by_its_catalog(run, emulator):
    server = emulator(campaigns=(Campaign(unprocessed=1),))
    names = ("lead_id", "phone_number", "contact_name", "city")
    mapped = {
        "stream": {
            "name": "customers",
            "namespace": "public",
            "json_schema": {"type": "object", "properties": {name: {"type": "string"} for name in names}},
            "supported_sync_modes": ["full_refresh", "incremental"],
        },
        "sync_mode": "incremental",
        "destination_sync_mode": "append_dedup",
        "cursor_field": ["updated_at"],
        "primary_key": [["lead_id"]],
        "generation_id": 1,
        "minimum_generation_id": 0,
        "sync_id": 7,
        "destination_object_name": "crm_v2.upsert",
    }
    config = configs.destination(server, default={"operation": "disable", "ref_id": "ref-0PT711"})
    row = record({**lead("canary1", city="Pune"), "updated_at": "2026-11-20"}, "customers", namespace="public")
    written = run("write", row, global_state(1), config=config, catalog={"streams": [mapped]})
    assert (written.code, written.marks) == (0, [1])
    assert [(done.operation, done.lead_id) for done in server.request_log.applied] == [("upsert", "canary1")]
    assert server.leads()["canary1"].custom == {"city": "Pune"}


# -- v4 and v1


def test_every_operation_of_v4_reaches_its_endpoint_in_the_order_of_each_lead(go, emulator, rejected):
    server = emulator()
    ids = [f"canary{number}" for number in range(5)]
    records = [("create", lead(each)) for each in ids]
    records += [("update", {"lead_id": each, "city": "Pune"}) for each in ids]
    records += [("convert", {"lead_id": ids[0], "detail": "paid"}), ("disable", {"lead_id": ids[1]})]
    records += [("delete", {"lead_id": ids[2]})]
    written = go(server, v4(*ALL_V4), records, allow_delete=True)
    assert (written.code, written.marks, rejected()) == (0, [1], {})
    leads = server.leads()
    assert [leads[each].state for each in ids] == ["converted", "disabled", "deleted", "active", "active"]
    assert leads[ids[4]].custom == {"city": "Pune"}
    for each in ids:
        assert [done.operation for done in server.request_log.applied if done.lead_id == each][:2] == [
            "create",
            "update",
        ]
    creates = [call for call in server.request_log.calls if "/create/" in call.path]
    assert [call.leads for call in creates] == [5]


@pytest.mark.parametrize("applies", ["nothing", "before", "others"])
def test_a_refused_list_costs_the_bad_lead_alone_whatever_the_server_did_of_it(go, emulator, rejected, applies):
    server = emulator(refused_list_applies=applies)
    records = [("create", lead(f"canary{number}")) for number in range(20)]
    records.insert(13, ("create", lead("canarybad", phone_number="12")))
    written = go(server, v4("create"), records)
    assert (written.code, written.marks) == (0, [1])
    assert {key: row["reason"] for key, row in rejected().items()} == {
        "canarybad": "phone_number: Invalid value provided."
    }
    assert set(server.leads()) == {f"canary{number}" for number in range(20)}
    assert [done.lead_id for done in server.request_log.applied].count("canary0") == 1
    assert written.of("STATE")[0]["destinationStats"] == {"recordCount": 20, "rejectedRecordCount": 1}


@pytest.mark.parametrize("operation", ["update", "convert", "delete", "disable"])
def test_an_unknown_lead_is_rejected_and_the_others_go_on(go, emulator, rejected, operation):
    server = emulator(campaigns=(Campaign(unprocessed=2),))
    data = [{"lead_id": each, "detail": "paid"} for each in ("seed-0000000", "canarynone", "seed-0000001")]
    data = data if operation == "convert" else [{"lead_id": each["lead_id"]} for each in data]
    written = go(server, v4(operation), [(operation, each) for each in data], allow_delete=True)
    assert (written.code, written.marks) == (0, [1])
    (row,) = rejected().values()
    assert (row["lead_id"], row["reason"]) == ("canarynone", "The lead does not exist in the campaign.")
    assert row["status_code"] == (400 if operation == "disable" else 404)
    assert len(server.request_log.applied) == 2


@pytest.mark.parametrize("operation", ALL_V4)
def test_a_write_that_was_applied_and_answered_500_is_made_good(go, emulator, rejected, operation):
    fault = Fault(FaultKind.HTTP_500, on="write", times=1, applied=True)
    server = emulator(campaigns=(Campaign(unprocessed=1),), faults=(fault,))
    lead_id = "canarynew" if operation == "create" else "seed-0000000"
    data = {"create": lead(lead_id), "convert": {"lead_id": lead_id, "detail": "paid"}}
    written = go(server, v4(operation), [(operation, data.get(operation, {"lead_id": lead_id}))], allow_delete=True)
    assert (written.code, written.marks, rejected()) == (0, [1], {})
    assert len(server.request_log.calls) == 2


def test_a_busy_lead_goes_again(go, emulator, rejected):
    server = emulator(campaigns=(Campaign(unprocessed=1),), busy_leads={"seed-0000000": 2})
    written = go(server, v4("update"), [("update", {"lead_id": "seed-0000000", "city": "Pune"})])
    assert (written.marks, rejected(), len(server.request_log.calls)) == ([1], {}, 3)


def test_v1_is_sent_integers(go, emulator, rejected):
    server = emulator()
    entries = [
        {"operation": name, "api": "v1", "campaign_id": CAMPAIGN, "stream": name} for name in ("create", "disable")
    ]
    records = [("create", lead(each, state_code="KA")) for each in ("7", 8, "canary", "09")]
    written = go(server, entries, [*records, ("disable", {"lead_id": 7})])
    assert (written.code, written.marks) == (0, [1])
    assert {key: row["reason"] for key, row in rejected().items()} == dict.fromkeys(
        ("canary", "09"), "lead_id: must be an integer, or text that spells one"
    )
    assert {key: each.state for key, each in server.leads().items()} == {"7": "disabled", "8": "active"}


@pytest.mark.parametrize(
    ("changes", "entry", "message"),
    [
        ({"squadstack": {"token": "canary-wrong"}}, {}, "squadstack.token is not accepted by SquadStack"),
        ({}, {"campaign_id": "nope"}, "streams[0].campaign_id names no campaign of SquadStack"),
    ],
)
def test_write_and_check_of_each_api_name_what_the_user_has_to_fix(go, emulator, changes, entry, message):
    server = emulator()
    for operation, records in (("create", [("create", lead("canary1"))]), ("create", None), ("convert", None)):
        result = go(server, v4(operation, **entry), records, **changes)
        said = result.status["message"] if records is None else result.error["message"]
        assert said.startswith(message)
    assert server.request_log.applied == []


def test_check_changes_nothing(go, emulator):
    server = emulator()
    entries = [*v4(*ALL_V4), {"operation": "create", "api": "v1", "campaign_id": CAMPAIGN, "stream": "v1"}]
    assert go(server, entries, allow_delete=True).status == {"status": "SUCCEEDED"}
    assert (server.request_log.applied, len(server.request_log.calls)) == ([], 6)


@pytest.mark.parametrize("entries", [v4("delete"), portal("delete_lead")])
def test_deleting_leads_needs_allow_delete(go, emulator, entries):
    server = emulator()
    written = go(server, entries, [(entries[0]["operation"], {"lead_id": "canary"})])
    assert written.error["failure_type"] == "config_error"
    assert "set allow_delete to true" in written.error["message"]
    assert server.request_log.calls == []


# -- the contact center


def test_every_operation_of_the_contact_center_with_one_login_and_no_squadstack(go, emulator, rejected):
    server = emulator()
    first, second, third, *_ = [row["id"] for row in server.portal_leads()]
    records = [
        ("add_lead", {"number": "+9800000001", "first_name": "Canaryname", "retries": 3, "priority": 1}),
        ("set_status", {"lead_id": first, "status": "success"}),
        ("delete_lead", {"lead_id": second}),
        ("voicemail_disposition", {"cdr_id": "canary-cdr"}),
        ("set_status", {"lead_id": third, "status": "new"}),
        ("delete_lead", {"lead_id": third}),
        ("delete_lead", {"lead_id": "canary-nobody"}),
    ]
    entries = [*portal("set_status", "delete_lead", "voicemail_disposition"), *portal("add_lead", campaign_id="pc1")]
    written = go(server, entries, records, allow_delete=True)
    assert (written.code, written.marks) == (0, [1])
    rows = {row["id"]: row for row in server.portal_leads()}
    assert {second, third}.isdisjoint(rows)
    assert rows[first]["status"] == "success"
    added = [row for row in rows.values() if row["number"] == "+9800000001"]
    assert [(row["first_name"], row["retries"], row["priority"]) for row in added] == [("Canaryname", 3, 1)]
    assert [done.operation for done in server.request_log.applied if done.lead_id == third] == [
        "set_status",
        "delete_lead",
    ]
    assert server.request_log.logins == 1
    assert {call.api for call in server.request_log.calls} == {"portal"}
    assert {key: (row["status_code"], row["reason"]) for key, row in rejected().items()} == {
        "canary-nobody": (400, "The information sent is invalid.")
    }


@pytest.mark.parametrize("kind", [FaultKind.RESET_AFTER, FaultKind.HTTP_500])
def test_an_added_lead_with_a_lost_answer_is_not_sent_again(go, emulator, rejected, kind):
    server = emulator(faults=(Fault(kind, on="portal", path="/lead", times=1),))
    records = [("add_lead", {"number": f"+980000000{number}"}) for number in range(3)]
    written = go(server, portal("add_lead", campaign_id="pc1"), records, workers=1)
    assert (written.code, written.marks) == (0, [1])
    assert [call.path.endswith("/lead") for call in server.request_log.calls].count(True) == 3
    (row,) = rejected().values()
    assert row["reason"].startswith("outcome_unknown: ")
    assert (row["status_code"], row["retryable"], row["attempts"]) == (None, False, 1)
    assert row["data"] == {"number": "+9800000000"}


def test_the_method_that_the_portal_takes_is_found_once(go, emulator, rejected):
    server = emulator(add_lead_method="POST")
    records = [("add_lead", {"number": f"+980000000{number}"}) for number in range(3)]
    written = go(server, portal("add_lead", campaign_id="pc1"), records, workers=1)
    assert (written.code, rejected()) == (0, {})
    calls = [call.method for call in server.request_log.calls if call.path.endswith("/lead")]
    assert calls == ["PUT", "POST", "POST", "POST"]


def test_tokens_may_die_as_often_as_they_like_under_several_calls_at_once(go, emulator, rejected):
    server = emulator(portal_token_uses=2)
    records = [("add_lead", {"number": f"+1980000{number:04d}"}) for number in range(60)]
    written = go(server, portal("add_lead", campaign_id="pc1"), records, workers=4)
    assert (written.code, rejected(), len(server.portal_leads())) == (0, {}, 6 + 60)


def test_a_token_that_dies_is_renewed(go, emulator, rejected):
    server = emulator(portal_token_uses=2)
    records = [("set_status", {"lead_id": row["id"], "status": "failed"}) for row in server.portal_leads()]
    written = go(server, portal("set_status"), records, workers=1)
    assert (written.code, rejected(), server.request_log.logins) == (0, {}, 3)


@pytest.mark.parametrize(
    ("changed", "fields", "message"),
    [
        ({"password": "canary-wrong"}, {}, "contact_center.username, contact_center.password or contact_center.domain"),
        ({}, {"portal_token_uses": 0}, "The contact center refuses the token of a login that it has just accepted"),
    ],
)
def test_a_login_that_is_refused_is_a_config_error(go, emulator, changed, fields, message):
    server = emulator(**fields)
    entries = portal("set_status")
    written = go(
        server,
        entries,
        [("set_status", {"lead_id": "x", "status": "new"})],
        contact_center=configs.portal_login(server, **changed),
    )
    assert written.error["failure_type"] == "config_error"
    assert written.error["message"].startswith(message)
    assert written.marks == []


def test_check_of_the_contact_center_is_a_login_and_no_more(go, emulator):
    server = emulator()
    entries = [*portal("set_status", "voicemail_disposition"), *portal("add_lead", campaign_id="pc1")]
    assert go(server, entries).status == {"status": "SUCCEEDED"}
    assert [call.path for call in server.request_log.calls] == ["/api/v2/login"]
    wrong = go(server, entries, contact_center=configs.portal_login(server, password="canary-wrong"))
    assert wrong.status["message"].startswith("contact_center.username, contact_center.password")


def test_a_dry_run_calls_nobody(go, emulator):
    server = emulator()
    entries = [*v4("create", "update"), *portal("add_lead", campaign_id="pc1")]
    records = [
        ("create", lead("canary1")),
        ("update", {"lead_id": "canary1"}),
        ("add_lead", {"number": "+9800000000"}),
    ]
    written = go(server, entries, records, dry_run=True)
    assert (written.code, server.request_log.calls) == (0, [])

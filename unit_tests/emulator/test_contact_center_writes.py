"""Writes to the contact center to the letter of the page."""

import pytest

from squadstack_emulator import Fault, FaultKind, Portal, PortalCampaign
from squadstack_emulator.json_text import dumps

CONFIG = "/api/v2/config/campaigns"
PORTAL = Portal(campaigns=(PortalCampaign(id="c1", leads=2),))
EVERYTHING = {
    "number": "+12131204",
    "retries": 3,
    "first_name": "Piper",
    "last_name": "Huffman",
    "type": "person",
    "priority": 4,
    "ticket_id": "T1",
    "note": "n",
    "cool_off": 60,
}


def send(caller, method, path, body=None):
    token = caller.log_in().content["access_token"]
    headers = {
        "authorization": f"Bearer {token}",
        "x-account-id": PORTAL.account_id,
        "content-type": "application/json",
    }
    return caller.send(method, CONFIG + path, body=b"" if body is None else dumps(body), headers=headers)


@pytest.fixture
def portal(call):
    return lambda **scenario: call(portal=PORTAL, **scenario)


def leads(caller):
    return caller.pipeline.portal.leads("c1").rows


def test_a_lead_is_added_with_every_documented_field(portal):
    caller = portal()
    assert send(caller, "PUT", "/c1/lead", EVERYTHING).status == 200
    added = leads(caller)[-1]
    assert {**added.row(), **added.more}.items() >= EVERYTHING.items()
    assert added.status == "new"
    assert caller.request_log.applied[-1][2:] == ("c1", "add_lead", "+12131204")
    assert caller.request_log.violations == []


def test_a_number_can_be_added_to_a_contact_center_twice(portal):
    caller = portal()
    for _ in range(2):
        assert send(caller, "PUT", "/c1/lead", {"number": "+1"}).status == 200
    assert [each.number for each in leads(caller)].count("+1") == 2
    assert len({each.id for each in leads(caller)}) == 4


@pytest.mark.parametrize(("accepted", "other"), [("PUT", "POST"), ("POST", "PUT")])
def test_the_scenario_says_by_which_method_and_who_tries_the_other_breaks_nothing(portal, accepted, other):
    caller = portal(add_lead_method=accepted)
    assert send(caller, other, "/c1/lead", {"number": "+1"}).status == 405
    assert send(caller, accepted, "/c1/lead", {"number": "+1"}).status == 200
    assert caller.request_log.violations == []
    assert send(caller, "PATCH", "/c1/lead", {"number": "+1"}).status == 405
    assert len(caller.request_log.violations) == 1


def test_a_status_is_set_and_a_lead_deleted(portal):
    caller = portal()
    first, second = leads(caller)
    assert send(caller, "POST", f"/leads/{first.id}/status/success").status == 200
    assert send(caller, "DELETE", f"/leads/{second.id}").status == 200
    assert [(each.id, each.status) for each in leads(caller)] == [(first.id, "success")]
    assert [each.operation for each in caller.request_log.applied] == ["set_status", "delete_lead"]
    assert send(caller, "DELETE", f"/leads/{second.id}").status == 400
    assert caller.request_log.violations == []


def test_a_call_becomes_a_voicemail(portal):
    caller = portal()
    send(caller, "PUT", "/call/cdr-1/disposition/voicemail")
    assert caller.request_log.applied[-1].lead_id == "cdr-1"


@pytest.mark.parametrize(("kind", "count"), [(FaultKind.RESET, 2), (FaultKind.RESET_AFTER, 3), (FaultKind.HTTP_500, 2)])
def test_faults_of_the_portal_strike_before_or_after_the_work(portal, kind, count):
    caller = portal(faults=(Fault(kind, on="portal", path="/lead"),))
    send(caller, "PUT", "/c1/lead", {"number": "+1"})
    assert len(leads(caller)) == count


def test_two_calls_for_one_lead_at_once_are_entered(portal):
    caller = portal()
    token = caller.log_in().content["access_token"]
    headers = {"authorization": f"Bearer {token}", "x-account-id": PORTAL.account_id}
    lead_id = leads(caller)[0].id
    for path in (f"{CONFIG}/leads/{lead_id}/status/new", f"{CONFIG}/leads/{lead_id}"):
        caller.arrive("POST" if path.endswith("new") else "DELETE", path, headers=headers)
    assert [each.lead_id for each in caller.request_log.overlapping] == [lead_id]

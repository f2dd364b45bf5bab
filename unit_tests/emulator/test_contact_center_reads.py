"""Contact center: campaigns, leads and queues (page Campaigns)."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from squadstack_emulator import Portal, PortalCampaign
from squadstack_emulator.contact_center.seeds import queue_row
from squadstack_emulator.request_log import Call

STATUS = "/api/v2/reports/campaigns/leads/status"
QUEUES = "/callcenter/queues/status"
CAMPAIGN = "210ea5d942f41744f1ef37e84a4965e0"
LEADS = f"/api/v2/config/campaigns/{CAMPAIGN}/leads"
INVALID = (400, {"error": "The information sent is invalid."})
LIMIT = 50


def portal(leads: int = 0, queues: int = 0) -> Portal:
    return Portal(campaigns=(PortalCampaign(leads=leads), PortalCampaign("c2", "second", leads=3)), queues=queues)


def pages(caller: Any, **parameters: Any) -> list[Any]:
    """The bodies of all pages of the first campaign's leads, by their keys."""
    read = [caller.portal(LEADS, **parameters).content]
    while key := read[-1].get("next_start_key"):
        assert len(read) < LIMIT
        read.append(caller.portal(LEADS, **parameters, next_start_key=key).content)
    return read


def rows(read: list[Any]) -> list[Any]:
    return [row for page in read for row in page["data"]]


def seeded(caller: Any) -> list[Any]:
    return [lead.row() for lead in caller.pipeline.portal.leads(CAMPAIGN).rows]


def test_the_status_report_is_an_object_by_campaign_id(call: Callable[..., Any]) -> None:
    caller = call(portal=portal(leads=44))
    report = caller.portal(STATUS).content
    assert list(report) == [CAMPAIGN, "c2"]
    counted = Counter(row["status"] for row in seeded(caller))
    assert report[CAMPAIGN] == {
        "name": "campaign_1",
        "status": "stopped",
        "total_leads": 44,
        "leads_by_status": {"new": counted["new"], "success": counted["success"], "failed": counted["failed"]},
    }
    assert sum(report["c2"]["leads_by_status"].values()) == report["c2"]["total_leads"] == 3


def test_seeded_leads_are_like_the_example_and_no_two_share_an_id_or_a_number(call: Callable[..., Any]) -> None:
    leads = seeded(call(portal=portal(leads=500)))
    assert len({row["id"] for row in leads}) == len({row["number"] for row in leads}) == 500
    assert {len(row["id"]) for row in leads} == {32}
    start, end = (int(each.timestamp()) for each in (PortalCampaign.seed_from, PortalCampaign.seed_to))
    assert all(start <= row["created"] < end for row in leads)
    assert leads == seeded(call(portal=portal(leads=500)))
    assert leads != seeded(call(portal=portal(leads=500), seed=2))


@pytest.mark.parametrize("order", ["processed_at", "lead_id", "shuffled", "reshuffled"])
@pytest.mark.parametrize("leads", [0, 1, 9, 10, 11, 20, 25])
def test_the_pages_by_key_hold_each_lead_once_in_every_order(call: Callable[..., Any], leads: int, order: str) -> None:
    caller = call(portal=portal(leads=leads), order=order)
    read = pages(caller, page_size=10)
    assert sorted(row["id"] for row in rows(read)) == sorted(row["id"] for row in seeded(caller))
    assert len(read) == max(1, -(-leads // 10))
    assert (rows(read) == seeded(caller)) is (order == "processed_at" or leads < 2)
    assert caller.request_log.violations == []


@pytest.mark.parametrize(
    ("last", "spelt"), [("absent", {}), ("null", {"next_start_key": None}), ("empty", {"next_start_key": ""})]
)
def test_the_last_page_spells_the_missing_key_as_the_scenario_says(
    call: Callable[..., Any], last: str, spelt: dict[str, object]
) -> None:
    first, second = pages(call(portal=portal(leads=3), portal_last_key=last), page_size=2)
    assert (list(first), len(first["next_start_key"])) == (["data", "next_start_key"], 32)
    assert {key: value for key, value in second.items() if key != "data"} == spelt


def test_a_page_has_50_leads_unless_asked_otherwise_and_never_more_than_the_cap(call: Callable[..., Any]) -> None:
    assert [len(page["data"]) for page in pages(call(portal=portal(leads=120)))] == [50, 50, 20]
    assert [len(page["data"]) for page in pages(call(portal=portal(leads=120)), page_size=1000)] == [120]
    capped = call(portal=portal(leads=120), portal_page_cap=70)
    assert [len(page["data"]) for page in pages(capped, page_size=1000)] == [70, 50]


def test_a_key_that_repeats_goes_round_for_ever(call: Callable[..., Any]) -> None:
    caller = call(portal=portal(leads=5), portal_repeats_key=True)
    first = caller.portal(LEADS, page_size=2).content
    second = caller.portal(LEADS, page_size=2, next_start_key=first["next_start_key"]).content
    assert first == second


def test_a_key_of_one_campaign_is_none_of_another(call: Callable[..., Any]) -> None:
    caller = call(portal=portal(leads=5))
    key = caller.portal(LEADS, page_size=2).content["next_start_key"]
    answer = caller.portal("/api/v2/config/campaigns/c2/leads", next_start_key=key)
    assert (answer.status, answer.content) == INVALID


def test_an_empty_key_is_the_first_page(call: Callable[..., Any]) -> None:
    caller = call(portal=portal(leads=5))
    assert caller.portal(LEADS, next_start_key="").content["data"] == seeded(caller)
    assert caller.request_log.violations == []


def test_a_call_is_logged_with_its_campaign_its_query_and_its_rows(call: Callable[..., Any]) -> None:
    caller = call(portal=portal(leads=5))
    caller.portal(LEADS, page_size=2)
    assert caller.request_log.calls[1] == Call(
        2, 0.0, "GET", LEADS, {"page_size": "2"}, target=CAMPAIGN, status=200, fault=None, leads=2, api="portal"
    )


def test_a_queue_counts_its_agents(call: Callable[..., Any]) -> None:
    queues = call(portal=portal(queues=40)).portal(QUEUES).content
    assert queues == [queue_row(1, number) for number in range(40)]
    agents = [agent for queue in queues for agent in queue["agents"]]
    assert len({queue["id"] for queue in queues}) == 40
    for queue in queues:
        here = queue["agents"]
        assert queue["total_agents"] == len(here) == queue["logged_in_agents"] + queue["logged_out_agents"]
        assert queue["logged_in_agents"] == queue["idle_agents"] + queue["agents_on_call"]
        assert queue["misconfigured_agents"] == sum(not agent["extension_is_valid"] for agent in here)
        assert queue["agents_registered"] == sum(agent["registered"] for agent in here)
    # Every case a client must cope with is among them.
    assert {0, 3} <= {queue["total_agents"] for queue in queues}
    assert {agent["status"] for agent in agents} == {"idle", "on_call"}
    assert {bool(agent["tags"]) for agent in agents} == {True, False}

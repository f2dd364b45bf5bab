"""The emulator as tests, benchmarks and the demo hold it in their hands."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from squadstack_emulator import Campaign, Emulator, Fault, FaultKind, Portal, PortalCampaign, Scenario

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOKEN = {"Authorization": "Bearer emulator-token"}


def emulator_with(unprocessed: int = 0, **scenario: Any) -> Emulator:
    return Emulator(Scenario(campaigns=(Campaign(unprocessed=unprocessed),), **scenario), clock=lambda: FIRST)


def processed(emulator: Emulator) -> list[datetime | None]:
    return [lead.processed_at for lead in emulator.leads().values()]


def read(emulator: Emulator, **parameters: Any) -> list[Any]:
    url = f"{emulator.url}/api/v4/leads/responses/0PT711/"
    rows: list[Any] = requests.get(url, params=parameters, headers=TOKEN, timeout=300).json()["results"]
    return rows


def test_an_emulator_is_the_documented_service_by_default() -> None:
    scenario = Emulator().scenario
    assert (scenario.calls_per_minute, scenario.window_seconds, scenario.next_scheme) == (100, 60.0, "http")
    assert [(each.id, each.ref_id) for each in scenario.campaigns] == [("0PT711", "ref-0PT711")]


def test_an_emulator_serves_between_start_and_stop_and_keeps_its_leads() -> None:
    emulator = emulator_with(2)
    with pytest.raises(RuntimeError, match="no URL before it is started"):
        _ = emulator.url
    with emulator:
        emulator.start()
        assert len(read(emulator)) == 2
    emulator.stop()
    with emulator:
        assert len(read(emulator)) == 2
    assert len(emulator.request_log.calls) == 2


def test_leads_are_called_all_now_by_default() -> None:
    emulator = emulator_with(3)
    assert emulator.call_leads() == 3
    assert processed(emulator) == [FIRST] * 3
    assert emulator.call_leads() == 0


def test_called_leads_are_spread_evenly_over_the_hours_given() -> None:
    emulator = emulator_with(4)
    assert emulator.call_leads("0PT711", limit=3, first_at=FIRST, last_at=FIRST + 2 * HOUR) == 3
    assert processed(emulator) == [FIRST, FIRST + HOUR, FIRST + 2 * HOUR, None]
    assert emulator.call_leads(first_at=FIRST - HOUR) == 1
    assert processed(emulator)[3] == FIRST - HOUR


def test_only_leads_that_arrived_before_a_moment_are_called_if_so_asked() -> None:
    emulator = emulator_with(3)
    arrived = sorted(lead.created_at for lead in emulator.leads().values())
    assert emulator.call_leads(arrived_before=arrived[1]) == 1


def test_a_lead_processed_again_has_a_new_time_and_the_others_keep_theirs() -> None:
    emulator = emulator_with(2)
    emulator.call_leads()
    emulator.reprocess("0PT711", ["seed-0000001"], FIRST + HOUR)
    assert processed(emulator) == [FIRST, FIRST + HOUR]
    assert emulator.leads()["seed-0000001"].judgements == 2
    with pytest.raises(KeyError):
        emulator.reprocess("0PT711", ["nobody"])


def test_the_leads_of_an_emulator_are_a_snapshot() -> None:
    emulator = emulator_with(1)
    before = emulator.leads()
    emulator.call_leads()
    assert [lead.state for lead in before.values()] == ["active"]


def test_a_raw_response_is_read_back_verbatim(serve: Callable[..., Emulator]) -> None:
    emulator = serve()
    odd = {"lead_id": "odd", "processed_at": "soon", "amount": 10**30}
    late = {"lead_id": "late", "processed_at": "2024-01-02T00:00:00+05:30"}
    filed = {"lead_id": "filed", "processed_at": None}
    emulator.put_response("0PT711", odd)
    emulator.put_response(None, late)
    emulator.put_response(None, filed, at=FIRST)
    assert read(emulator) == [filed, late, odd]
    assert read(emulator, processed_after=int((FIRST + HOUR).timestamp() * 1000)) == [late, odd]


def test_a_changed_scenario_holds_from_the_next_call_on(serve: Callable[..., Emulator]) -> None:
    emulator = serve(campaigns=(Campaign(responses=3),))
    assert read(emulator)[0]["processed_at"] == "2024-01-01T00:00:00+00:00"
    emulator.change(time_style="epoch_seconds", page_size_cap=2)
    assert [row["processed_at"] for row in read(emulator)] == [1704067200, 1705795200]
    emulator.set_scenario(Scenario(campaigns=(Campaign("other", responses=1),)))
    url = f"{emulator.url}/api/v4/leads/responses"
    assert requests.get(f"{url}/0PT711/", headers=TOKEN, timeout=300).status_code == 404
    assert requests.get(f"{url}/other/", headers=TOKEN, timeout=300).json()["count"] == 1


def test_switches_that_are_named_count_from_the_beginning_and_others_go_on(serve: Callable[..., Emulator]) -> None:
    fault = Fault(FaultKind.HTTP_500, times=1)
    emulator = serve(faults=(fault,))

    def status() -> int:
        return requests.get(f"{emulator.url}/api/v4/leads/responses/0PT711/", headers=TOKEN, timeout=300).status_code

    assert [status(), status()] == [500, 200]
    emulator.change(next_scheme="https")
    assert status() == 200
    emulator.change(faults=(fault,))
    assert [status(), status()] == [500, 200]
    emulator.set_scenario(emulator.scenario)
    assert [status(), status()] == [500, 200]


def test_a_violation_fails_the_test_that_asks(serve: Callable[..., Emulator]) -> None:
    emulator = serve()
    emulator.assert_clean()
    requests.get(f"{emulator.url}/api/v9/", headers=TOKEN, timeout=300)
    with pytest.raises(AssertionError, match=r"- GET /api/v9/: there is no such path"):
        emulator.assert_clean()


def test_the_contact_center_is_served_at_the_same_address(serve: Callable[..., Emulator]) -> None:
    campaign = PortalCampaign(leads=3, activities=3, seed_to=FIRST + 720 * HOUR)
    portal = Portal(campaigns=(campaign,), queues=2)
    emulator = serve(portal=portal, activity_shape="header", activity_cap=2, calls_per_minute=1)

    def log_in() -> dict[str, str]:
        body = {"username": portal.username, "password": portal.password, "domain": portal.domain}
        token = requests.post(f"{emulator.url}/api/v2/login", json=body, timeout=300).json()["access_token"]
        return {"Authorization": f"Bearer {token}", "X-Account-ID": portal.account_id}

    def get(path: str, headers: dict[str, str], **parameters: Any) -> Any:
        return requests.get(emulator.url + path, params=parameters, headers=headers, timeout=300)

    headers = log_in()
    leads = f"/api/v2/config/campaigns/{PortalCampaign.id}/leads"
    assert get(leads, headers).json() == {"data": emulator.portal_leads()}
    assert emulator.portal_leads() == emulator.portal_leads(PortalCampaign.id)
    assert get("/callcenter/queues/status", headers).json() == emulator.portal_queues()
    dates = {"startDate": int(FIRST.timestamp()), "endDate": int(FIRST.timestamp()) + 30 * 86_400}
    history = "/api/v2/reports/campaigns/leads/history"
    first = get(history, headers, **dates)
    assert first.json() == emulator.portal_activities()[:2]
    emulator.expire_portal_tokens()
    refused = get(history, headers, **dates, startKey=first.headers["next_start_key"])
    assert refused.status_code == 401
    second = get(history, log_in(), **dates, startKey=first.headers["next_start_key"])
    assert second.json() == emulator.portal_activities()[2:]
    assert "next_start_key" not in second.headers
    assert (emulator.request_log.logins, emulator.request_log.max_calls_in_window) == (2, 0)
    emulator.assert_clean()

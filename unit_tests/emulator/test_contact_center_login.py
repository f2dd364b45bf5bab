"""Contact center: the login, its tokens and the headers of every other call (page Campaigns, "Get access token")."""

from collections.abc import Callable
from typing import Any

import pytest

from squadstack_emulator import Emulator, Portal, PortalCampaign, Scenario

LOGIN = "/api/v2/login"
STATUS = "/api/v2/reports/campaigns/leads/status"
INVALID = (400, {"error": "The information sent is invalid."})
UNAUTHORIZED = (401, {"error": "Unauthorized"})
JSON = {"content-type": "application/json"}
CREDENTIALS = {"username": "yourUserName", "password": "yourPassword", "domain": "yourTenant"}
PORTAL = Portal(**CREDENTIALS, account_id="210ea5d9")


def told(answer: Any) -> tuple[int, object]:
    return answer.status, answer.content


def test_the_log_counts_logins_and_each_gives_another_token(call: Callable[..., Any]) -> None:
    caller = call()
    assert [caller.log_in().content["access_token"][-2:] for _ in range(2)] == ["-1", "-2"]
    assert caller.request_log.logins == 2
    caller.request_log.reset()
    assert caller.request_log.logins == 0


@pytest.mark.parametrize("field", ["username", "password", "domain"])
def test_wrong_credentials_are_a_400_and_no_violation(call: Callable[..., Any], field: str) -> None:
    caller = call()
    assert told(caller.log_in(**{field: "other"})) == INVALID
    assert (caller.request_log.logins, caller.request_log.violations) == (0, [])


def test_a_call_needs_a_token_of_a_login(call: Callable[..., Any]) -> None:
    caller = call()
    account = {"x-account-id": "emulator-account"}
    token = caller.log_in().content["access_token"]
    assert told(caller.send("GET", STATUS, headers={**account, "authorization": f"Bearer {token}"}))[0] == 200
    # SquadStack's own token is of another world, and so is this one there.
    assert told(caller.send("GET", STATUS, headers={**account, "authorization": "Bearer emulator-token"})) == (
        UNAUTHORIZED
    )
    assert caller.get(headers={"authorization": f"Bearer {token}"}).status == 403
    assert caller.request_log.violations == []


def test_a_token_dies_after_so_many_calls_and_a_login_gives_another(call: Callable[..., Any]) -> None:
    caller = call(portal_token_uses=2)
    first = caller.log_in().content["access_token"]
    assert [caller.portal(STATUS, token=first).status for _ in range(4)] == [200, 200, 401, 401]
    second = caller.log_in().content["access_token"]
    assert caller.portal(STATUS, token=second).status == 200
    assert caller.request_log.violations == []


def test_tokens_that_die_at_once_refuse_every_call(call: Callable[..., Any]) -> None:
    assert told(call(portal_token_uses=0).portal(STATUS)) == UNAUTHORIZED


def test_tokens_that_are_killed_are_dead_and_a_later_login_leaves_live_ones_alone(
    call: Callable[..., Any],
) -> None:
    caller = call()
    first, second = (caller.log_in().content["access_token"] for _ in range(2))
    assert [caller.portal(STATUS, token=each).status for each in (first, second)] == [200, 200]
    caller.pipeline.portal.tokens.expire()
    third = caller.log_in().content["access_token"]
    assert [caller.portal(STATUS, token=each).status for each in (first, second, third)] == [401, 401, 200]


def test_the_rate_limit_is_squadstacks_alone(call: Callable[..., Any]) -> None:
    caller = call(calls_per_minute=1)
    token = caller.log_in().content["access_token"]
    assert [caller.portal(STATUS, token=token).status for _ in range(5)] == [200] * 5
    assert [caller.get().status for _ in range(2)] == [200, 429]
    assert (caller.request_log.max_calls_in_window, caller.request_log.throttled) == (1, 1)
    assert [each.api for each in caller.request_log.calls] == ["portal"] * 6 + ["squadstack"] * 2


def test_violations_hold_neither_password_nor_token(call: Callable[..., Any]) -> None:
    caller = call()
    caller.log_in(password="secret-password", realm="secret-password")
    caller.portal(STATUS, token="secret-token", page=1)
    caller.portal("/api/v2/config/campaigns/other/leads", next_start_key="secret-key")
    assert len(caller.request_log.violations) == 1
    assert "secret" not in repr(caller.request_log.violations)


def test_a_portal_may_be_replaced_while_it_is_served(serve: Callable[..., Emulator]) -> None:
    emulator = serve()
    assert emulator.portal_leads() == []
    emulator.change(portal=Portal(campaigns=(PortalCampaign("new", leads=3, activities=2),), queues=1))
    assert [row["campaign_id"] for row in emulator.portal_leads()] == ["new"] * 3
    assert (len(emulator.portal_activities()), len(emulator.portal_queues())) == (2, 1)
    emulator.change(portal=Portal())
    assert emulator.portal_activities() == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: Portal(campaigns=(PortalCampaign("a"), PortalCampaign("a"))),
        lambda: Portal(queues=-1),
        lambda: PortalCampaign(leads=-1),
        lambda: PortalCampaign(seed_from=PortalCampaign.seed_to),
        lambda: Scenario(portal_page_cap=0),
        lambda: Scenario(activity_cap=0),
        lambda: Scenario(portal_token_uses=-1),
    ],
)
def test_a_portal_that_makes_no_sense_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"must|cannot"):
        make()

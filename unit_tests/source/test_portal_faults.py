"""One bad thing of the contact center takes nothing else down: against a server written from the portal's page."""

import pytest

STATUS = "/api/v2/reports/campaigns/leads/status"
HISTORY = "/api/v2/reports/campaigns/leads/history"
LEADS = "contact_center_leads"


def leads_of(campaign):
    return f"/api/v2/config/campaigns/{campaign}/leads"


def campaign(name):
    return {"name": name, "status": "stopped", "total_leads": 1, "leads_by_status": {"new": 1}}


def lead(name):
    return {"id": name, "created": 1665762498, "number": "+1", "status": "new"}


def page(*names, key=None):
    return 200, {"data": [lead(name) for name in names]} | ({} if key is None else {"next_start_key": key})


def ids(outcome, stream=LEADS):
    return [row["id"] for row in outcome.records.get(stream, [])]


@pytest.fixture
def portal(server):
    """Return a portal with two campaigns of one lead each."""
    server.answers[STATUS] = (200, {name: campaign(name) for name in ("c1", "c2")})
    server.answers[leads_of("c1")] = page("a")
    server.answers[leads_of("c2")] = page("b")
    return server


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("gone", ["c1", "c2"])
def test_a_campaign_that_was_deleted_after_the_report_has_no_leads_and_the_sync_goes_on(
    portal, read, caplog, gone, status
):
    portal.answers[leads_of(gone)] = (status, {"error": "bad_identifier"})
    outcome = read(LEADS)
    assert outcome.errors == []
    assert ids(outcome) == (["b"] if gone == "c1" else ["a"])
    said = [record.getMessage() for record in caplog.records if "is gone" in record.getMessage()]
    assert said == [
        f"Stream {LEADS}: campaign {gone} is gone since the contact center named it (HTTP {status}): it has no leads."
    ]


def test_a_400_means_a_deleted_campaign_only_where_the_report_names_it_no_more(portal, read):
    portal.answers[leads_of("c1")] = (400, {"error": "The information sent is invalid."})
    reports = [(200, {name: campaign(name) for name in ("c1", "c2")}), (200, {"c2": campaign("c2")})]
    portal.answers[STATUS] = lambda _: reports.pop(0) if len(reports) > 1 else reports[0]
    outcome = read(LEADS)
    assert (outcome.errors, ids(outcome)) == ([], ["b"])


def test_a_400_for_a_campaign_that_the_report_still_names_fails_that_campaign_alone(portal, read):
    portal.answers[leads_of("c1")] = (400, {"error": "The information sent is invalid."})
    outcome = read(LEADS)
    assert [error.failure_type.value for error in outcome.errors] == ["config_error"]
    assert ids(outcome) == ["b"]


def test_an_address_that_knows_no_campaign_at_all_is_a_config_error_and_no_empty_stream(portal, read):
    for name in ("c1", "c2"):
        portal.answers[leads_of(name)] = (404, b"<html>404</html>")
    outcome = read(LEADS)
    assert {error.failure_type.value for error in outcome.errors} == {"config_error"}
    assert "contact_center.portal_url" in outcome.errors[0].message


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_campaign_whose_key_died_is_read_again_from_its_first_page(portal, read, status):
    dead = [(status, {"error": "The information sent is invalid."}), page("a2")]
    portal.answers[leads_of("c1")] = lambda query: dead.pop(0) if query.get("next_start_key") else page("a1", key="k1")
    outcome = read(LEADS)
    assert outcome.errors == []
    assert sorted(set(ids(outcome))) == ["a1", "a2", "b"]


def test_a_campaign_whose_keys_always_die_fails_alone_and_in_time(portal, read):
    portal.answers[leads_of("c1")] = lambda query: (
        (400, {"error": "The information sent is invalid."}) if query.get("next_start_key") else page("a1", key="k1")
    )
    outcome = read(LEADS)
    assert [error.failure_type.value for error in outcome.errors] == ["transient_error"]
    assert "campaign c1" in outcome.errors[0].message
    assert "b" in ids(outcome)
    assert portal.paths[leads_of("c1")] == 6


@pytest.mark.parametrize(("names", "calls"), [([], 100), (["a1", "a2"], 101)], ids=["empty pages", "the same page"])
def test_a_campaign_whose_fresh_keys_lead_to_nothing_new_for_ever_fails_alone_and_in_time(portal, read, names, calls):
    portal.answers[leads_of("c1")] = lambda query: page(*names, key=query.get("next_start_key", "k") + "+")
    outcome = read(LEADS)
    assert [error.failure_type.value for error in outcome.errors] == ["transient_error"]
    assert "the leads of campaign c1" in outcome.errors[0].message
    assert "b" in ids(outcome)
    assert portal.paths[leads_of("c1")] == calls


@pytest.mark.parametrize("round_of", [2, 3, 7])
def test_a_campaign_whose_fresh_keys_lead_round_in_circles_fails_alone_and_in_time(portal, read, round_of):
    def answer(query):
        key = query.get("next_start_key", "")
        return page(f"a{len(key) % round_of}", key=key + "+")

    portal.answers[leads_of("c1")] = answer
    outcome = read(LEADS)
    assert [error.failure_type.value for error in outcome.errors] == ["transient_error"]
    assert "the leads of campaign c1 with each of 100 pages that brought nothing new" in outcome.errors[0].message
    assert set(ids(outcome)) == {"b", *(f"a{number}" for number in range(round_of))}
    assert portal.paths[leads_of("c1")] == round_of + 100


def test_empty_pages_in_between_cost_no_lead(portal, read):
    def answer(query):
        number = int(query.get("next_start_key", "0"))
        names = [] if number % 100 else [f"a{number}"]
        return page(*names, key=str(number + 1) if number < 200 else None)

    portal.answers[leads_of("c1")] = answer
    outcome = read(LEADS)
    assert (outcome.errors, sorted(ids(outcome))) == ([], ["a0", "a100", "a200", "b"])


def test_activity_whose_fresh_keys_lead_to_nothing_for_ever_fails_in_time(portal, read):
    portal.answers[HISTORY] = lambda query: (
        200,
        {"data": [], "next_start_key": str(int(query.get("startKey", "0")) + 1)},
    )
    outcome = read("contact_center_activity")
    assert {error.failure_type.value for error in outcome.errors} == {"transient_error"}
    assert "yet another page of activity" in outcome.errors[0].message
    assert portal.paths[HISTORY] % 100 == 0


def test_a_campaign_that_is_deleted_while_it_is_paged_keeps_the_leads_that_were_read(portal, read):
    answers = [page("a1", key="k1"), (404, {"error": "bad_identifier"}), (404, {"error": "bad_identifier"})]
    portal.answers[leads_of("c1")] = lambda _: answers.pop(0) if len(answers) > 1 else answers[0]
    outcome = read(LEADS)
    assert (outcome.errors, sorted(ids(outcome))) == ([], ["a1", "b"])


@pytest.mark.parametrize("key", [17, 0, -1, 98765432109876543210, 1.5], ids=["17", "0", "-1", "huge", "1.5"])
def test_a_key_that_is_a_number_is_sent_back_as_it_came(portal, read, key):
    portal.answers[leads_of("c1")] = lambda query: (
        page("a2") if query.get("next_start_key") == str(key) else page("a1", key=key)
    )
    outcome = read(LEADS)
    assert (outcome.errors, sorted(ids(outcome))) == ([], ["a1", "a2", "b"])


ODD_IDS = {
    "a space": ("c 1", "c%201"),
    "a fragment": ("c#1", "c%231"),
    "a query": ("c?page_size=1", "c%3Fpage_size%3D1"),
    "a percent": ("c%201", "c%25201"),
    "a slash": ("c/../1", "c%2F..%2F1"),
    "beyond ASCII": ("कैंपेन", "%E0%A4%95%E0%A5%88%E0%A4%82%E0%A4%AA%E0%A5%87%E0%A4%A8"),
    "digits": ("0012", "0012"),
    "a number": ("12e4", "12e4"),
    "a list": ("[1]", "%5B1%5D"),
    "a template": ("{{ config }}", "%7B%7B%20config%20%7D%7D"),
    "None": ("None", "None"),
    "a quote": ("'1'", "%271%27"),
}


@pytest.mark.parametrize("odd", ODD_IDS)
def test_a_campaigns_id_is_escaped_in_the_path_and_stays_text_in_records(portal, read, odd):
    name, path = ODD_IDS[odd]
    portal.answers[STATUS] = (200, {name: campaign("x"), "c2": campaign("y")})
    portal.answers[leads_of(path)] = page("a")
    outcome = read(LEADS, "contact_center_campaigns")
    assert outcome.errors == [], portal.paths
    assert ids(outcome, "contact_center_campaigns") == [name, "c2"]
    assert sorted((row["campaign_id"], row["id"]) for row in outcome.records[LEADS]) == sorted(
        [(name, "a"), ("c2", "b")]
    )


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_login_is_tried_once_for_all_streams_windows_and_threads(portal, read, status):
    portal.answers["/api/v2/login"] = (status, {"error": "The information sent is invalid."})
    outcome = read(
        LEADS,
        "contact_center_activity",
        "contact_center_queues",
        contact_center={
            "portal_url": portal.url,
            "username": "u",
            "password": "canary",
            "domain": "d",
            "account_id": "a",
            "start_date": "2026-09-01",
            "window_days": 1,
        },
    )
    assert portal.paths == {"/api/v2/login": 1}
    assert {error.failure_type.value for error in outcome.errors} == {"config_error"}


def test_a_token_that_each_fresh_login_gives_and_the_portal_refuses_costs_two_calls_not_two_a_window(portal, read):
    portal.answers[HISTORY] = (401, {"error": "invalid_credentials"})
    tokens = iter(range(999))
    portal.answers["/api/v2/login"] = lambda _: (200, {"access_token": f"token-{next(tokens)}"})
    outcome = read(
        "contact_center_activity",
        num_workers=1,
        contact_center={
            "portal_url": portal.url,
            "username": "u",
            "password": "canary",
            "domain": "d",
            "account_id": "a",
            "start_date": "2026-09-01",
            "window_days": 1,
        },
    )
    assert portal.paths == {"/api/v2/login": 2, HISTORY: 2}
    assert {
        (error.failure_type.value, "of a login that it has just accepted" in error.message) for error in outcome.errors
    } == {("config_error", True)}


def test_an_address_that_refuses_every_token_leaves_the_streams_that_the_portal_allows(portal, read):
    portal.answers[HISTORY] = (401, {"error": "invalid_credentials"})
    tokens = iter(range(999))
    portal.answers["/api/v2/login"] = lambda _: (200, {"access_token": f"token-{next(tokens)}"})
    outcome = read("contact_center_activity", LEADS, num_workers=1)
    assert sorted(ids(outcome)) == ["a", "b"]
    assert {error.failure_type.value for error in outcome.errors} == {"config_error"}


@pytest.mark.parametrize("empty", [b"null", b'{"data": null}', b"[]"])
def test_activity_that_is_null_is_an_empty_list(portal, read, empty):
    portal.answers[HISTORY] = (200, empty)
    outcome = read("contact_center_activity")
    assert (outcome.errors, outcome.records) == ([], {})


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        (STATUS, "contact_center_campaigns"),
        (STATUS, LEADS),
        ("/callcenter/queues/status", "contact_center_queues"),
        ("/callcenter/queues/status", "contact_center_queue_agents"),
    ],
)
def test_null_is_an_empty_list_at_the_other_addresses_too(portal, read, path, stream):
    portal.answers[path] = (200, b"null")
    outcome = read(stream)
    assert (outcome.errors, outcome.records) == ([], {})

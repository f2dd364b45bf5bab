"""A configuration: shells are dropped, errors name the field and never print its value."""

import pytest

from source_squadstack.config import problems
from source_squadstack.source import SourceSquadstack
from squadstack_common.config_sections import filled_in

SCHEMA = SourceSquadstack().spec(None).connectionSpecification
TOKEN_ALONE = "the token alone, without spaces, line breaks or the word Bearer"
SECTION = {"token": "canary", "campaign_ids": ["0PT711"], "start_date": "2024-01-01T00:00:00Z"}


def wrong(**changes):
    return problems({"squadstack": {**SECTION, **changes}}, SCHEMA)


def test_the_documented_example_is_right():
    full = {
        **SECTION,
        "api_version": "v4",
        "base_url": "https://api.squadstack.com",
        "timestamp_unit": "milliseconds",
        "page_size": 100,
        "calls_per_minute": 100,
        "lookback_minutes": 60,
        "window_days": 30,
    }
    assert problems({"squadstack": full, "num_workers": 4}, SCHEMA) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"token": ""}, f"`squadstack.token` must look like this: {TOKEN_ALONE}."),
        ({"token": "canary\n"}, f"`squadstack.token` must look like this: {TOKEN_ALONE}."),
        ({"token": "Bearer canary"}, f"`squadstack.token` must look like this: {TOKEN_ALONE}."),
        ({"campaign_ids": ["canary\n"]}, "`squadstack.campaign_ids[0]` must look like this: letters, digits, - and _."),
        ({"start_date": "2024-13-01"}, "`squadstack.start_date` is not a date of the calendar."),
        ({"start_date": "2024-02-30T00:00:00Z"}, "`squadstack.start_date` is not a date of the calendar."),
        ({"start_date": "0001-01-01"}, "`squadstack.start_date` lies before 1970."),
        ({"base_url": "https://canary..example"}, "`squadstack.base_url` is not an address that a host can have."),
        ({"base_url": "https://[::1"}, "`squadstack.base_url` is not an address that a host can have."),
        ({"base_url": "https://a:99999"}, "`squadstack.base_url` is not an address that a host can have."),
        ({"base_url": f"https://{'a' * 70}.b"}, "`squadstack.base_url` is not an address that a host can have."),
        ({"page_size": 100.0}, "`squadstack.page_size` must be an integer."),
        ({"lookback_minutes": 10**12}, "`squadstack.lookback_minutes` must be at most 5256000."),
        ({"token": 5}, "`squadstack.token` must be a string."),
        (
            {"campaign_ids": [f"canary{number}" for number in range(10_001)]},
            "`squadstack.campaign_ids` must name at most 10000; read the others by another source.",
        ),
        ({"campaign_ids": []}, "`squadstack.campaign_ids` must name at least one."),
        ({"campaign_ids": ["a", "a"]}, "`squadstack.campaign_ids` must not name one twice."),
        (
            {"campaign_ids": ["../canary"]},
            "`squadstack.campaign_ids[0]` must look like this: letters, digits, - and _.",
        ),
        ({"start_date": "canary"}, "`squadstack.start_date` must look like this: YYYY-MM-DDTHH:mm:ssZ."),
        ({"base_url": "http://canary.example"}, "`squadstack.base_url` must look like this: https://host."),
        ({"base_url": "https://canary@evil.example"}, "`squadstack.base_url` must look like this: https://host."),
        ({"timestamp_unit": "canary"}, "`squadstack.timestamp_unit` must be one of: milliseconds, seconds."),
        ({"page_size": 1001}, "`squadstack.page_size` must be at most 1000."),
        ({"page_size": 0}, "`squadstack.page_size` must be at least 1."),
        ({"lookback_minutes": -1}, "`squadstack.lookback_minutes` must be at least 0."),
        ({"window_days": 3651}, "`squadstack.window_days` must be at most 3650."),
        ({"calls_per_minute": 1_000_001}, "`squadstack.calls_per_minute` must be at most 1000000."),
        ({"canary_ids": 1}, "`squadstack.canary_ids` is not a field that this connector knows."),
    ],
)
def test_a_wrong_field_is_named_and_its_value_is_not(changes, sentence):
    assert wrong(**changes) == [sentence]


@pytest.mark.parametrize("url", ["http://localhost:8899", "http://127.0.0.1:1/x", "http://[::1]:5", "https://a.b/c"])
def test_https_is_demanded_of_all_but_this_very_machine(url):
    assert wrong(base_url=url) == []


def test_the_missing_fields_of_a_section_are_named():
    assert problems({"squadstack": {"token": "canary"}}, SCHEMA) == [
        "`squadstack.campaign_ids` is missing.",
        "`squadstack.start_date` is missing.",
    ]


def test_a_config_without_any_section_says_what_it_needs():
    (sentence,) = problems({}, SCHEMA)
    assert sentence == (
        "No section is filled in: the source needs `squadstack` (token, campaign_ids, start_date) or `contact_center` "
        "(portal_url, username, password, domain, account_id, start_date) or `webhooks` (url, token)."
    )


WEBHOOKS = {"url": "https://webhooks.example.com", "token": "canary"}


@pytest.mark.parametrize("url", [WEBHOOKS["url"], "https://example.com/squadstack/", "http://127.0.0.1:8080"])
def test_a_webhook_receiver_alone_is_a_config(url):
    assert problems({"webhooks": {**WEBHOOKS, "url": url}}, SCHEMA) == []


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"url": "https://canary.example"}, "`webhooks.token` is missing."),
        ({"token": "canary"}, "`webhooks.url` is missing."),
        ({**WEBHOOKS, "url": "http://canary.example"}, "`webhooks.url` must look like this: https://host."),
        ({**WEBHOOKS, "url": "https://canary..example"}, "`webhooks.url` is not an address that a host can have."),
        ({**WEBHOOKS, "token": "Bearer canary"}, f"`webhooks.token` must look like this: {TOKEN_ALONE}."),
        ({**WEBHOOKS, "start_date": "canary"}, "`webhooks.start_date` is not a field that this connector knows."),
    ],
)
def test_a_wrong_field_of_the_webhook_receiver_is_named_and_its_value_is_not(section, sentence):
    assert problems({"webhooks": section}, SCHEMA) == [sentence]


@pytest.mark.parametrize("shell", [None, {}, {"url": "", "token": ""}, {"url": None}])
def test_the_shell_of_a_webhook_receiver_counts_as_absent(shell):
    assert filled_in({"squadstack": SECTION, "webhooks": shell}, SCHEMA) == {"squadstack": SECTION}


@pytest.mark.parametrize(
    "shell", [None, {}, {"page_size": 100}, {"token": "", "campaign_ids": [], "api_version": "v4"}]
)
def test_the_shell_that_a_form_leaves_behind_counts_as_absent(shell):
    assert filled_in({"squadstack": shell, "num_workers": 4}, SCHEMA) == {"num_workers": 4}


@pytest.mark.parametrize("section", [{"page_size": 50}, {"token": "canary"}, "canary", {"campaign_ids": ["a"]}])
def test_a_section_that_somebody_began_to_fill_in_is_kept(section):
    assert filled_in({"squadstack": section}, SCHEMA) == {"squadstack": section}


@pytest.mark.parametrize("workers", [0, 21, "canary"])
def test_workers_are_bounded(workers):
    (sentence,) = problems({"squadstack": SECTION, "num_workers": workers}, SCHEMA)
    assert sentence.startswith("`num_workers` must be")

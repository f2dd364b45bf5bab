"""The page for people tells counts, needs nothing from elsewhere, and shows no lead."""

import base64
import hashlib
import re

from test_support.receiver_in_process import CALL, LEAD_PROCESSED, NOW
from webhooks_squadstack.consumers import Consumer
from webhooks_squadstack.events import EVENT_TYPES
from webhooks_squadstack.page import render
from webhooks_squadstack.store import Summary
from webhooks_squadstack.tables import MINUTE

SECOND = 1_000_000
SUMMARY = Summary(
    last_sequence=12_345,
    last_received_at=NOW - 90 * SECOND,
    minutes={
        (NOW, "call"): 1000,
        (NOW - MINUTE, "call"): 500,
        (NOW - MINUTE, "sms"): 500,
        (NOW - 61 * MINUTE, "ivr"): 7,
    },
    consumers=(Consumer("default", 12_300, 12_000, NOW - 3 * 3600 * SECOND),),
)


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL))


def test_the_page_says_how_many_events_came_the_last_ones_time_and_who_pulled_to_where():
    said = text(render(SUMMARY, now=NOW))

    assert "12,345 events stored ever" in said
    assert "2,000 in the last hour" in said
    assert "1 minute since the last one" in said
    assert "Who Has pulled to Still to pull Safe up to Asked last default 12,300 45 12,000 3 hours ago" in said


def test_the_page_has_a_row_for_each_event_type_with_the_last_hour_and_the_last_day():
    said = text(render(SUMMARY, now=NOW))

    counts = {"call": "1,500 1,500", "sms": "500 500", "ivr": "0 7"}
    rows = " ".join(f"{event_type} {counts.get(event_type, '0 0')}" for event_type in EVENT_TYPES)
    assert f"Type Last hour Last 24 hours {rows}" in said


def test_the_page_draws_each_minute_of_the_last_hour_against_the_fullest():
    bars = re.findall(
        r'<rect x="([\d.]+)" y="([\d.]+)" width="0.8" height="([\d.]+)"><title>(.*?)</title>', render(SUMMARY, now=NOW)
    )

    assert bars == [("58.1", "0.00", "100.00", "11:59: 1,000"), ("59.1", "0.00", "100.00", "12:00: 1,000")]


def test_the_page_of_an_empty_store_says_so():
    said = text(render(Summary(0, None, {}, ()), now=NOW))

    assert "0 events stored ever" in said
    assert "none yet since the last one" in said
    assert "Nobody has pulled yet." in said


def test_the_page_says_that_the_store_is_down():
    assert "The store does not answer." in text(render(None, now=NOW))


def test_the_page_reloads_itself_without_scripts_or_other_requests(service):
    answer = service.call("GET", "/")
    html = answer.body.decode()

    style = base64.b64encode(hashlib.sha256(re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1].encode()).digest())
    assert '<meta http-equiv="refresh" content="10">' in html
    assert not re.search(r"<script|<link|<img|src=|href=|style=|url\(|@import|https?://", html)
    assert answer.headers["content-security-policy"].startswith(
        f"default-src 'none'; style-src 'sha256-{style.decode()}'"
    )
    assert answer.headers["cache-control"] == "no-store"


def test_the_page_shows_no_lead(service):
    for content in (CALL, LEAD_PROCESSED):
        service.post(content)
    html = service.call("GET", "/").body.decode()

    values = {str(value) for content in (CALL, LEAD_PROCESSED) for value in content.values()} - {"1"}
    assert [value for value in values if value in html] == []

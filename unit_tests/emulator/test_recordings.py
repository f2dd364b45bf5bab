"""The host of recordings: what lies behind a link of each kind."""

import hashlib
from typing import Any

import pytest
import requests

from squadstack_emulator import Emulator, Recordings, Scenario, recording_chunks


def get(emulator: Emulator, path: str, **options: Any) -> requests.Response:
    return requests.get(f"{emulator.url}/recordings/{path}", timeout=300, allow_redirects=False, **options)


def sha256_of(name: str, size: int) -> str:
    found = hashlib.sha256()
    for chunk in recording_chunks(name, size):
        found.update(chunk)
    return found.hexdigest()


@pytest.fixture
def emulator():
    recordings = Recordings(size=70_000, large_size=9_000_000, pieces=3, pause_seconds=0)
    with Emulator(Scenario(recordings=recordings)) as running:
        yield running


@pytest.mark.parametrize(
    ("kind", "size"), [("small", 70_000), ("slow", 70_000), ("large", 9_000_000), ("odd_name", 70_000)]
)
def test_a_recording_has_its_size_and_bytes_of_its_own(emulator: Emulator, kind: str, size: int):
    answer = get(emulator, f"{kind}/a/b%2F..%2Fc.mp3")
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(size))
    assert answer.headers["content-type"] == "audio/mpeg"
    assert hashlib.sha256(answer.content).hexdigest() == sha256_of("a/b/../c.mp3", size)
    assert sha256_of("other", size) != sha256_of("a/b/../c.mp3", size)
    emulator.assert_clean()


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("expired", 403),
        ("missing", 404),
        ("gone", 410),
        ("empty", 200),
        ("page", 200),
        ("redirect", 302),
        ("loop", 302),
    ],
)
def test_what_is_no_recording_is_answered_as_its_kind_says(emulator: Emulator, kind: str, status: int):
    assert get(emulator, f"{kind}/a.mp3").status_code == status


def test_another_host_is_this_one_by_another_name(emulator: Emulator):
    location = get(emulator, "other_host/a.mp3").headers["location"]
    assert location == f"{emulator.url.replace('127.0.0.1', 'localhost')}/recordings/small/elsewhere.mp3"


@pytest.mark.parametrize("header", ["Authorization", "Cookie"])
def test_credentials_that_are_sent_to_the_host_of_recordings_are_a_violation(emulator: Emulator, header: str):
    assert get(emulator, "small/a.mp3", headers={header: "x"}).status_code == 200
    assert len(emulator.request_log.violations) == 1


def test_downloads_count_for_no_allowance(emulator: Emulator):
    for _ in range(3):
        get(emulator, "expired/a.mp3")
    assert emulator.request_log.max_calls_in_window == 0
    assert [call.api for call in emulator.request_log.calls] == ["recordings"] * 3

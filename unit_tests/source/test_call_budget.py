"""The call budget: it waits for the slot that is due, and says so once a minute."""

import logging
from datetime import timedelta

from airbyte_cdk.sources.streams.call_rate import APIBudget, CallRateLimitHit

from source_squadstack.components.call_budget import LoggedBudget


class FullBudget(APIBudget):
    def __init__(self, times_full: int) -> None:
        super().__init__(policies=[])
        self.times_full = times_full

    def acquire_call(self, request, block=True, timeout=None):
        assert block is False
        self.times_full -= 1
        if self.times_full >= 0:
            raise CallRateLimitHit("full", request, 1, "100/62s", timedelta(seconds=3))


def test_a_call_waits_until_there_is_a_slot_and_says_so_once(caplog):
    slept = []
    with caplog.at_level(logging.INFO, logger="airbyte"):
        LoggedBudget(FullBudget(2), sleep=slept.append).acquire_call("request")
    assert slept == [3.0, 3.0]
    assert [record.message for record in caplog.records] == [
        "All calls of this minute are used (`calls_per_minute`); the next may be made in 3 s."
    ]


def test_a_free_slot_is_taken_at_once():
    slept = []
    LoggedBudget(FullBudget(0), sleep=slept.append).acquire_call("request")
    assert slept == []

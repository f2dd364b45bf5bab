"""`check` proves the unit of the API's time filters by leads that can prove it."""

import json
import logging
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from source_squadstack.check import prove_unit, warn_of_privacy

EPOCH_0 = 0
OF_1970 = 1_500_000  # the 18th of January 1970
OF_2026 = 1_780_000_000
OF_2090 = 3_786_912_000


class Api:
    """Answers one campaign's leads, given by the Unix seconds of their `processed_at` ("Get Leads")."""

    def __init__(self, unit, *leads):
        self.scale = {"seconds": 1, "milliseconds": 1000}[unit]
        self.leads = leads
        self.asked = []

    def send_request(self, stream_slice, request_params):
        self.asked.append(request_params)
        after, before = request_params["processed_after"], request_params["processed_before"]
        found = [lead for lead in self.leads if after <= lead * self.scale <= before]
        rows = [
            {"lead_id": "1", "processed_at": datetime.fromtimestamp(lead, UTC).isoformat()}
            for lead in found[: request_params["page_size"]]
        ]
        return SimpleNamespace(content=json.dumps({"count": len(found), "next": None, "results": rows}).encode())


@pytest.mark.parametrize("unit", ["seconds", "milliseconds"])
@pytest.mark.parametrize("others", [(), (EPOCH_0,), (OF_1970,), (OF_2090,)], ids=["alone", "0", "of 1970", "of 2090"])
def test_a_lead_of_today_proves_the_unit_whatever_leads_there_are_besides(unit, others):
    assert prove_unit(Api(unit, *others, OF_2026), "c") == unit


@pytest.mark.parametrize("unit", ["seconds", "milliseconds"])
@pytest.mark.parametrize("lead", [EPOCH_0, OF_1970, OF_2090], ids=["0", "of 1970", "of 2090"])
def test_a_lead_of_no_time_or_of_the_future_proves_nothing(unit, lead):
    assert prove_unit(Api(unit, lead), "c") is None


@pytest.mark.parametrize(("unit", "calls"), [("seconds", 1), ("milliseconds", 2)])
def test_the_proof_takes_two_calls_at_most_of_a_lead_each(unit, calls):
    api = Api(unit, OF_2026)
    prove_unit(api, "c")
    assert [(params["page"], params["page_size"]) for params in api.asked] == [(1, 1)] * calls


def test_a_salt_that_can_be_found_by_trying_is_warned_of_and_not_printed(caplog):
    for salt in ("Canary", "Canary-of-16-char"):
        warn_of_privacy({"phone_numbers": "hash", "salt": salt}, logging.getLogger("airbyte"))
    (warning,) = caplog.messages
    assert warning.startswith("`privacy.salt` is so short")
    assert "Canary" not in warning

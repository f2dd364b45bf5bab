"""What a violation must not hold, and what `examples/strictness.yaml` cannot show."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize("path", ["/voice/crm-integration-v2/ref-0PT711/lead-created", "/api/v4/leads/create/0PT711/"])
def test_more_than_100_leads_are_refused_whole(call: Callable[..., Any], path: str) -> None:
    caller = call()
    lead = '{"lead_id":"a","phone_number":"9999999999","contact_name":"John Doe"}'
    answer = caller.send("POST", path, body=f"[{','.join([lead] * 101)}]".encode())
    assert (answer.status, list(answer.content.values())) == (400, ["A maximum of 100 leads per API call"])
    assert caller.request_log.violations == [f"POST {path}: A maximum of 100 leads per API call"]
    assert caller.pipeline.store["0PT711"].leads == {}


def test_a_number_for_an_id_counts_as_its_digits(call: Callable[..., Any]) -> None:
    caller = call()
    lead = {"lead_id": 2**70, "phone_number": 9999999999, "contact_name": "John Doe"}
    answer = caller.post("lead-created", [lead])
    assert answer.content["result"] == [{"status_code": 200, "data": lead}]
    assert list(caller.pipeline.store["0PT711"].leads) == [str(2**70)]
    assert len(caller.request_log.violations) == 2


def test_violations_hold_neither_leads_nor_tokens(call: Callable[..., Any]) -> None:
    caller = call()
    read = "/api/v4/leads/responses/0PT711/"
    caller.send("GET", read, parameters="lead_id=secret&processed_after=secret", headers={"authorization": "secret"})
    caller.get(processed_after="secret", page="secret", page_size="secret")
    caller.post("lead-disabled", [{"lead_id": 4711, "secret": "secret"}])
    assert len(caller.request_log.violations) == 4
    assert not [each for each in caller.request_log.violations if "secret" in each or "4711" in each]

"""What no document has is answered as the real server would, and is a violation."""

from collections.abc import Callable
from typing import Any

import pytest

LEAD = b'[{"lead_id":"a","phone_number":"9999999999","contact_name":"John Doe"}]'
READ = "/api/v4/leads/responses/0PT711/"
CREATE = "/voice/crm-integration-v2/ref-0PT711/lead-created"
TOKEN = {"authorization": "Bearer emulator-token"}
JSON = {**TOKEN, "content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "status", "content", "violation"),
    [
        ("GET", "/", 404, None, "there is no such path"),
        ("GET", "/api/v4/leads/", 404, None, "there is no such path"),
        ("GET", "/api/v4/leads/responses//", 404, None, "there is no such path"),
        ("POST", f"{CREATE}/", 404, None, "there is no such path"),
        ("GET", READ[:-1], 301, None, "the path lacks its trailing slash"),
        ("POST", READ, 405, {"detail": 'Method "POST" not allowed.'}, "there is no such method"),
        ("HEAD", READ, 405, {"detail": 'Method "HEAD" not allowed.'}, "there is no such method"),
        ("PUT", CREATE, 405, {"detail": 'Method "PUT" not allowed.'}, "there is no such method"),
        ("GET", CREATE, 400, {"error_msg": 'Method "GET" not allowed.'}, "there is no such method"),
        (
            "POST",
            "/voice/crm-integration-v2/ref-0PT711/lead-exploded",
            404,
            {"error_msg": "This endpoint is not enabled in your Integration"},
            "there is no such endpoint",
        ),
    ],
)
def test_unknown_paths_and_methods(
    call: Callable[..., Any], method: str, path: str, status: int, content: object, violation: str
) -> None:
    caller = call()
    answer = caller.send(method, path, body=LEAD if method == "POST" else b"")
    assert (answer.status, answer.content) == (status, content)
    assert caller.request_log.violations == [f"{method} {path}: {violation}"]


def test_a_missing_slash_is_redirected_with_its_parameters(call: Callable[..., Any]) -> None:
    answer = call().get(READ[:-1], page=2)
    assert (answer.status, answer.headers["Location"]) == (301, f"{READ}?page=2")


@pytest.mark.parametrize(
    ("parameters", "status", "content", "violation"),
    [
        ("limit=5", 200, None, "there is no query parameter 'limit'"),
        ("page=1&page=2", 404, {"detail": "Invalid page."}, "the query parameter 'page' was given more than once"),
        ("page=last", 404, {"detail": "Invalid page."}, "page is not a number"),
        ("page_size=all", 200, None, "page_size is not a positive number"),
        ("page_size=0", 200, None, "page_size is not a positive number"),
        (
            "processed_after=2024-01-01",
            400,
            {"processed_after": ["A valid integer is required."]},
            "processed_after is not an epoch timestamp",
        ),
        (
            "processed_before=1.5",
            400,
            {"processed_before": ["A valid integer is required."]},
            "processed_before is not an epoch timestamp",
        ),
    ],
)
def test_query_parameters_no_page_documents(
    call: Callable[..., Any], parameters: str, status: int, content: object, violation: str
) -> None:
    caller = call()
    answer = caller.send("GET", READ, parameters=parameters)
    assert answer.status == status
    assert content is None or answer.content == content
    assert caller.request_log.violations == [f"GET {READ}: {violation}"]


def test_writes_take_no_query_parameters(call: Callable[..., Any]) -> None:
    caller = call()
    assert caller.post("lead-created", [{"lead_id": ""}], dry_run=1).status == 200
    assert caller.request_log.violations == [f"POST {CREATE}: there are no query parameters"]


@pytest.mark.parametrize(
    ("headers", "body", "text"),
    [
        (TOKEN, LEAD, 'Unsupported media type "" in request.'),
        ({**TOKEN, "content-type": "text/plain"}, LEAD, 'Unsupported media type "text/plain" in request.'),
        (JSON, b"[{", "JSON parse error"),
        (JSON, b"", "JSON parse error"),
        (JSON, b"\xff", "JSON parse error"),
        (JSON, b'[{"half a pair": "\\ud800"}]', "JSON parse error"),
        (JSON, b'[{"half a pair": "\\ud800", "large": 100000000000000000000}]', "JSON parse error"),
    ],
)
def test_a_write_must_be_json_and_say_so(
    call: Callable[..., Any], headers: dict[str, str], body: bytes, text: str
) -> None:
    caller = call()
    answer = caller.send("POST", CREATE, body=body, headers=headers)
    assert (answer.status, answer.content) == (400, {"error_msg": text})
    assert caller.request_log.violations == [f"POST {CREATE}: {text}"]


def test_a_charset_beside_the_media_type_is_fine(call: Callable[..., Any]) -> None:
    caller = call()
    headers = {**TOKEN, "content-type": "application/json; charset=utf-8"}
    assert caller.send("POST", CREATE, body=LEAD, headers=headers).status == 200
    assert caller.request_log.violations == []


@pytest.mark.parametrize(
    ("endpoint", "entry", "violation"),
    [
        ("lead-created", "a", "an entry of the array is no object"),
        ("lead-created", {"lead_id": 7}, "lead_id is a number, not a string"),
        ("lead-created", {"lead_id": True}, "lead_id is neither a string nor a number"),
        ("lead-created", {"lead_id": ["a"]}, "lead_id is neither a string nor a number"),
        ("lead-disabled", {"lead_id": "a", "reason": "x"}, "lead-disabled takes lead_id only"),
        ("lead-converted", {"lead_id": "a", "stage": "x"}, "lead-converted takes detail and lead_id only"),
    ],
)
def test_leads_of_a_shape_no_page_documents(
    call: Callable[..., Any], endpoint: str, entry: object, violation: str
) -> None:
    caller = call()
    answer = caller.post(endpoint, [entry])
    assert answer.content["metadata"] == {"total_leads": 1, "success": 0, "failed": 1}
    assert caller.request_log.violations == [f"POST /voice/crm-integration-v2/ref-0PT711/{endpoint}: {violation}"]


def test_a_number_for_an_id_counts_as_its_digits(call: Callable[..., Any]) -> None:
    caller = call()
    lead = {"lead_id": 2**70, "phone_number": 9999999999, "contact_name": "John Doe"}
    answer = caller.post("lead-created", [lead])
    assert answer.content["result"] == [{"status_code": 200, "data": lead}]
    assert list(caller.pipeline.store["0PT711"].leads) == [str(2**70)]
    assert len(caller.request_log.violations) == 2


@pytest.mark.parametrize(
    ("path", "method", "wrong", "missing"),
    [
        (
            READ,
            "GET",
            (403, {"detail": "Incorrect authentication credentials."}),
            (401, {"detail": "Authentication credentials were not provided."}),
        ),
        (CREATE, "POST", (401, {"error_msg": "Invalid auth token"}), (401, {"error_msg": "Invalid auth token"})),
    ],
)
def test_a_wrong_token_is_refused_and_a_missing_or_odd_header_is_a_violation_too(
    call: Callable[..., Any], path: str, method: str, wrong: object, missing: object
) -> None:
    caller = call()

    def told(headers: dict[str, str]) -> tuple[int, object]:
        answer = caller.send(method, path, body=LEAD, headers=headers)
        return answer.status, answer.content

    assert told({"authorization": "Bearer other"}) == wrong
    assert caller.request_log.violations == []
    assert told({}) == missing
    assert told({"authorization": "Basic emulator-token"}) == wrong
    assert caller.request_log.violations == [
        f"{method} {path}: there is no Authorization header",
        f"{method} {path}: the Authorization header does not begin with 'Bearer '",
    ]


def test_a_token_without_the_permission_is_a_403(call: Callable[..., Any]) -> None:
    caller = call(forbidden=True)
    text = "You do not have permission to perform this action."
    assert (caller.get().status, caller.get().content) == (403, {"detail": text})
    answer = caller.post("lead-created", [])
    assert (answer.status, answer.content) == (403, {"error_msg": text})
    assert caller.request_log.violations == []


def test_violations_hold_neither_leads_nor_tokens(call: Callable[..., Any]) -> None:
    caller = call()
    caller.send("GET", READ, parameters="lead_id=secret&processed_after=secret", headers={"authorization": "secret"})
    caller.get(processed_after="secret", page="secret", page_size="secret")
    caller.post("lead-disabled", [{"lead_id": 4711, "secret": "secret"}])
    assert len(caller.request_log.violations) == 4
    assert not [each for each in caller.request_log.violations if "secret" in each or "4711" in each]

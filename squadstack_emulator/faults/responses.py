"""Answers that went wrong and are still answers; faults of the connection itself are in `connection`."""

from http import HTTPStatus
from typing import cast

from squadstack_emulator import json_text
from squadstack_emulator.endpoint import ApiErrors
from squadstack_emulator.faults.fault import FaultKind
from squadstack_emulator.responses import ApiResponse, redirect, web_page


def faulty_response(kind: FaultKind, response: ApiResponse, errors: ApiErrors, host: str) -> ApiResponse:
    """Return what the client gets instead of an answer; faults of the connection leave the answer alone."""
    instead = {
        **_PAGES,
        FaultKind.HTTP_500: errors.server_error,
        FaultKind.UNAUTHORIZED_401: errors.expired_token,
        FaultKind.FORBIDDEN_403: errors.forbidden,
    }
    if kind in instead:
        return instead[kind]
    if kind is FaultKind.REDIRECT_302:
        # A client that follows it is found out: the emulator has no such page.
        return redirect(HTTPStatus.FOUND, f"http://{host}/accounts/login/")
    if kind in _BODIES and (kind is FaultKind.TRUNCATED or response.status_code == HTTPStatus.OK):
        return response.with_body(_BODIES[kind](response.content))
    return response


def _null_results(body: bytes) -> bytes:
    content = json_text.loads(body)
    rows = [key for key in ("results", "data", "cdrs") if isinstance(content, dict) and key in content]
    # A body without a key for its rows is its rows.
    return json_text.dumps({**cast("dict[str, object]", content), rows[0]: None}) if rows else b"null"


def _one_result_too_few(body: bytes) -> bytes:
    content = json_text.loads(body)
    if isinstance(content, dict) and isinstance(content.get("result"), list):
        return json_text.dumps({**content, "result": content["result"][:-1]})
    return body


_PAGES = {
    FaultKind.HTTP_502: web_page(HTTPStatus.BAD_GATEWAY, "502 Bad Gateway", "nginx"),
    FaultKind.HTTP_503: web_page(HTTPStatus.SERVICE_UNAVAILABLE, "503 Service Temporarily Unavailable", "nginx"),
    FaultKind.HTML_200: web_page(HTTPStatus.OK, "Scheduled maintenance", "We will be back shortly."),
    FaultKind.EMPTY_200: ApiResponse(HTTPStatus.OK),
}
_BODIES = {
    FaultKind.TRUNCATED: lambda body: body[: len(body) // 2],
    FaultKind.NULL_RESULTS: _null_results,
    FaultKind.WRONG_LENGTH: _one_result_too_few,
}

"""Answers that went wrong but are still answers: what each fault makes of an honest one.

Faults that need the connection itself (resets, silence, a body that breaks off) are in `connection`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from squadstack_emulator import json_text
from squadstack_emulator.faults.fault import FaultKind
from squadstack_emulator.messages import ErrorResponses, Response, html_response, json_response
from squadstack_emulator.scenario import ThrottleAnswer


def throttled(answer: ThrottleAnswer, *, window_seconds: float, wait: float) -> Response:
    """A 429.

    The bulk page has "{Request was throttled. Please try after 60 seconds}", which is no JSON: here it is the `detail`
    the framework puts it in, with the length of the window in seconds.

    Args:
        answer: The documented text; a Retry-After header (whole seconds until there is room) and no number in the text;
            or neither.
        window_seconds: Length of the rate limit's window.
        wait: Seconds until there is room.
    """
    if answer == "documented":
        text = f"Request was throttled. Please try after {math.ceil(window_seconds)} seconds"
        return json_response(HTTPStatus.TOO_MANY_REQUESTS, {"detail": text})
    headers = (("Retry-After", str(max(1, math.ceil(wait)))),) if answer == "retry_after" else ()
    return json_response(HTTPStatus.TOO_MANY_REQUESTS, {"detail": "Request was throttled."}, headers=headers)


@dataclass(frozen=True, slots=True)
class OriginalAnswer:
    """What a faulty answer is made of: the honest one, how the API spells errors, the host the client spoke to."""

    honest: Response
    errors: ErrorResponses
    host: str


def faulty_response(kind: FaultKind, what: OriginalAnswer) -> Response:
    """What the client gets instead of the honest answer; kinds that leave the answer alone give it back."""
    make = _FAULTY.get(kind)
    return what.honest if make is None else make(what)


def _bad_gateway(_what: OriginalAnswer) -> Response:
    return html_response(HTTPStatus.BAD_GATEWAY, "502 Bad Gateway", "nginx")


def _unavailable(_what: OriginalAnswer) -> Response:
    return html_response(HTTPStatus.SERVICE_UNAVAILABLE, "503 Service Temporarily Unavailable", "nginx")


def _redirect(what: OriginalAnswer) -> Response:
    # A client that follows it is found out: the emulator has no such page.
    location = (("Location", f"http://{what.host}/accounts/login/"),)
    return Response(HTTPStatus.FOUND, b"", content_type="text/html; charset=utf-8", headers=location)


def _web_page(_what: OriginalAnswer) -> Response:
    return html_response(HTTPStatus.OK, "Scheduled maintenance", "We will be back shortly.")


def _empty(_what: OriginalAnswer) -> Response:
    return Response(HTTPStatus.OK, b"")


def _truncated(what: OriginalAnswer) -> Response:
    return replace(what.honest, body=what.honest.body[: len(what.honest.body) // 2])


def _null_results(what: OriginalAnswer) -> Response:
    if what.honest.status != HTTPStatus.OK:
        return what.honest
    content = _content(what.honest)
    keys = [key for key in ("results", "data", "cdrs") if key in content]
    # A body without a key for its rows is its rows.
    return _changed(what.honest, keys[0], None) if keys else replace(what.honest, body=b"null")


def _wrong_length(what: OriginalAnswer) -> Response:
    results = _content(what.honest).get("result")
    return _changed(what.honest, "result", results[:-1]) if isinstance(results, list) else what.honest


def _changed(response: Response, key: str, value: object) -> Response:
    content = _content(response)
    return replace(response, body=json_text.dumps({**content, key: value})) if key in content else response


def _content(response: Response) -> dict[str, object]:
    content = json_text.loads(response.body)
    return content if isinstance(content, dict) else {}


_FAULTY: dict[FaultKind, Callable[[OriginalAnswer], Response]] = {
    FaultKind.HTTP_500: lambda what: what.errors.server_error(),
    FaultKind.HTTP_502: _bad_gateway,
    FaultKind.HTTP_503: _unavailable,
    FaultKind.UNAUTHORIZED_401: lambda what: what.errors.expired_token(),
    FaultKind.FORBIDDEN_403: lambda what: what.errors.forbidden(),
    FaultKind.REDIRECT_302: _redirect,
    FaultKind.HTML_200: _web_page,
    FaultKind.EMPTY_200: _empty,
    FaultKind.TRUNCATED: _truncated,
    FaultKind.NULL_RESULTS: _null_results,
    FaultKind.WRONG_LENGTH: _wrong_length,
}

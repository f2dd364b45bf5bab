"""Answers that went wrong but are still answers: what each fault makes of an honest one.

Faults that need the connection itself (resets, silence, a body that breaks off) are in `wire`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from squadstack_emulator import json_text
from squadstack_emulator.messages import Dialect, Reply, html_reply, json_reply
from squadstack_emulator.scenario import FaultKind, ThrottleAnswer


def throttled(answer: ThrottleAnswer, *, window_seconds: float, wait: float) -> Reply:
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
        return json_reply(HTTPStatus.TOO_MANY_REQUESTS, {"detail": text})
    headers = (("Retry-After", str(max(1, math.ceil(wait)))),) if answer == "retry_after" else ()
    return json_reply(HTTPStatus.TOO_MANY_REQUESTS, {"detail": "Request was throttled."}, headers=headers)


@dataclass(frozen=True, slots=True)
class Spoiling:
    """What a spoilt answer is made of: the honest one, how the API spells errors, the host the client spoke to."""

    honest: Reply
    dialect: Dialect
    host: str


def spoilt(kind: FaultKind, what: Spoiling) -> Reply:
    """What the client gets instead of the honest answer; kinds that leave the answer alone give it back."""
    spoil = _SPOILERS.get(kind)
    return what.honest if spoil is None else spoil(what)


def _bad_gateway(_what: Spoiling) -> Reply:
    return html_reply(HTTPStatus.BAD_GATEWAY, "502 Bad Gateway", "nginx")


def _unavailable(_what: Spoiling) -> Reply:
    return html_reply(HTTPStatus.SERVICE_UNAVAILABLE, "503 Service Temporarily Unavailable", "nginx")


def _redirect(what: Spoiling) -> Reply:
    # A client that follows it is found out: the emulator has no such page.
    location = (("Location", f"http://{what.host}/accounts/login/"),)
    return Reply(HTTPStatus.FOUND, b"", content_type="text/html; charset=utf-8", headers=location)


def _web_page(_what: Spoiling) -> Reply:
    return html_reply(HTTPStatus.OK, "Scheduled maintenance", "We will be back shortly.")


def _empty(_what: Spoiling) -> Reply:
    return Reply(HTTPStatus.OK, b"")


def _truncated(what: Spoiling) -> Reply:
    return replace(what.honest, body=what.honest.body[: len(what.honest.body) // 2])


def _null_results(what: Spoiling) -> Reply:
    if what.honest.status != HTTPStatus.OK:
        return what.honest
    content = _content(what.honest)
    keys = [key for key in ("results", "data", "cdrs") if key in content]
    # A body without a key for its rows is its rows.
    return _changed(what.honest, keys[0], None) if keys else replace(what.honest, body=b"null")


def _wrong_length(what: Spoiling) -> Reply:
    results = _content(what.honest).get("result")
    return _changed(what.honest, "result", results[:-1]) if isinstance(results, list) else what.honest


def _changed(reply: Reply, key: str, value: object) -> Reply:
    content = _content(reply)
    return replace(reply, body=json_text.dumps({**content, key: value})) if key in content else reply


def _content(reply: Reply) -> dict[str, object]:
    content = json_text.loads(reply.body)
    return content if isinstance(content, dict) else {}


_SPOILERS: dict[FaultKind, Callable[[Spoiling], Reply]] = {
    FaultKind.HTTP_500: lambda what: what.dialect.server_error(),
    FaultKind.HTTP_502: _bad_gateway,
    FaultKind.HTTP_503: _unavailable,
    FaultKind.UNAUTHORIZED_401: lambda what: what.dialect.expired_token(),
    FaultKind.FORBIDDEN_403: lambda what: what.dialect.forbidden(),
    FaultKind.REDIRECT_302: _redirect,
    FaultKind.HTML_200: _web_page,
    FaultKind.EMPTY_200: _empty,
    FaultKind.TRUNCATED: _truncated,
    FaultKind.NULL_RESULTS: _null_results,
    FaultKind.WRONG_LENGTH: _wrong_length,
}

"""SquadStack's errors that do not depend on what was asked for.

v4 and v1: `{"detail": …}` of Django REST framework. The page says "401 Authentication failed. API credentials are
incorrect" and "403 Forbidden if the request authentication was not successful": here a missing or expired token is the
401 and a wrong one the 403. The texts are the framework's.

CRM v2: `{"error_msg": …}`, as in "Common status codes and their meanings" of the bulk page, which does not tell a
missing token from a wrong one. The page lists "You may be using the wrong request type" under 400, and its recorded
answers carry "Allow: GET, POST, PATCH, HEAD, OPTIONS": those methods reach the code that answers 400, all others are a
405.

429: the bulk page has "{Request was throttled. Please try after 60 seconds}", which is no JSON: here it is the `detail`
that the framework puts it in, with the length of the window in seconds.
"""

import math
from http import HTTPStatus

from squadstack_emulator.endpoint import ApiErrors
from squadstack_emulator.responses import ApiResponse, web_page
from squadstack_emulator.scenario import Scenario

_FORBIDDEN = "You do not have permission to perform this action."
_INCORRECT = {"detail": "Incorrect authentication credentials."}
_TECHNICAL_ISSUES = "We're facing some technical issues. Please try again in a while."
_INVALID_TOKEN = ApiResponse(HTTPStatus.UNAUTHORIZED, {"error_msg": "Invalid auth token"})


def throttled(scenario: Scenario, wait: float) -> ApiResponse:
    """Return a 429 as the scenario has it; with a Retry-After header it says the whole seconds until there is room."""
    text, headers = "Request was throttled.", {}
    if scenario.throttle_answer == "documented":
        text += f" Please try after {math.ceil(scenario.window_seconds)} seconds"
    elif scenario.throttle_answer == "retry_after":
        headers = {"Retry-After": str(max(1, math.ceil(wait)))}
    return ApiResponse(HTTPStatus.TOO_MANY_REQUESTS, {"detail": text}, headers)


def _v4_wrong_method(method: str, documented: str) -> ApiResponse:
    allow = "GET, HEAD, OPTIONS" if documented == "GET" else f"{documented}, OPTIONS"
    detail = {"detail": f'Method "{method}" not allowed.'}
    return ApiResponse(HTTPStatus.METHOD_NOT_ALLOWED, detail, {"Allow": allow})


def _crm_wrong_method(method: str, _documented: str) -> ApiResponse:
    text = f'Method "{method}" not allowed.'
    if method in {"GET", "PATCH", "HEAD", "OPTIONS"}:
        return ApiResponse(HTTPStatus.BAD_REQUEST, {"error_msg": text})
    allow = {"Allow": "GET, POST, PATCH, HEAD, OPTIONS"}
    return ApiResponse(HTTPStatus.METHOD_NOT_ALLOWED, {"detail": text}, allow)


V4_ERRORS = ApiErrors(
    no_token=ApiResponse(
        HTTPStatus.UNAUTHORIZED,
        {"detail": "Authentication credentials were not provided."},
        {"WWW-Authenticate": 'Bearer realm="api"'},
    ),
    wrong_token=ApiResponse(HTTPStatus.FORBIDDEN, _INCORRECT),
    expired_token=ApiResponse(HTTPStatus.UNAUTHORIZED, _INCORRECT),
    forbidden=ApiResponse(HTTPStatus.FORBIDDEN, {"detail": _FORBIDDEN}),
    server_error=web_page(HTTPStatus.INTERNAL_SERVER_ERROR, "Server Error (500)"),
    wrong_method=_v4_wrong_method,
)
CRM_ERRORS = ApiErrors(
    no_token=_INVALID_TOKEN,
    wrong_token=_INVALID_TOKEN,
    expired_token=ApiResponse(HTTPStatus.UNAUTHORIZED, {"error_msg": "Token expired"}),
    forbidden=ApiResponse(HTTPStatus.FORBIDDEN, {"error_msg": _FORBIDDEN}),
    server_error=ApiResponse(HTTPStatus.INTERNAL_SERVER_ERROR, {"error_msg": _TECHNICAL_ISSUES}),
    wrong_method=_crm_wrong_method,
)

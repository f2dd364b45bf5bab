"""The contact center's errors (page Campaigns): "The information sent is invalid." and "Internal server error".

Undocumented, decided here: the texts stand in `{"error": …}`; a token that is missing, unknown or dead is a 401.
"""

from http import HTTPStatus

from squadstack_emulator.endpoint import ApiErrors
from squadstack_emulator.responses import ApiResponse

INVALID = ApiResponse(HTTPStatus.BAD_REQUEST, {"error": "The information sent is invalid."})
_UNAUTHORIZED = ApiResponse(HTTPStatus.UNAUTHORIZED, {"error": "Unauthorized"})


def _wrong_method(method: str, _documented: str) -> ApiResponse:
    return ApiResponse(HTTPStatus.METHOD_NOT_ALLOWED, {"error": f'Method "{method}" not allowed.'})


CONTACT_CENTER_ERRORS = ApiErrors(
    no_token=_UNAUTHORIZED,
    wrong_token=_UNAUTHORIZED,
    expired_token=_UNAUTHORIZED,
    forbidden=ApiResponse(HTTPStatus.FORBIDDEN, {"error": "Forbidden"}),
    server_error=ApiResponse(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "Internal server error"}),
    wrong_method=_wrong_method,
)

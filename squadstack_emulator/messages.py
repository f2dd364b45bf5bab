"""A call and its answer, and the three ways the vendors' APIs spell the errors that come before any business."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qsl

from squadstack_emulator import json_text

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP call as it arrived.

    Attributes:
        method: HTTP method.
        path: Path, decoded.
        query_string: What follows the question mark, as it was sent.
        parameters: The query parameters in the order they were sent.
        headers: Headers; names are in lower case.
        body: The whole body.
        at: Arrival, in seconds of the monotonic clock.
    """

    method: str
    path: str
    query_string: str
    parameters: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def query(self) -> dict[str, str]:
        """Query parameters; of one given twice the last counts, as in the vendor's framework."""
        return dict(self.parameters)

    @property
    def repeated(self) -> list[str]:
        """Names of query parameters that were given more than once."""
        return [name for name, times in Counter(name for name, _ in self.parameters).items() if times > 1]

    @property
    def host(self) -> str:
        """The host and port the client spoke to."""
        return self.headers.get("host", "localhost")

    def breach(self, what: str) -> str:
        """A breach of the documents by this call, as the request log enters it."""
        return f"{self.method} {self.path}: {what}"


def arrival(
    *, method: str, path: str, query_string: str, headers: Mapping[str, str], body: bytes, at: float
) -> Request:
    """A call from what the server hands over."""
    parameters = tuple(parse_qsl(query_string, keep_blank_values=True))
    return Request(method, path, query_string, parameters, headers, body, at)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; `leads` is the number of leads in it, or in the body it answers."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Headers = ()
    leads: int = 0


def json_response(status: int, content: object, *, headers: Headers = (), leads: int = 0) -> Response:
    """An answer in JSON."""
    return Response(status, json_text.dumps(content), headers=headers, leads=leads)


def html_response(status: int, title: str, text: str, *, headers: Headers = ()) -> Response:
    """A web page, as servers in front of an API give."""
    page = f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"
    return Response(status, page.encode(), content_type="text/html; charset=utf-8", headers=headers)


class ErrorResponses(Protocol):
    """How an API spells the errors that do not depend on its business."""

    def no_token(self) -> Response: ...  # noqa: D102
    def wrong_token(self) -> Response: ...  # noqa: D102
    def expired_token(self) -> Response: ...  # noqa: D102
    def forbidden(self) -> Response: ...  # noqa: D102
    def wrong_method(self, method: str) -> Response: ...  # noqa: D102
    def server_error(self) -> Response: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class V4Errors:
    """v4: `{"detail": …}` of Django REST framework.

    The page says "401 Authentication failed. API credentials are incorrect" and "403 Forbidden if the request
    authentication was not successful": here a missing token is the 401 and a wrong one the 403, and an expired token
    is a wrong one. The texts are the framework's.

    Attributes:
        allow: The methods that the path takes, as the framework lists them.
    """

    allow: str = "GET, HEAD, OPTIONS"

    def no_token(self) -> Response:
        """401."""
        headers = (("WWW-Authenticate", 'Bearer realm="api"'),)
        detail = {"detail": "Authentication credentials were not provided."}
        return json_response(HTTPStatus.UNAUTHORIZED, detail, headers=headers)

    def wrong_token(self) -> Response:
        """403."""
        return json_response(HTTPStatus.FORBIDDEN, {"detail": "Incorrect authentication credentials."})

    def expired_token(self) -> Response:
        """401: what the page's table calls "Authentication failed"."""
        return json_response(HTTPStatus.UNAUTHORIZED, {"detail": "Incorrect authentication credentials."})

    def forbidden(self) -> Response:
        """403."""
        return json_response(HTTPStatus.FORBIDDEN, {"detail": "You do not have permission to perform this action."})

    def wrong_method(self, method: str) -> Response:
        """405."""
        detail = {"detail": f'Method "{method}" not allowed.'}
        return json_response(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers=(("Allow", self.allow),))

    def server_error(self) -> Response:
        """500: the framework's own page."""
        return html_response(HTTPStatus.INTERNAL_SERVER_ERROR, "Server Error (500)", "")


class CrmErrors:
    """CRM v2: `{"error_msg": …}`, as in "Common status codes and their meanings" of the bulk page."""

    def no_token(self) -> Response:
        """401; a missing token is not told from a wrong one."""
        return self.wrong_token()

    def wrong_token(self) -> Response:
        """401."""
        return json_response(HTTPStatus.UNAUTHORIZED, {"error_msg": "Invalid auth token"})

    def expired_token(self) -> Response:
        """401."""
        return json_response(HTTPStatus.UNAUTHORIZED, {"error_msg": "Token expired"})

    def forbidden(self) -> Response:
        """403."""
        return json_response(HTTPStatus.FORBIDDEN, {"error_msg": "You do not have permission to perform this action."})

    def wrong_method(self, method: str) -> Response:
        """405 or 400.

        The page lists "You may be using the wrong request type" under 400, and its recorded answers carry
        "Allow: GET, POST, PATCH, HEAD, OPTIONS": those methods reach the code that answers 400, all others do not.
        """
        text = f'Method "{method}" not allowed.'
        if method in {"GET", "PATCH", "HEAD", "OPTIONS"}:
            return json_response(HTTPStatus.BAD_REQUEST, {"error_msg": text})
        headers = (("Allow", "GET, POST, PATCH, HEAD, OPTIONS"),)
        return json_response(HTTPStatus.METHOD_NOT_ALLOWED, {"detail": text}, headers=headers)

    def server_error(self) -> Response:
        """500."""
        text = "We're facing some technical issues. Please try again in a while."
        return json_response(HTTPStatus.INTERNAL_SERVER_ERROR, {"error_msg": text})


class PortalErrors:
    """Contact center: the page has "The information sent is invalid." and "Internal server error" without a body.

    Undocumented, decided here: the texts stand in `{"error": …}`; a token that is missing, unknown or dead is a 401.
    """

    def invalid(self) -> Response:
        """400."""
        return json_response(HTTPStatus.BAD_REQUEST, {"error": "The information sent is invalid."})

    def no_token(self) -> Response:
        """401."""
        return self.wrong_token()

    def wrong_token(self) -> Response:
        """401."""
        return json_response(HTTPStatus.UNAUTHORIZED, {"error": "Unauthorized"})

    def expired_token(self) -> Response:
        """401."""
        return self.wrong_token()

    def forbidden(self) -> Response:
        """403."""
        return json_response(HTTPStatus.FORBIDDEN, {"error": "Forbidden"})

    def wrong_method(self, method: str) -> Response:
        """405."""
        return json_response(HTTPStatus.METHOD_NOT_ALLOWED, {"error": f'Method "{method}" not allowed.'})

    def server_error(self) -> Response:
        """500."""
        return json_response(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "Internal server error"})

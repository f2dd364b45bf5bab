"""Answers: Starlette responses in JSON, or as a web page, that know how many leads they hold."""

from collections.abc import Mapping

from starlette.responses import Response

from squadstack_emulator import json_text


class ApiResponse(Response):
    """An answer in JSON; it may be sent any number of times.

    Args:
        status: HTTP status.
        content: What is written as JSON; bytes are sent as they are.
        headers: Headers besides type and length.
        leads: Leads in the answer to a read.
        media_type: The content type.
    """

    def __init__(
        self,
        status: int,
        content: object = b"",
        headers: Mapping[str, str] | None = None,
        *,
        leads: int = 0,
        media_type: str = "application/json",
    ) -> None:
        self.leads = leads
        self.content = content if isinstance(content, bytes) else json_text.dumps(content)
        super().__init__(self.content, int(status), headers, media_type)

    def with_body(self, body: bytes) -> "ApiResponse":
        """Return the same answer with another body."""
        return ApiResponse(self.status_code, body, leads=self.leads)


def web_page(status: int, title: str, text: str = "") -> ApiResponse:
    """Return a web page, as servers in front of an API answer."""
    page = f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"
    return ApiResponse(status, page.encode(), media_type="text/html")


def redirect(status: int, location: str) -> ApiResponse:
    """Return an answer that sends the client elsewhere."""
    return ApiResponse(status, headers={"Location": location}, media_type="text/html")

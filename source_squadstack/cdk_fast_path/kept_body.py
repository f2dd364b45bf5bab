"""The parsed body of a response, stored on the response."""

from typing import Any

import requests


def kept_body(response: requests.Response) -> Any:
    """Return the stored body; `None` before it is stored."""
    return vars(response).get("kept_body")


def keep_body(response: requests.Response, body: Any) -> None:
    """Store a body on the response: all readers of a page share that object, and it is freed with the page."""
    vars(response)["kept_body"] = body

"""What was read of a response's body, kept with the response."""

from typing import Any

import requests


def kept_body(response: requests.Response) -> Any:
    """Return what was kept; `None` as long as nothing was."""
    return vars(response).get("kept_body")


def keep_body(response: requests.Response, body: Any) -> None:
    """Keep a body: the response is the one object that all of a page's readers share, and goes when the page goes."""
    vars(response)["kept_body"] = body

"""The body of a call that must be JSON."""

from typing import NamedTuple

from squadstack_emulator import json_text
from squadstack_emulator.messages import Request


class Unreadable(NamedTuple):
    """A body that is no JSON, and how the framework says so."""

    text: str


def read_body(request: Request) -> object:
    """The parsed JSON of a call, or `Unreadable`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        return Unreadable(f'Unsupported media type "{media_type}" in request.')
    try:
        return json_text.loads(request.body)
    except ValueError:
        return Unreadable("JSON parse error")

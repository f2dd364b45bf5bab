"""The paths of recordings, and their answers, in the words of S3 where something is wrong."""

import asyncio
from http import HTTPStatus

from starlette.types import Receive, Scope, Send

from squadstack_emulator.endpoint import ApiErrors, Endpoint
from squadstack_emulator.recordings.recording import KINDS, recording_chunks
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.responses import ApiResponse, redirect, web_page

_SMALL = 4_000_000


def _error(status: int, code: str) -> ApiResponse:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>'
    return ApiResponse(status, body.encode(), media_type="application/xml")


_EXPIRED = _error(HTTPStatus.FORBIDDEN, "AccessDenied")
_MISSING = _error(HTTPStatus.NOT_FOUND, "NoSuchKey")
_ERRORS = ApiErrors(
    no_token=_EXPIRED,
    wrong_token=_EXPIRED,
    expired_token=_EXPIRED,
    forbidden=_EXPIRED,
    server_error=_error(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError"),
    wrong_method=lambda _given, _documented: _error(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed"),
)


class RecordingResponse(ApiResponse):
    """A recording; only a small one is held in memory."""

    def __init__(self, name: str, size: int, *, latency: float, pieces: int = 0, pause: float = 0.0) -> None:
        whole = b"".join(recording_chunks(name, size)) if size <= _SMALL else b""
        super().__init__(HTTPStatus.OK, whole, media_type="audio/mpeg")
        self.headers["Content-Length"] = str(size)
        self._name, self._size, self._latency, self._pieces, self._pause = name, size, latency, pieces, pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await asyncio.sleep(self._latency)
        if self.content and not self._pieces:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        step = -(-self._size // self._pieces) if self._pieces else 0
        if step:
            for start in range(0, self._size, step):
                await send(
                    {"type": "http.response.body", "body": self.content[start : start + step], "more_body": True}
                )
                await asyncio.sleep(self._pause)
        else:
            for chunk in recording_chunks(self._name, self._size):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def serve_recording(context: RequestContext) -> ApiResponse:
    """Return what lies behind a link."""
    recordings, kind, name = context.scenario.recordings, context.operation, context.target
    answers = {
        "expired": _EXPIRED,
        "missing": _MISSING,
        "gone": _error(HTTPStatus.GONE, "Gone"),
        "empty": ApiResponse(HTTPStatus.OK, media_type="audio/mpeg"),
        "page": web_page(HTTPStatus.OK, "Sign in"),
        "redirect": redirect(HTTPStatus.FOUND, f"http://{context.host}/recordings/small/redirected.mp3"),
        "loop": redirect(HTTPStatus.FOUND, f"http://{context.host}/recordings/loop/again.mp3"),
        "other_host": redirect(HTTPStatus.FOUND, recordings.elsewhere(context.host, "elsewhere.mp3")),
    }
    if kind in answers:
        return answers[kind]
    if kind not in KINDS:
        return _MISSING
    return RecordingResponse(
        name,
        recordings.size_of(kind),
        latency=recordings.latency_seconds,
        pieces=recordings.pieces if kind == "slow" else 0,
        pause=recordings.pause_seconds,
    )


ENDPOINTS = (
    Endpoint("/recordings/{operation}/{target:path}", "GET", serve_recording, "recording", _ERRORS, api="recordings"),
)

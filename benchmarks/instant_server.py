"""A server that answers as documented, at once or after a fixed time: it is not what is measured.

A POST is a CRM v2 bulk call: every lead is accepted and repeated in the answer; no lead is looked at. A GET below
/api/v4/leads/responses/ is a page of responses, with `processed_after`, `processed_before`, `page` and `page_size`.
Rows are rendered when the server starts, and a page is put together once. Its `Date` is fixed: a client that reads
until "now" asks for the same windows in every run. A GET below /recordings/ is a file.

A GET of / returns how many calls, refused calls and posted leads there were since the last one, and forgets all calls,
so that each run has the whole allowance.

    python -m benchmarks.instant_server --until 1700000000 [--latency 0.1] [--campaigns 10 --records 200000]

It prints its port.
"""

import argparse
import asyncio
import re
import socket
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson

from squadstack_emulator.squadstack.rate_limit import MovingWindow

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"
# Every contender sends leads as compact JSON, with this field first: no lead has to be parsed to be answered.
_LEAD = b'{"lead_id":'
_NEXT_LEAD = b"}," + _LEAD
_ROW = b'{"status_code":200,"data":'
_NEXT_ROW = b"}}," + _ROW + _LEAD
_PATH = re.compile(r"^/api/v4/leads/responses/([^/]+)/$")
# What the destination's check sends, and what it is told.
_PROBE = b'[{"lead_id":""}]'
_REFUSED = (
    b'{"status":"failure","message":"Bulk operation completed successfully","result":[{"status_code":400,'
    b'"data":{"error_msg":"lead_id: This field may not be blank."}}],'
    b'"metadata":{"total_leads":1,"success":0,"failed":1}}'
)
# A campaign with a single row, for what it takes to start: it answers at once, and nothing of it counts.
SMALL = "SMALL"
DAYS = 360
_DAY = 86_400


def campaign(number: int) -> str:
    """Return the id of a campaign."""
    return f"C{number:05}"


def recording(address: str, number: int) -> str:
    """Return the link to a recording."""
    return f"{address}/recordings/{number:08}.mp3"


def row(of: str, number: int, moment: int, address: str) -> bytes:
    """Return a response of a lead, as the page "Get Leads" shows it: about 430 bytes."""
    processed = datetime.fromtimestamp(moment, UTC).isoformat()
    return orjson.dumps(
        {
            "phone_number": f"+9198{number:08}",
            "lead_id": f"{of}-{number:08}",
            "latest_recording_url": recording(address, number),
            "campaign_id": of,
            "latest_called_at": processed,
            "lead_outcome": "Connected : Objective Met",
            "processed_at": processed,
            "contact_name": "Asha Verma",
            "created_at": "2023-12-31T09:15:00+00:00",
            "lead_responses": {
                "interested": "Yes",
                "budget": str(number % 90_000),
                "call_back": "Tomorrow, after 5 pm",
            },
        }
    )


@dataclass(slots=True)
class Responses:
    """All that the server can answer, put together once."""

    address: str
    date: bytes
    _campaigns: dict[str, tuple[list[bytes], list[int]]] = field(default_factory=dict)
    _known: dict[str, bytes] = field(default_factory=dict)

    def add(self, of: str, records: int, until: int) -> None:
        """Render the rows of a campaign, spread evenly over the last days."""
        step = DAYS * _DAY / records
        moments = [round(until - _DAY - step * (records - number - 1)) for number in range(records)]
        rows = [row(of, number, moment, self.address) for number, moment in enumerate(moments)]
        self._campaigns[of] = rows, [moment * 1000 for moment in moments]

    def whole(self, body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
        """Return an HTTP response."""
        return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nDate: %b\r\n%bContent-Length: %d\r\n\r\n%b" % (
            status,
            self.date,
            more,
            len(body),
            body,
        )

    def accepted(self, leads: int, body: bytes) -> bytes:
        """Return the answer to a bulk call: each row of it repeats what was sent."""
        rows = body[1:-1].replace(_NEXT_LEAD, _NEXT_ROW)
        return self.whole(
            b'{"status":"success","message":"Bulk operation completed successfully","result":['
            b'%b%b}],"metadata":{"total_leads":%d,"success":%d,"failed":0}}' % (_ROW, rows, leads, leads)
        )

    def page(self, target: str) -> bytes:
        """Return a page of a campaign."""
        known = self._known.get(target)
        if known is None:
            known = self._known[target] = self._put_together(target)
        return known

    def _put_together(self, target: str) -> bytes:
        url = urlsplit(target)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        matched = _PATH.match(url.path)
        rows, times = self._campaigns.get(matched[1] if matched else "", ([], []))
        first = bisect_left(times, float(asked.get("processed_after", 0)))
        end = max(first, bisect_right(times, float(asked.get("processed_before", sys.maxsize))))
        size, page = int(asked.get("page_size", 100)), int(asked.get("page", 1))
        start = first + (page - 1) * size
        if page > 1 and start >= end:
            return self.whole(b'{"detail":"Invalid page."}', b"404 Not Found")
        following = f"{self.address}{url.path}?{urlencode({**asked, 'page': page + 1})}"
        link = b'"%b"' % following.encode() if start + size < end else b"null"
        shown = b",".join(rows[start : min(start + size, end)])
        return self.whole(b'{"count":%d,"next":%b,"previous":null,"results":[%b]}' % (end - first, link, shown))


@dataclass(slots=True)
class Server:
    """How all connections answer, and what they have counted."""

    responses: Responses
    latency: float
    allowance: int | None
    file: bytes
    window: MovingWindow = field(default_factory=MovingWindow)
    calls: int = 0
    refused: int = 0
    leads: int = 0

    def answer(self, method: bytes, target: str, body: bytes) -> tuple[float, bytes]:
        """Return the seconds to wait, and the response."""
        whole = self.responses.whole
        if target == "/":
            counts = orjson.dumps({"calls": self.calls, "refused": self.refused, "leads": self.leads})
            self.window, self.calls, self.refused, self.leads = MovingWindow(), 0, 0, 0
            return 0.0, whole(counts)
        if target.startswith("/recordings/"):
            return self.latency, self.file
        if SMALL in target:
            return 0.0, self.responses.page(target)
        return self._api(method, target, body)

    def _api(self, method: bytes, target: str, body: bytes) -> tuple[float, bytes]:
        whole = self.responses.whole
        self.calls += 1
        if wait := self.window.admit(time.monotonic(), limit=self.allowance, seconds=60.0):
            self.refused += 1
            return 0.0, whole(b"{}", b"429 Too Many Requests", b"Retry-After: %d\r\n" % (wait + 1))
        if method == b"GET":
            return self.latency, self.responses.page(target)
        if body == _PROBE:
            return self.latency, whole(_REFUSED)
        leads = body.count(_LEAD)
        self.leads += leads
        return self.latency, self.responses.accepted(leads, body)


class _Connection(asyncio.Protocol):
    def __init__(self, server: Server) -> None:
        self._server = server
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio's word on TCP
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(_END_OF_HEAD)) >= 0:
            head = bytes(self._received[:end])
            length = int(head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0] or 0)
            whole = end + len(_END_OF_HEAD) + length
            if len(self._received) < whole:
                return
            body = bytes(self._received[end + len(_END_OF_HEAD) : whole])
            del self._received[:whole]
            method, target = head.split(b" ", 2)[:2]
            wait, answer = self._server.answer(method, target.decode(), body)
            if wait:
                asyncio.get_running_loop().call_later(wait, self._send, answer)
            else:
                self._send(answer)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def _serve(server: Server, listener: socket.socket) -> None:
    serving = await asyncio.get_running_loop().create_server(lambda: _Connection(server), sock=listener)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    await serving.serve_forever()


def main(arguments: Sequence[str]) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instant_server", description=__doc__)
    parser.add_argument("--until", type=int, required=True, help="now, in seconds since 1970")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds between a call and its answer")
    parser.add_argument("--campaigns", type=int, default=1, help="how many campaigns have responses")
    parser.add_argument("--records", type=int, default=0, help="how many responses they have together")
    parser.add_argument("--allowance", type=int, help="how many calls a minute are admitted (default: all)")
    parser.add_argument("--recording-bytes", type=int, default=0, help="the size of each recording")
    options = parser.parse_args(arguments)
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    responses = Responses(address, formatdate(options.until, usegmt=True).encode())
    responses.add(SMALL, 1, options.until)
    for number in range(options.campaigns if options.records else 0):
        responses.add(campaign(number), options.records // options.campaigns, options.until)
    file = responses.whole(bytes(options.recording_bytes)).replace(b"application/json", b"audio/mpeg", 1)
    asyncio.run(_serve(Server(responses, options.latency, options.allowance, file), listener))


if __name__ == "__main__":
    main(sys.argv[1:])

"""A server that answers as documented, at once or after a fixed time: it is not what is measured.

A POST is a CRM v2 bulk call: every lead is accepted and repeated in the answer. No lead is looked at. A GET below
/api/v4/leads/responses/ is a page of responses, rendered when the server starts. The emulator, which carries out and
logs what it does, takes a hundred times as long. A GET of / returns how many leads it has taken and given so far, one
of /calls how many bulk calls.

    python -m benchmarks.instant_server [--latency 0.1] [--campaigns 10 --records 200000 --page-size 100]

It prints its port.
"""

import argparse
import asyncio
import re
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import orjson

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"
# Every contender sends leads as compact JSON, with this field first: no lead has to be parsed to be answered.
_LEAD = b'{"lead_id":'
_NEXT_LEAD = b"}," + _LEAD
_ROW = b'{"status_code":200,"data":'
_NEXT_ROW = b"}}," + _ROW + _LEAD
_PATH = re.compile(r"^/api/v4/leads/responses/([^/]+)/$")
# Everybody asks for what was processed from here on.
SINCE = "2024-01-01T00:00:00Z"
_PROCESSED = "2024-01-01T{:02}:{:02}:{:02}+00:00"
# Filters are in milliseconds; one in seconds, as the source's check tries it, ends before any row.
_SECONDS_END = 100_000_000_000
# What the destination's check sends, and what it is told.
_PROBE = b'[{"lead_id":""}]'
_REFUSED = (
    b'{"status":"failure","message":"Bulk operation completed successfully","result":[{"status_code":400,'
    b'"data":{"error_msg":"lead_id: This field may not be blank."}}],'
    b'"metadata":{"total_leads":1,"success":0,"failed":1}}'
)
# A campaign with a single row, for what it takes to start.
SMALL = "SMALL"


def campaign(number: int) -> str:
    """Return the id of a campaign."""
    return f"C{number:03}"


def reply(leads: int, body: bytes) -> bytes:
    """Return the whole answer to a bulk call: each row of it repeats what was sent."""
    rows = body[1:-1].replace(_NEXT_LEAD, _NEXT_ROW)
    answer = (
        b'{"status":"success","message":"Bulk operation completed successfully","result":['
        b'%b%b}],"metadata":{"total_leads":%d,"success":%d,"failed":0}}' % (_ROW, rows, leads, leads)
    )
    return response(answer)


def response(body: bytes, status: bytes = b"200 OK") -> bytes:
    """Return an HTTP response."""
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def row(of: str, number: int) -> dict[str, object]:
    """Return a response of a lead, as the page "Get Leads" shows it: about 430 bytes."""
    second = number % 86_400
    processed = _PROCESSED.format(second // 3600, second // 60 % 60, second % 60)
    return {
        "phone_number": f"+9198{number:08}",
        "lead_id": f"{of}-{number:08}",
        "latest_recording_url": f"https://recordings.example.com/{of}/{number:08}.mp3",
        "campaign_id": of,
        "latest_called_at": processed,
        "lead_outcome": "Connected : Objective Met",
        "processed_at": processed,
        "contact_name": "Asha Verma",
        "created_at": "2023-12-31T09:15:00+00:00",
        "lead_responses": {"interested": "Yes", "budget": str(number % 90_000), "call_back": "Tomorrow, after 5 pm"},
    }


@dataclass(slots=True)
class Pages:
    """The pages of all campaigns: rows and the whole response of each. Their links lead to `port`."""

    port: int
    page_size: int
    _pages: dict[tuple[str, int], tuple[int, bytes]] = field(default_factory=dict)

    def add(self, of: str, records: int) -> None:
        """Render the pages of a campaign."""
        for start in range(0, records, self.page_size):
            rows = [row(of, number) for number in range(start, min(records, start + self.page_size))]
            page = start // self.page_size + 1
            after = f"http://127.0.0.1:{self.port}/api/v4/leads/responses/{of}/?page={page + 1}"
            content = {
                "count": records,
                "next": after if start + self.page_size < records else None,
                "previous": None,
                "results": rows,
            }
            self._pages[of, page] = (len(rows), response(orjson.dumps(content)))

    def get(self, target: str) -> tuple[int, bytes]:
        """Return how many rows, and the response."""
        address = urlsplit(target)
        found = _PATH.match(address.path)
        asked = parse_qs(address.query)
        if int(float(asked.get("processed_before", [_SECONDS_END])[0])) < _SECONDS_END:
            return 0, response(b'{"count":0,"next":null,"previous":null,"results":[]}')
        page = int(asked.get("page", ["1"])[0])
        known = self._pages.get((found[1], page)) if found else None
        return known or (0, response(b'{"detail":"Invalid page."}', b"404 Not Found"))


@dataclass(slots=True)
class _Traffic:
    pages: Pages
    latency: float
    leads: int = 0
    calls: int = 0


class _Connection(asyncio.Protocol):
    def __init__(self, traffic: _Traffic) -> None:
        self._books = traffic
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
            self._answer(method, target.decode(), body)

    def _answer(self, method: bytes, target: str, body: bytes) -> None:
        traffic = self._books
        if target == "/":
            self._send(response(b"%d" % traffic.leads))
            return
        if target == "/calls":
            self._send(response(b"%d" % traffic.calls))
            return
        traffic.calls += method == b"POST"
        leads = body.count(_LEAD)
        answer = response(_REFUSED) if body == _PROBE else reply(leads, body)
        if method == b"GET":
            leads, answer = traffic.pages.get(target)
        traffic.leads += leads
        if traffic.latency:
            asyncio.get_running_loop().call_later(traffic.latency, self._send, answer)
        else:
            self._send(answer)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def _serve(traffic: _Traffic, listener: socket.socket) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(traffic), sock=listener)
    sys.stdout.write(f"{traffic.pages.port}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main(arguments: Sequence[str]) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instant_server", description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds between a call and its answer")
    parser.add_argument("--campaigns", type=int, default=1, help="how many campaigns have responses")
    parser.add_argument("--records", type=int, default=0, help="how many responses they have together")
    parser.add_argument("--page-size", type=int, default=100, help="how many a page holds")
    options = parser.parse_args(arguments)
    listener = socket.create_server(("127.0.0.1", 0))
    pages = Pages(listener.getsockname()[1], options.page_size)
    pages.add(SMALL, 1)
    for number in range(options.campaigns):
        pages.add(campaign(number), options.records // options.campaigns)
    asyncio.run(_serve(_Traffic(pages, options.latency), listener))


if __name__ == "__main__":
    main(sys.argv[1:])

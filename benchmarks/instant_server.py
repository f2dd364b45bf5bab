"""A server that accepts every lead of a CRM v2 bulk call at once, or after a fixed time: it is not what is measured.

It looks at no lead, only counts them, and knows the answer for each count by heart. The emulator, which carries out and
keeps books, takes a hundred times as long. A GET tells how many leads it was sent so far.

    python -m benchmarks.instant_server [--latency 0.1]        prints its port
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import orjson

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"
_LEAD = b'"lead_id"'


@cache
def reply(leads: int) -> bytes:
    """Return the whole answer to a call with so many leads."""
    content = {
        "status": "success",
        "message": "Bulk operation completed successfully",
        "result": [{"status_code": 200, "data": {}} for _ in range(leads)],
        "metadata": {"total_leads": leads, "success": leads, "failed": 0},
    }
    body = orjson.dumps(content)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def told(count: int) -> bytes:
    """Return the whole answer to the question how many leads there were."""
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(str(count))}\r\n\r\n{count}".encode()


@dataclass(slots=True)
class _Count:
    leads: int = 0


_COUNT = _Count()


class _Connection(asyncio.Protocol):
    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio's word on TCP
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(_END_OF_HEAD)) >= 0:
            head = bytes(self._received[:end]).lower()
            length = int(head.partition(_LENGTH)[2].partition(b"\r\n")[0] or 0)
            whole = end + len(_END_OF_HEAD) + length
            if len(self._received) < whole:
                return
            leads = self._received.count(_LEAD, end, whole)
            del self._received[:whole]
            _COUNT.leads += leads
            if head.startswith(b"get "):
                self._send(told(_COUNT.leads))
            elif self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._answer, leads)
            else:
                self._answer(leads)

    def _answer(self, leads: int) -> None:
        self._send(reply(leads))

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def _serve(latency: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(latency), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main(arguments: Sequence[str]) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instant_server", description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds between a call and its answer")
    asyncio.run(_serve(parser.parse_args(arguments).latency))


if __name__ == "__main__":
    main(sys.argv[1:])

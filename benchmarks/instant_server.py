"""A server that accepts every lead of a CRM v2 bulk call at once, or after a fixed time: it is not what is measured.

It looks at no lead, only counts them and repeats them in its answer. The emulator, which carries out and keeps books,
takes a hundred times as long. A GET tells how many leads it was sent so far.

    python -m benchmarks.instant_server [--latency 0.1]        prints its port
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"
# Every contender sends leads as compact JSON, with this field first: no lead has to be parsed to be answered.
_LEAD = b'{"lead_id":'
_NEXT_LEAD = b"}," + _LEAD
_ROW = b'{"status_code":200,"data":'
_NEXT_ROW = b"}}," + _ROW + _LEAD


def reply(leads: int, body: bytes) -> bytes:
    """Return the whole answer to a call: as documented, each row of it repeats what was sent."""
    rows = body[1:-1].replace(_NEXT_LEAD, _NEXT_ROW)
    body = (
        b'{"status":"success","message":"Bulk operation completed successfully","result":['
        b'%b%b}],"metadata":{"total_leads":%d,"success":%d,"failed":0}}' % (_ROW, rows, leads, leads)
    )
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


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
            body = bytes(self._received[end + len(_END_OF_HEAD) : whole])
            leads = body.count(_LEAD)
            del self._received[:whole]
            _COUNT.leads += leads
            if head.startswith(b"get "):
                self._send(told(_COUNT.leads))
            elif self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._send, reply(leads, body))
            else:
                self._send(reply(leads, body))

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

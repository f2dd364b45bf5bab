"""Bytes on the connection: whole answers, and the ways in which a connection fails half-way."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from squadstack_emulator.messages import Response

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection of one call; `stopping` is set when the emulator is about to stop."""

    receive: Receive
    send: Send
    transport: asyncio.Transport
    stopping: asyncio.Event

    async def read_body(self) -> bytes | None:
        """The whole body of the call, None if the client hung up in the middle of it."""
        body = bytearray()
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                return None
            body += message["body"]
            if not message["more_body"]:
                return bytes(body)

    async def answer(self, response: Response) -> None:
        """Send an answer."""
        await self._start(response)
        await self.send({"type": "http.response.body", "body": response.body})

    async def cut_off(self, response: Response) -> None:
        """Promise the whole body, send half of it and close the connection."""
        await self._start(response)
        half = response.body[: len(response.body) // 2]
        await self.send({"type": "http.response.body", "body": half, "more_body": True})
        self.transport.close()  # after what is buffered has been sent, unlike a reset
        await self._gone()

    async def reset(self) -> None:
        """Reset the connection: a RST, not an orderly end. Does nothing if the client has hung up."""
        if self.transport.is_closing():
            return
        # Without this the kernel ends the connection in good order, which clients take for an empty answer.
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self.transport.abort()
        await self._gone()

    async def silence(self, seconds: float) -> None:
        """Say nothing for so long, or until the client hangs up or the emulator stops."""
        waiters = [asyncio.ensure_future(self._gone()), asyncio.ensure_future(self.stopping.wait())]
        await asyncio.wait(waiters, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for waiter in waiters:
            waiter.cancel()

    async def _start(self, response: Response) -> None:
        headers = [
            (b"content-type", response.content_type.encode()),
            (b"content-length", str(len(response.body)).encode()),
            *((name.encode(), value.encode()) for name, value in response.headers),
        ]
        await self.send({"type": "http.response.start", "status": int(response.status), "headers": headers})

    async def _gone(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass

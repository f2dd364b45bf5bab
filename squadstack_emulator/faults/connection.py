"""The ways in which a connection fails half-way. ASGI has no message for them: they need the transport."""

import asyncio
import socket
import struct

from starlette.types import Receive, Send

from squadstack_emulator.responses import ApiResponse

_LINGER_NOT = struct.pack("ii", 1, 0)


async def cut_off(response: ApiResponse, transport: asyncio.Transport, receive: Receive, send: Send) -> None:
    """Promise the whole body, send half of it and close the connection."""
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    half = response.content[: len(response.content) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    transport.close()  # after what is buffered has been sent, unlike a reset
    await _disconnected(receive)


async def reset(transport: asyncio.Transport, receive: Receive) -> None:
    """Reset the connection: a RST, not an orderly end. Does nothing if the client has hung up."""
    if transport.is_closing():
        return
    # Without this the kernel ends the connection in good order, which clients take for an empty answer.
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()
    await _disconnected(receive)


async def hang(seconds: float, receive: Receive, stopping: asyncio.Event) -> None:
    """Say nothing for so long, or until the client hangs up or the emulator stops."""
    waiters = [asyncio.ensure_future(_disconnected(receive)), asyncio.ensure_future(stopping.wait())]
    await asyncio.wait(waiters, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for waiter in waiters:
        waiter.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

"""The HTTP server: uvicorn, with a graceful shutdown."""

import signal
import socket

import uvicorn

from webhooks_squadstack.app import Receiver
from webhooks_squadstack.logs import log

# Proxies keep their connections for a minute; one that we close just as it is used again is a webhook that fails.
_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 20


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, receiver: Receiver) -> None:
        super().__init__(config)
        self._receiver = receiver

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port, *_ = self.servers[0].sockets[0].getsockname()
            log("listening", host=host, port=port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._receiver.stop()
        log("stopping")
        await super().shutdown(sockets)
        log("stopped")


def serve(receiver: Receiver, *, host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT, then answer what is under way; return the exit code."""
    config = uvicorn.Config(
        receiver.app,
        host=host,
        port=port,
        http="httptools",
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        # It would print the address of each webhook, and the key is part of it.
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config, receiver)
    # From here on, not only once uvicorn serves; and it raises the signal again when it has ended in order, which would
    # make of that a death by the signal.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    server.run()
    return 0 if server.started else 1

"""The HTTP server: uvicorn in a thread of its own, on a loopback port."""

import socket
import threading
import time
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from squadstack_emulator.application import Application

_START_SECONDS = 120.0
_FOR_EVER = 3600


class TransportProtocol(HttpToolsProtocol):
    """Puts the connection's transport into the scope: ASGI has no message for a reset."""

    def on_message_begin(self) -> None:
        """See the class."""
        super().on_message_begin()
        self.scope["state"]["transport"] = self.transport


class ServerThread:
    """A server that is started and stopped from another thread."""

    def __init__(self, app: "Application", *, host: str, port: int) -> None:
        self._app = app
        self._socket = _listening_socket(host, port)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=TransportProtocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            # An idle connection that the server closes just as the client uses it again is a reset nobody asked for.
            timeout_keep_alive=_FOR_EVER,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._loop_thread = threading.Thread(target=self._run, name="squadstack-emulator", daemon=True)

    def start(self) -> None:
        """Start serving; returns once calls are answered.

        Raises:
            RuntimeError: The server did not come up.
        """
        self._loop_thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._loop_thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("The emulator's server did not start")
            time.sleep(0.001)

    def stop(self) -> None:
        """Stop serving; hanging calls are reset."""
        self._server.should_exit = True
        self._app.stop()
        self._loop_thread.join()
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _listening_socket(host: str, port: int) -> socket.socket:
    # The protocol must be named: asyncio turns Nagle's algorithm off only for sockets that say they are TCP, and with
    # it every answer waits 40 ms for the acknowledgement of its headers.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening

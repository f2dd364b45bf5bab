"""The HTTP server: an ASGI application on uvicorn, in a thread of its own, on a loopback port."""

import asyncio
import socket
import threading
import time

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from squadstack_emulator.faults.connection import cut_off, hang, reset
from squadstack_emulator.faults.fault import FaultKind
from squadstack_emulator.pipeline import RequestPipeline
from squadstack_emulator.request_context import RequestContext

_START_SECONDS = 120.0
_FOR_EVER = 3600
_HANGS = frozenset({FaultKind.HANG, FaultKind.HALF_HANG})
_RESETS = frozenset({FaultKind.RESET, FaultKind.RESET_AFTER, *_HANGS})
_TURNS_TO_END_A_REQUEST = 10


class Application:
    """The ASGI application: takes requests to a pipeline and answers back.

    The server must put the connection's transport into the scope's state.
    """

    def __init__(self, pipeline: RequestPipeline) -> None:
        self._pipeline = pipeline
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hanging = 0

    def stop(self) -> None:
        """End every hang, so that the server can stop; to be called from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request from its arrival to its end."""
        at = self._pipeline.monotonic()
        self._loop = asyncio.get_running_loop()
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            # A client killed while it sends has called nobody: half a body is no violation of the documents.
            return
        await self._let_ended_hangs_end()
        context = self._pipeline.receive(request, body, at)
        try:
            await self._answer(context, scope, receive, send)
        except Exception as error:
            # A fault of the emulator itself must fail the test that met it, not pass for one it was asked for.
            self._pipeline.request_log.violation(f"the emulator failed: {type(error).__name__}")
            raise
        finally:
            self._pipeline.close(context, None)

    async def _answer(self, context: RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        if context.scenario.latency_seconds:
            await asyncio.sleep(context.scenario.latency_seconds)
        response = self._pipeline.serve(context)
        kind = context.fault.kind if context.fault is not None else None
        if context.fault is not None and kind in _HANGS:
            self._hanging += 1
            await hang(context.fault.seconds, receive, self._stopping)
            self._hanging -= 1
        # The log is closed first: who has the answer must find the request in it.
        self._pipeline.close(context, None if kind in _RESETS else response)
        if kind in _RESETS:
            await reset(scope["state"]["transport"], receive)
        elif kind is FaultKind.CUT_OFF:
            await cut_off(response, scope["state"]["transport"], receive, send)
        else:
            await response(scope, receive, send)

    async def _let_ended_hangs_end(self) -> None:
        # A client that gives up a hanging request and makes the next one at once has only one in flight: the end of the
        # first is in the socket already, and the loop must get to it before the log compares the two.
        if self._hanging:
            for _ in range(_TURNS_TO_END_A_REQUEST):
                await asyncio.sleep(0)


class TransportProtocol(HttpToolsProtocol):
    """Puts the connection's transport into the scope: ASGI has no message for a reset."""

    def on_message_begin(self) -> None:
        """See the class."""
        super().on_message_begin()
        self.scope["state"]["transport"] = self.transport


class ServerThread:
    """A server that is started and stopped from another thread."""

    def __init__(self, app: Application, *, host: str, port: int) -> None:
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

"""The ASGI application: takes calls from the connection to the pipeline and the answers back.

Plain ASGI: with two paths and a framework's 404, 405 and 301 to be imitated to the letter, a routing layer in between
would only have to be switched off again.
"""

import asyncio

from squadstack_emulator.faults.connection import Connection, Receive, Scope, Send
from squadstack_emulator.faults.fault import FaultKind
from squadstack_emulator.messages import Response, arrival
from squadstack_emulator.pipeline import PendingRequest, RequestPipeline

_SILENT = frozenset({FaultKind.HANG, FaultKind.HALF_HANG})
_TURNS_TO_END_A_CALL = 10
_RESET = frozenset({FaultKind.RESET, FaultKind.RESET_AFTER, *_SILENT})


class Application:
    """Serves a pipeline. The server must put the connection's transport into the scope's state."""

    def __init__(self, pipeline: RequestPipeline) -> None:
        self._pipeline = pipeline
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._silent_calls = 0

    def stop(self) -> None:
        """End every silence, so that the server can stop; to be called from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one call from its arrival to its end."""
        at = self._pipeline.monotonic()
        self._loop = asyncio.get_running_loop()
        connection = Connection(receive, send, scope["state"]["transport"], self._stopping)
        body = await connection.read_body()
        if body is None:
            # A client killed while it sends has called nobody: half a body is no violation of the documents.
            return
        arrived = arrival(
            method=scope["method"],
            path=scope["path"],
            query_string=scope["query_string"].decode("latin-1"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
            at=at,
        )
        await self._let_hung_up_calls_end()
        pending = self._pipeline.receive(arrived)
        try:
            await self._serve(pending, connection)
        except Exception as error:
            # A fault of the emulator itself must fail the test that met it, not pass for one it was asked for.
            self._pipeline.request_log.violation(f"the emulator failed: {type(error).__name__}")
            raise
        finally:
            self._pipeline.close(pending, None)

    async def _serve(self, pending: PendingRequest, connection: Connection) -> None:
        if pending.scenario.latency_seconds:
            await asyncio.sleep(pending.scenario.latency_seconds)
        response = self._pipeline.serve(pending)
        kind = pending.fault.kind if pending.fault is not None else None
        if pending.fault is not None and kind in _SILENT:
            self._silent_calls += 1
            await connection.silence(pending.fault.seconds)
            self._silent_calls -= 1
        # The log is closed first: who has the answer must find the call in them.
        self._pipeline.close(pending, None if kind in _RESET else response)
        await self._send(response, kind, connection)

    async def _let_hung_up_calls_end(self) -> None:
        # A client that gives a silent call up and makes the next one at once has only one call in flight: the end of
        # the first is in the socket already, and the loop must get to it before the log compares the two.
        if self._silent_calls:
            for _ in range(_TURNS_TO_END_A_CALL):
                await asyncio.sleep(0)

    async def _send(self, response: Response, kind: FaultKind | None, connection: Connection) -> None:
        if kind in _RESET:
            await connection.reset()
        elif kind is FaultKind.CUT_OFF:
            await connection.cut_off(response)
        else:
            await connection.answer(response)

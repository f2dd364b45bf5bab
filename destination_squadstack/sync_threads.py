"""The threads of a sync: one reads and parses the input, some make calls.

They share nothing with the main thread but the events that they report to it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from destination_squadstack.api.client import ApiClient
from destination_squadstack.api.outcomes import Response
from destination_squadstack.engine.calls import ApiCall
from destination_squadstack.input_messages import Message, read_messages

PIECES_AHEAD = 4


@dataclass(frozen=True, slots=True)
class InputPiece:
    """Messages that were read together."""

    messages: list[Message]


@dataclass(frozen=True, slots=True)
class EndOfInput:
    """The end of the input, or the error that ended the reading."""

    error: BaseException | None


@dataclass(frozen=True, slots=True)
class CallReturned:
    """A call that was made."""

    call: ApiCall
    response: Response


@dataclass(frozen=True, slots=True)
class CallBroke:
    """A call that met an error of ours."""

    call: ApiCall
    error: BaseException


ReaderEvent = InputPiece | EndOfInput
WorkerEvent = CallReturned | CallBroke


class InputReader:
    """The thread that reads, a few pieces ahead of the engine and no more: a slow API slows the source down."""

    def __init__(self, read: Callable[[int], bytes], report: Callable[[ReaderEvent], None]) -> None:
        self._read = read
        self._report = report
        self._ahead = threading.Semaphore(PIECES_AHEAD)

    def start(self) -> None:
        """Start reading."""
        threading.Thread(target=self._run, name="reader", daemon=True).start()

    def piece_taken(self) -> None:
        """Make room for one more piece."""
        self._ahead.release()

    def _run(self) -> None:
        try:
            for messages in read_messages(self._read):
                self._ahead.acquire()
                self._report(InputPiece(messages))
        except Exception as error:  # noqa: BLE001 - it has to reach the thread that can act on it
            self._report(EndOfInput(error))
        else:
            self._report(EndOfInput(None))


class CallWorkers:
    """The threads that make calls."""

    def __init__(self, api: ApiClient, report: Callable[[WorkerEvent], None], *, count: int) -> None:
        self._api = api
        self._report = report
        self._count = count
        self._calls: SimpleQueue[ApiCall | None] = SimpleQueue()

    def start(self) -> None:
        """Start waiting for calls."""
        for number in range(self._count):
            threading.Thread(target=self._run, name=f"worker-{number}", daemon=True).start()

    def make(self, call: ApiCall) -> None:
        """Have a call made by the next thread that is free."""
        self._calls.put(call)

    def stop(self) -> None:
        """Have each thread end after the call that it is making."""
        for _ in range(self._count):
            self._calls.put(None)

    def _run(self) -> None:
        while self._make_next_call():
            pass
        self._api.close()

    def _make_next_call(self) -> bool:
        """Wait for a call and make it; false if there are no more.

        A function of its own: in a loop each idle worker would hold on to its last call and answer, of 80 MB or so.
        """
        call = self._calls.get()
        if call is None:
            return False
        try:
            self._report(CallReturned(call, self._api.send(call.lane, call.bodies)))
        except Exception as error:  # noqa: BLE001 - it has to reach the thread that can act on it
            self._report(CallBroke(call, error))
        return True

"""Group commit: one commit at a time, with all that waits; an answer only after it."""

import asyncio
import threading
from collections.abc import Sequence

from test_support.receiver_in_process import event
from webhooks_squadstack.events import Event
from webhooks_squadstack.writer import Outcome, Writer


class HeldStore:
    """A store whose commits end when the test says so."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.begun, self.open = threading.Semaphore(0), threading.Event()

    def append(self, events: Sequence[Event]) -> list[bool]:
        self.batches.append([str(one.lead_id) for one in events])
        self.begun.release()
        assert self.open.wait(300)
        return [True] * len(events)


def test_events_that_come_during_a_commit_are_committed_together_by_the_next():
    store = HeldStore()

    async def run() -> list[Outcome]:
        writer = Writer(store.append)
        first = asyncio.create_task(writer.write(event(0)))
        await asyncio.to_thread(store.begun.acquire)
        rest = [asyncio.create_task(writer.write(event(number))) for number in range(1, 4)]
        await asyncio.sleep(0)
        assert writer.waiting == 3
        assert not first.done()
        store.open.set()
        outcomes = await asyncio.gather(first, *rest)
        await writer.close()
        return outcomes

    assert asyncio.run(run()) == [Outcome.STORED] * 4
    assert store.batches == [["lead-0"], ["lead-1", "lead-2", "lead-3"]]


def test_a_commit_that_fails_fails_all_of_its_events_and_none_of_the_next():
    failures: list[Exception] = []
    calls = iter([OSError("disk full"), None])

    def append(events: Sequence[Event]) -> list[bool]:
        if error := next(calls):
            raise error
        return [True] * len(events)

    async def run() -> list[Outcome]:
        writer = Writer(append, failed=failures.append)
        outcomes = await asyncio.gather(writer.write(event(1)), writer.write(event(2)))
        outcomes.append(await writer.write(event(3)))
        await writer.close()
        return outcomes

    assert asyncio.run(run()) == [Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.STORED]
    assert [str(error) for error in failures] == ["disk full"]


def test_a_request_gives_up_a_commit_that_does_not_end():
    store = HeldStore()

    async def run() -> Outcome:
        writer = Writer(store.append, seconds=0.01)
        outcome = await writer.write(event(1))
        store.open.set()
        await writer.close()
        return outcome

    assert asyncio.run(run()) is Outcome.UNKNOWN


def test_events_beyond_the_queues_limit_are_refused_at_once():
    store = HeldStore()

    async def run() -> list[Outcome]:
        writer = Writer(store.append)
        large = "x" * (33 * 1024 * 1024)
        writes = [asyncio.create_task(writer.write(event(number, payload=large))) for number in range(3)]
        await asyncio.sleep(0)
        refused = await writer.write(event(9))
        store.open.set()
        outcomes = [*await asyncio.gather(*writes), refused, await writer.write(event(10))]
        await writer.close()
        return outcomes

    stored, refused = Outcome.STORED, Outcome.REFUSED
    assert asyncio.run(run()) == [stored, stored, refused, refused, stored]

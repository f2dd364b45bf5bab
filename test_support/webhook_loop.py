"""The whole way of an event, by real processes: emulator, `webhooks-squadstack`, `source-squadstack`."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from squadstack_emulator import Campaign, Emulator, Scenario, Webhook
from test_support.messages import Outcome
from test_support.processes import HANG
from test_support.receiver_process import KEY, ReceiverProcess


@contextmanager
def webhook_loop(directory: Path, leads: int, **environment: str) -> Iterator[tuple[Emulator, ReceiverProcess]]:
    """Run a receiver, and an emulator with so many leads that posts to it."""
    with ReceiverProcess(f"sqlite:///{directory}/webhooks.db", log=directory / "log", **environment) as receiver:
        # 32 posts at once: group commit takes as many with one write to the disk.
        webhook = Webhook(f"{receiver.url}/events/{KEY}", repeat_every=7, connections=32, attempts=100)
        emulator = Emulator(Scenario(campaigns=(Campaign(unprocessed=leads),), webhook=webhook))
        try:
            yield emulator, receiver
        finally:
            emulator.stop()


def posted(emulator: Emulator) -> Counter[str]:
    """Return every event that was answered 201, once, as text in one spelling."""
    bodies = {post.event: post.body for post in emulator.request_log.posts if post.status == 201}
    return Counter(spelt(json.loads(body)) for body in bodies.values())


def spelt(payload: object) -> str:
    """Return JSON in one spelling."""
    return json.dumps(payload, sort_keys=True)


def position(read: Outcome) -> int:
    """Return where a sync's last state stands."""
    return int(read.states[-1]["stream"]["stream_state"]["sequence"]) if read.states else 0


def committed(read: Outcome, after: int = 0) -> Counter[str]:
    """Return what lies before a sync's last state; `after` is where the sync began."""
    to = max(position(read), after)
    return Counter(spelt(record["payload"]) for record in read.records if record["sequence"] <= to)


def call(emulator: Emulator, leads: int) -> None:
    """Call so many leads, and wait until all that became of them is posted."""
    emulator.call_leads(limit=leads)
    assert emulator.wait_for_posts(HANG)

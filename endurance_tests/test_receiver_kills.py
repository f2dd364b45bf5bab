"""The receiver of webhooks is killed again and again, in real time, under posts and syncs."""

import threading
from collections import Counter

from test_support.catalogs import configured
from test_support.connectors import Connector
from test_support.processes import HANG
from test_support.webhook_loop import committed, posted, webhook_loop


def test_kill_9_of_the_receiver_again_and_again_under_posts_and_syncs_loses_and_doubles_nothing(tmp_path):
    source = Connector("source-squadstack", tmp_path, waits=True)
    with webhook_loop(tmp_path, 400) as (emulator, receiver):
        loses_and_doubles_nothing(source, emulator, receiver)


def loses_and_doubles_nothing(source, emulator, receiver):
    catalog = configured("webhook_events", incremental=["webhook_events"])
    over = threading.Event()

    def kill_and_start() -> None:
        while not over.wait(1.5):
            receiver.kill()
            receiver.restart()

    killing = threading.Thread(target=kill_and_start)
    killing.start()
    reads = []
    states = []
    for _ in range(4):
        emulator.call_leads(limit=100)  # posted while the sync runs
        reads.append(source.run("read", config=receiver.config, catalog=catalog, state=states[-1:]))
        states += reads[-1].states
    assert emulator.wait_for_posts(HANG)
    over.set()
    killing.join()
    reads.append(source.run("read", config=receiver.config, catalog=catalog, state=states[-1:]))
    # A sync may meet it down six times in a row: that is an outage, and nothing else may be said of it.
    assert {error["failure_type"] for read in reads for error in read.errors} <= {"transient_error"}
    assert reads[-1].code == 0
    assert sum((committed(read) for read in reads), Counter()) == posted(emulator)
    assert any(post.status is None for post in emulator.request_log.posts)

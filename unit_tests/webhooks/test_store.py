"""What both databases hold to: stored once, in the order of commits, and nothing passed over."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.event import listens_for
from sqlalchemy.exc import SQLAlchemyError

from test_support.receiver_in_process import NOW, event, open_store
from webhooks_squadstack.consumers import Consumer
from webhooks_squadstack.database import connect
from webhooks_squadstack.settings import read_database
from webhooks_squadstack.store import BeyondEndError, DeletedError, Store, StoreError
from webhooks_squadstack.tables import DAY, MINUTE


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.close()


@pytest.fixture
def other(url: str) -> Iterator[Store]:
    """A second receiver on the same database."""
    store = open_store(url)
    yield store
    store.close()


def numbers(store: Store, after: int | None = None) -> list[tuple[int, str | None]]:
    return [(stored.sequence, stored.event.lead_id) for stored in store.read(after=after, limit=1000).events]


def test_events_are_read_as_they_were_stored(store):
    odd = event(1, payload='{"name": "राम \\ud800\\u0000 😀", "n": 123456789012345678901234567890}')
    assert store.append([odd, event(2)]) == [True, True]

    assert [stored.event for stored in store.read(after=None, limit=10).events] == [odd, event(2)]


def test_a_repeat_is_stored_once_in_one_batch_in_the_next_and_at_another_receiver(store, other):
    assert store.append([event(1), event(1), event(2)]) == [True, False, True]
    assert store.append([event(2), event(3)]) == [False, True]
    assert other.append([event(3), event(1), event(4)]) == [False, False, True]

    assert numbers(store) == [(1, "lead-1"), (2, "lead-2"), (3, "lead-3"), (4, "lead-4")]


def test_a_batch_that_fails_leaves_nothing_behind(store):
    store.append([event(1)])
    broken = event(3)
    object.__setattr__(broken, "received_at", None)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the database says
        store.append([event(2), broken])

    assert store.append([event(4)]) == [True]
    assert numbers(store) == [(1, "lead-1"), (2, "lead-4")]


def test_stored_events_are_there_after_a_restart(store, url):
    store.append([event(1)])
    store.close()

    again = open_store(url)
    assert numbers(again) == [(1, "lead-1")]
    assert again.append([event(2)]) == [True]
    assert numbers(again) == [(1, "lead-1"), (2, "lead-2")]
    again.close()


def test_receivers_that_start_together_share_the_tables(url):
    stores = [open_store(url) for _ in range(4)]
    with ThreadPoolExecutor(len(stores)) as pool:
        list(pool.map(Store.prepare, stores))

    assert [store.append([event(number)]) for number, store in enumerate(stores)] == [[True]] * 4
    for store in stores:
        store.close()


def test_a_reader_sees_every_smaller_sequence_while_two_receivers_write(store, other):
    """A reader that pages on from the largest sequence it saw meets each event, however the commits fall."""
    writers = [
        threading.Thread(
            target=lambda base=base, writer=writer: [
                writer.append([event(base + number) for number in range(batch, batch + 3)])
                for batch in range(0, 150, 3)
            ]
        )
        for base, writer in ((1000, store), (2000, other))
    ]
    store.prepare()
    for writer in writers:
        writer.start()
    reader, cursor, seen = store, 0, []
    while any(writer.is_alive() for writer in writers) or reader.read(after=cursor, limit=7).events:
        page = reader.read(after=cursor, limit=7)
        seen += [stored.sequence for stored in page.events]
        cursor = page.next_cursor
    for writer in writers:
        writer.join()
    assert seen == list(range(1, 301))


def test_a_later_writer_waits_for_an_earlier_one_that_has_not_committed(postgres_url):
    """With a serial column the later writer would commit 2 while 1 is not to be seen, and who reads on misses 1."""
    slow, fast, reader = (open_store(postgres_url) for _ in range(3))
    for store in (slow, fast, reader):
        store.prepare()
    about_to_commit, go_on = threading.Event(), threading.Event()

    @listens_for(slow._database.writing, "commit")
    def wait(_connection: Connection) -> None:
        about_to_commit.set()
        assert go_on.wait(300)

    first = threading.Thread(target=slow.append, args=([event(1)],))
    first.start()
    assert about_to_commit.wait(300)
    second = threading.Thread(target=fast.append, args=([event(2)],))
    second.start()
    second.join(0.3)
    waited, seen = second.is_alive(), numbers(reader)
    go_on.set()
    first.join()
    second.join()

    assert (waited, seen) == (True, [])
    assert numbers(reader) == [(1, "lead-1"), (2, "lead-2")]
    for store in (slow, fast, reader):
        store.close()


def test_a_reader_without_a_cursor_begins_with_the_oldest_that_is_kept(store):
    store.append([event(number) for number in range(5)])

    assert store.read(after=None, limit=2).next_cursor == 2


def test_nobody_can_go_on_after_an_event_that_never_was(store):
    store.append([event(1)])

    with pytest.raises(BeyondEndError):
        store.read(after=2, limit=1)


def test_a_sequence_that_was_raised_after_a_restore_skips_nothing_and_promises_nothing(store, url):
    store.append([event(1)])
    database = connect(read_database({"WEBHOOKS_DATABASE_URL": url}))
    with database.writing.begin() as connection:
        connection.execute(text("UPDATE webhook_store SET last_sequence = last_sequence + 1000000"))
    database.reading.dispose()

    page = store.read(after=7, limit=10)
    assert (page.events, page.next_cursor, page.has_more) == ([], 7, False)
    store.append([event(2)])
    assert numbers(store, after=7) == [(1_000_002, "lead-2")]


def test_a_server_that_was_started_anew_is_used_again_without_a_failure(postgres_url):
    store = open_store(postgres_url)
    store.append([event(1)])
    end_connections(postgres_url)
    assert store.append([event(1), event(2)]) == [False, True]
    end_connections(postgres_url)
    assert numbers(store) == [(1, "lead-1"), (2, "lead-2")]
    store.close()


def end_connections(url: str) -> None:
    """End every other connection, as a restart does."""
    database = connect(read_database({"WEBHOOKS_DATABASE_URL": url}))
    with database.writing.begin() as connection:
        ours = "FROM pg_stat_activity WHERE application_name = 'webhooks' AND pid <> pg_backend_pid()"
        connection.execute(text(f"SELECT pg_terminate_backend(pid, 5000) {ours}"))
    database.reading.dispose()


# ── retention ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def pulled(store: Store, confirmed: int, *, name: str = "default", position: int = 0) -> None:
    store.pulled(Consumer(name, position, confirmed, NOW))


def deleted(store: Store, *, age: int = DAY) -> int:
    return store.delete_some(received_before=NOW - age)


@pytest.fixture
def old(store: Store) -> Store:
    """Five events of two days ago, five of now."""
    store.append([event(number, received_at=NOW - 2 * DAY) for number in range(1, 6)])
    store.append([event(number) for number in range(6, 11)])
    return store


def test_nothing_is_deleted_that_nobody_has_pulled(old):
    assert deleted(old) == 0


def test_nothing_is_deleted_that_was_pulled_but_not_confirmed(old):
    pulled(old, 0, position=10)

    assert deleted(old) == 0


def test_only_old_and_confirmed_events_are_deleted(old):
    pulled(old, 3)
    assert deleted(old) == 3
    assert [sequence for sequence, _ in numbers(old)] == [4, 5, 6, 7, 8, 9, 10]

    pulled(old, 10)
    assert deleted(old) == 2
    assert deleted(old) == 0
    assert [sequence for sequence, _ in numbers(old)] == [6, 7, 8, 9, 10]


def test_receivers_that_delete_at_once_agree_on_how_far(old, other):
    pulled(old, 5)
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(deleted, (old, other)))

    assert sum(counts) == 5
    with pytest.raises(DeletedError):
        other.read(after=4, limit=1)


def test_events_that_another_consumer_has_not_confirmed_are_kept(old):
    pulled(old, 5)
    pulled(old, 2, name="staging")

    assert deleted(old) == 2


def test_a_forgotten_consumer_keeps_no_event_from_deletion(old):
    pulled(old, 5)
    pulled(old, 0, name="gone")

    assert (deleted(old), old.forget("gone"), old.forget("gone"), deleted(old)) == (0, True, False, 5)


def test_a_confirmation_stands_when_the_next_request_confirms_nothing(old):
    pulled(old, 5)
    pulled(old, 0)

    assert deleted(old) == 5


def test_a_cursor_before_deleted_events_is_an_error(old):
    pulled(old, 4)
    deleted(old)

    with pytest.raises(DeletedError):
        old.read(after=3, limit=1)
    assert old.read(after=4, limit=1).events[0].sequence == 5


def test_a_sequence_is_never_given_twice_even_when_all_is_deleted(old):
    pulled(old, 10)
    assert old.delete_some(received_before=NOW + DAY) == 10

    assert numbers(old) == []
    assert old.read(after=None, limit=1).next_cursor == 10
    old.append([event(11)])
    assert numbers(old) == [(11, "lead-11")]


# ── what the page shows ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_summary_counts_new_events_by_minute_and_type(store):
    store.append([event(1), event(2), event(3, event_type="sms"), event(4, received_at=NOW + MINUTE)])
    store.append([event(1), event(5)])
    pulled(store, 1, position=2)

    summary = store.summary(now=NOW + MINUTE)
    assert summary.minutes == {(NOW, "call"): 3, (NOW, "sms"): 1, (NOW + MINUTE, "call"): 1}
    assert (summary.last_sequence, summary.last_received_at) == (5, NOW)
    assert summary.consumers == (Consumer("default", 2, 1, NOW),)


def test_the_summary_of_an_empty_store_is_empty(store):
    summary = store.summary(now=NOW)

    assert (summary.last_sequence, summary.last_received_at, summary.minutes, summary.consumers) == (0, None, {}, ())


# ── databases that will not do ────────────────────────────────────────────────────────────────────────────────────────


def test_tables_of_another_version_are_refused(store, url):
    store.prepare()
    database = connect(read_database({"WEBHOOKS_DATABASE_URL": url}))
    with database.writing.begin() as connection:
        connection.execute(text("UPDATE webhook_store SET version = 2"))
    database.reading.dispose()

    other = open_store(url)
    with pytest.raises(StoreError, match="The tables are of version 2; this program knows version 1 alone"):
        other.prepare()
    other.close()


def test_a_database_that_cannot_hold_every_name_is_refused(postgres):
    store = open_store(postgres.create("latin", encoding="LATIN1"))

    with pytest.raises(StoreError, match="UTF8"):
        store.prepare()
    store.close()


def test_a_commit_waits_for_the_disk(postgres_url, sqlite_url):
    for url, question, answer in (
        (postgres_url, "SHOW synchronous_commit", "on"),
        (sqlite_url, "PRAGMA synchronous", 2),
        (sqlite_url, "PRAGMA journal_mode", "wal"),
    ):
        database = connect(read_database({"WEBHOOKS_DATABASE_URL": url}))
        with database.writing.begin() as connection:
            assert connection.scalar(text(question)) == answer
        database.reading.dispose()


def test_a_servers_word_that_commits_need_not_wait_for_the_disk_is_overruled(postgres):
    database = connect(read_database({"WEBHOOKS_DATABASE_URL": postgres.create("hasty")}))
    with database.writing.begin() as connection:
        connection.execute(text("ALTER DATABASE hasty SET synchronous_commit = off"))
    database.reading.dispose()

    with database.writing.begin() as connection:
        assert connection.scalar(text("SHOW synchronous_commit")) == "on"
    database.reading.dispose()


def test_an_error_of_the_database_repeats_nothing_of_an_event(store):
    store.prepare()
    with pytest.raises(SQLAlchemyError) as raised, store._database.writing.begin() as connection:
        connection.execute(text("SELECT :name FROM nothing"), {"name": "John Doe"})

    assert "John Doe" not in str(raised.value)

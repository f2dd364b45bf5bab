"""`kill -9` of the receiver of webhooks, and of PostgreSQL, under load (`make webhooks-soak`).

Senders send events one after another, and each again until it is answered with 201; a consumer reads on from its cursor
all the while, through every failure. Meanwhile the receiver, one of two receivers, or PostgreSQL with all its processes
is killed with `kill -9`, twenty times each. In the end every 201 must be in the store once, and must have reached the
consumer once. About five minutes.
"""

import argparse
import contextlib
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from rich.console import Console

from test_support.postgres import Postgres
from test_support.receiver_process import KEY, ReceiverProcess

KILLS, SENDERS, SECONDS = 20, 16, 1.0
_CREATED = 201
_COLUMNS = ("kills", "sent", "201s", "stored", "pulled", "lost", "doubled", "failures")


@dataclass
class Account:
    """What was seen from outside.

    Attributes:
        acknowledged: Events answered with 201.
        failures: Calls that were not, and so were made again.
        pulled: How often each event came out, while all was being killed.
        stored: How often each event is in the store in the end.
    """

    acknowledged: set[str] = field(default_factory=set)
    failures: int = 0
    pulled: Counter[str] = field(default_factory=Counter)
    stored: Counter[str] = field(default_factory=Counter)
    sent: int = 0

    @property
    def lost(self) -> int:
        """Events with a 201 that are not in the store, or did not reach the consumer."""
        return len(self.acknowledged - self.stored.keys()) + len(self.stored.keys() - self.pulled.keys())

    @property
    def doubled(self) -> int:
        """Events that are in the store, or reached the consumer, more than once."""
        return sum(count > 1 for counter in (self.stored, self.pulled) for count in counter.values())


class Load:
    """Senders and a consumer, each a thread, to be used in a `with`."""

    def __init__(self, receivers: Sequence[ReceiverProcess]) -> None:
        self._receivers = receivers
        self._ending, self._ended, self._given_up = (threading.Event() for _ in range(3))
        self._lock = threading.Lock()
        self.account = Account()
        self._senders = [threading.Thread(target=self._send, args=(number,)) for number in range(SENDERS)]
        self._consumer = threading.Thread(target=self._pull)

    def __enter__(self) -> Account:
        for thread in (*self._senders, self._consumer):
            thread.start()
        return self.account

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ending.set()
        if kind is not None:
            self._given_up.set()
        for sender in self._senders:
            sender.join()
        self._ended.set()
        self._consumer.join()

    def _send(self, sender: int) -> None:
        number = 0
        while not self._ending.is_set():
            number += 1
            lead = f"{sender}-{number}"
            body = json.dumps({"lead_id": lead, "processed_at": "2018-12-03T14:37:54+00:00", "lead_responses": {}})
            failures = 0
            # Like the vendor's: to whichever receiver the proxy picks, and the same again until it is taken.
            while not _post(self._receivers[(sender + failures) % len(self._receivers)].port, body):
                failures += 1
                if self._given_up.wait(0.05):
                    return
            with self._lock:
                self.account.acknowledged.add(lead)
                self.account.failures += failures
                self.account.sent += 1 + failures

    def _pull(self) -> None:
        cursor, turn = 0, 0
        while True:
            ended = self._ended.is_set()
            turn += 1
            try:
                page = self._receivers[turn % len(self._receivers)].pull(cursor, 100)
            except (OSError, HTTPException):
                if self._given_up.wait(0.05):
                    return
                continue
            self.account.pulled.update(event["lead_id"] for event in page["data"])
            cursor = page["next_cursor"]
            if ended and not page["has_more"]:
                return


def _post(port: int, body: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.suppress(OSError, HTTPException), contextlib.closing(connection):
        connection.request("POST", f"/events/{KEY}", body)
        return connection.getresponse().status == _CREATED
    return False


def _stored(receiver: ReceiverProcess) -> Counter[str]:
    found: Counter[str] = Counter()
    cursor, more = 0, True
    while more:
        page = receiver.pull(cursor)
        found.update(event["lead_id"] for event in page["data"])
        cursor, more = page["next_cursor"], page["has_more"]
    return found


def under_load(receivers: Sequence[ReceiverProcess], kill: Callable[[], None], kills: int, seconds: float) -> Account:
    """Kill and start again, so many times, at random moments of a load."""
    chance = random.Random(kills)
    with Load(receivers) as account:
        for _ in range(kills):
            time.sleep(seconds * chance.uniform(0.5, 1.5))
            kill()
        time.sleep(seconds)
    account.stored = _stored(receivers[0])
    return account


def kill_receiver_on_sqlite(folder: Path, kills: int, seconds: float) -> Account:
    """Kill the one receiver, which has the database in its own process."""
    with ReceiverProcess(f"sqlite:///{folder}/webhooks.db", log=folder / "log") as receiver:
        return under_load([receiver], lambda: _again(receiver), kills, seconds)


def kill_one_of_two_receivers(folder: Path, kills: int, seconds: float) -> Account:
    """Kill the one and the other of two receivers on PostgreSQL, by turns."""
    with _two_on_postgres(folder) as (_, receivers):
        turns = iter(range(kills))
        return under_load(receivers, lambda: _again(receivers[next(turns) % 2]), kills, seconds)


def kill_postgres(folder: Path, kills: int, seconds: float) -> Account:
    """Kill PostgreSQL, all its processes at once, under two receivers."""
    with _two_on_postgres(folder) as (postgres, receivers):

        def kill() -> None:
            postgres.kill()
            postgres.start()

        return under_load(receivers, kill, kills, seconds)


@contextmanager
def _two_on_postgres(folder: Path) -> Iterator[tuple[Postgres, list[ReceiverProcess]]]:
    with (
        Postgres() as postgres,
        ReceiverProcess(postgres.url(), log=folder / "log-1") as first,
        ReceiverProcess(postgres.url(), log=folder / "log-2") as second,
    ):
        yield postgres, [first, second]


def _again(receiver: ReceiverProcess) -> None:
    receiver.kill()
    receiver.restart()


SCENARIOS = {
    "receiver, SQLite": kill_receiver_on_sqlite,
    "one of two receivers": kill_one_of_two_receivers,
    "PostgreSQL": kill_postgres,
}


def main(arguments: Sequence[str]) -> int:
    """Run all; return 1 if an event was lost or doubled."""
    parser = argparse.ArgumentParser(
        prog="python -m endurance_tests.tools.receiver_kills", description="kill -9 under load."
    )
    parser.add_argument("--kills", type=int, default=KILLS, help="kills of each kind (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="seconds of load between them, on average")
    parser.add_argument("--only", choices=SCENARIOS, help="one kind (default: all)")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{'killed':22}", *(f"{name:>9}" for name in _COLUMNS))
    holds = True
    for name in [options.only] if options.only else SCENARIOS:
        with tempfile.TemporaryDirectory() as folder:
            account = SCENARIOS[name](Path(folder), options.kills, options.seconds)
        numbers = (
            options.kills,
            account.sent,
            len(account.acknowledged),
            len(account.stored),
            len(account.pulled),
            account.lost,
            account.doubled,
            account.failures,
        )
        console.print(f"{name:22}", *(f"{number:>9,}" for number in numbers))
        holds &= account.lost == account.doubled == 0 < len(account.acknowledged)
    console.print("Every 201 is in the store once, and came out once." if holds else "Something was lost or doubled.")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

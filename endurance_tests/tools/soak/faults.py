"""Every fault at once, in this process: so that a silent call can be given up after half a second, not after thirty."""

import itertools
from pathlib import Path
from typing import Any

import orjson

from destination_squadstack.api.squadstack import SquadStackClient
from destination_squadstack.config import parse_config
from destination_squadstack.protocol import Emitter
from destination_squadstack.routing import plan as routes_of
from destination_squadstack.sync import Sync
from endurance_tests.tools.soak.account import Account, add_state, doubled_creates, inversions, lost, numbers
from endurance_tests.tools.soak.records import CREATES, UPSERTS, Plan
from squadstack_common.clock import SystemClock
from squadstack_emulator import Campaign, Emulator, Fault, FaultKind, Scenario
from test_support import configs
from test_support.catalogs import written
from test_support.messages import kept_rows

TOKEN = "soak-token"
CATALOG = written(UPSERTS, CREATES)
_READ_SECONDS = 0.5
_PIECE = 65_536
ALL = (
    Fault(FaultKind.HTTP_500, on="write", every=13),
    Fault(FaultKind.RESET_AFTER, on="write", every=17),
    Fault(FaultKind.HALF_HANG, on="write", every=19, seconds=20.0),
)
# After a call without an answer the destination waits until the API has surely given it up: 30 s by the console script.
# There the calls that are carried out and not confirmed are answered, but with an error.
ANSWERED = (
    Fault(FaultKind.HTTP_500, on="write", every=13),
    Fault(FaultKind.HTTP_503, on="write", every=17, applied=True),
)


def storm(records: int) -> Fault:
    """Return a row of 429s that every run meets: one that only a slow machine met would cost it minutes of pauses."""
    return Fault(FaultKind.THROTTLE, on="write", skip=min(40, records // 200), times=min(12, records // 600))


def scenario(plan: Plan, faults: tuple[Fault, ...]) -> Scenario:
    """Return an API without a limit that is anything but reliable."""
    return Scenario(
        token=TOKEN,
        campaigns=(Campaign(),),
        calls_per_minute=None,
        faults=(*faults, storm(len(plan.records))),
        throttle_answer="bare",
        busy_leads=plan.busy_leads,
    )


def config(emulator: Emulator, folder: Path) -> dict[str, Any]:
    """Return the destination's config."""
    return configs.destination(
        emulator, folder, streams=[{"stream": CREATES, "operation": "create"}], workers=8, linger_seconds=2
    )


class _Watch:
    """Reads what the destination prints, and looks into API and store whenever a state has just left."""

    def __init__(self, plan: Plan, emulator: Emulator, folder: Path) -> None:
        self.account = Account()
        self._plan, self._emulator, self._folder = plan, emulator, folder
        self._covered = 0

    def write(self, text: bytes) -> None:
        messages = [orjson.loads(line) for line in text.splitlines()]
        states = [message["state"] for message in messages if message["type"] == "STATE"]
        for state in states:
            add_state(self.account, state)
        if states:
            done = states[-1]["id"]
            records = self._plan.records[self._covered : done]
            self.account.lost += lost(records, self._emulator.leads(), numbers(kept_rows(self._folder)))
            self._covered = done
        self.account.problems += [
            message["trace"]["error"]["message"] for message in messages if message["type"] == "TRACE"
        ]


def run(plan: Plan, folder: Path) -> Account:
    """Write all records of a plan while everything goes wrong."""
    with Emulator(scenario(plan, ALL)) as emulator:
        settings = parse_config(config(emulator, folder))
        text = plan.text()
        pieces = itertools.chain(
            (text[start : start + _PIECE] for start in range(0, len(text), _PIECE)), itertools.repeat(b"")
        )
        watch = _Watch(plan, emulator, folder)
        sync = Sync(
            settings,
            routes_of(settings, CATALOG),
            api=SquadStackClient(emulator.url, TOKEN, connect_seconds=1.0, read_seconds=_READ_SECONDS),
            read=lambda _size: next(pieces),
            emitter=Emitter(watch.write),
            clock=SystemClock(),
            run_id="soak",
        )
        code = sync.run()
        account, leads, rows = watch.account, emulator.leads(), kept_rows(folder)
    account.read = len(plan.records)
    account.calls = len(emulator.request_log.calls)
    account.inversions = inversions(leads)
    account.overlaps = len(emulator.request_log.overlapping)
    bad = {record.number for record in plan.records if record.bad}
    checks = {
        f"it ended with code {code}": code != 0,
        "rejected records are not those that the API can never accept, once each": (
            numbers(rows) != bad or len(rows) != len(bad)
        ),
        "leads were created twice": doubled_creates(plan, emulator) > 0,
        "calls broke the API's documents": bool(emulator.request_log.violations),
        "states were left out or repeated": account.states != len(plan.text().split(b'"STATE"')) - 1,
    }
    account.problems += [sentence for sentence, wrong in checks.items() if wrong]
    return account

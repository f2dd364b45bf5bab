"""Several connectors of one business at one allowance, by a simulated clock: an hour takes a second.

Each connector has the destination's own limiter and always something to send; the server is the emulator's moving
window. They know of each other only by the 429s that they get. Calls take 20 to 420 ms to the server and 50 to 550 ms
back.

    python -m test_support.rate_simulation [--connectors 2 5 20] [--seeds 8] [--answer documented]
"""

import argparse
import heapq
import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, get_args

from rich.console import Console

from destination_squadstack.engine.rate_limiter import RateLimiter
from squadstack_emulator.squadstack.rate_limit import MovingWindow

Says = Literal["documented", "retry_after", "bare"]

ALLOWANCE = 100
WINDOW = 60.0
WORKERS = 4
# Not judged: they are what it takes connectors that all start with the whole allowance to find their shares.
WARM_UP_MINUTES = 10
MINUTES = 70
# An engine looks again whenever something happens; one that is woken a hair too early must not be woken for ever.
_TICK = 1e-6


@dataclass(frozen=True, slots=True)
class Setting:
    """One simulation. The connectors start within the first `start_within` seconds."""

    connectors: int
    seed: int = 1
    says: Says = "documented"
    start_within: float = 0.0
    minutes: int = MINUTES


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it after the warm-up, as fractions."""

    used: float
    throttled: float
    smallest_share: float

    def __str__(self) -> str:
        return f"used {self.used:6.1%}   429s {self.throttled:5.1%}   smallest share {self.smallest_share:4.0%} of fair"


@dataclass(slots=True)
class _Connector:
    limiter: RateLimiter
    under_way: int = 0
    wakes_at: float = math.inf
    taken: int = 0
    refused: int = 0


@dataclass(slots=True)
class _World:
    setting: Setting
    chance: random.Random
    window: MovingWindow = field(default_factory=MovingWindow)
    agenda: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list)
    entries: int = 0

    def at(self, moment: float, what: Callable[[float], None]) -> None:
        self.entries += 1
        heapq.heappush(self.agenda, (moment, self.entries, what))

    def run(self, until: float) -> None:
        while self.agenda and self.agenda[0][0] < until:
            now, _, what = heapq.heappop(self.agenda)
            what(now)

    def go_on(self, connector: _Connector, now: float) -> None:
        """Make every call that may leave now, as the engine does."""
        while connector.under_way < WORKERS:
            due = connector.limiter.due(100, now)
            if due > now:
                self._wake(connector, due + _TICK)
                return
            connector.limiter.spend(100, now)
            connector.under_way += 1
            self.at(now + 0.02 + 0.4 * self.chance.random(), partial(self._arrive, connector, now))

    def _wake(self, connector: _Connector, moment: float) -> None:
        if moment < connector.wakes_at:
            connector.wakes_at = moment
            self.at(moment, partial(self._woken, connector))

    def _woken(self, connector: _Connector, now: float) -> None:
        connector.wakes_at = math.inf
        self.go_on(connector, now)

    def _arrive(self, connector: _Connector, sent_at: float, now: float) -> None:
        wait = self.window.admit(now, limit=ALLOWANCE, seconds=WINDOW)
        if now >= WARM_UP_MINUTES * 60:
            connector.taken += not wait
            connector.refused += bool(wait)
        self.at(now + 0.05 + 0.5 * self.chance.random(), partial(self._answer, connector, sent_at, wait))

    def _answer(self, connector: _Connector, sent_at: float, wait: float, now: float) -> None:
        connector.under_way -= 1
        if wait:
            said = {"documented": WINDOW, "retry_after": float(math.ceil(wait)), "bare": None}[self.setting.says]
            connector.limiter.throttled(said, sent_at, now)
        else:
            connector.limiter.answered(sent_at)
        self.go_on(connector, now)


def simulate(setting: Setting) -> Outcome:
    """Run one simulation."""
    chance = random.Random(setting.seed)
    world = _World(setting, chance)
    connectors = [_Connector(RateLimiter(ALLOWANCE, chance=chance.random)) for _ in range(setting.connectors)]
    for connector in connectors:
        world.at(chance.random() * setting.start_within, partial(world.go_on, connector))
    world.run(setting.minutes * 60.0)
    taken = sum(connector.taken for connector in connectors)
    refused = sum(connector.refused for connector in connectors)
    return Outcome(
        used=taken / (ALLOWANCE * (setting.minutes - WARM_UP_MINUTES)),
        throttled=refused / (taken + refused),
        smallest_share=min(connector.taken for connector in connectors) * len(connectors) / taken,
    )


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the worst of each figure."""
    return Outcome(
        used=min(outcome.used for outcome in outcomes),
        throttled=max(outcome.throttled for outcome in outcomes),
        smallest_share=min(outcome.smallest_share for outcome in outcomes),
    )


def main(arguments: Sequence[str]) -> int:
    """Print a line for each number of connectors: the worst of all seeds, started together and one after the other."""
    parser = argparse.ArgumentParser(prog="python -m test_support.rate_simulation", description=main.__doc__)
    parser.add_argument("--connectors", type=int, nargs="+", default=[1, 2, 5, 20], help="how many share the allowance")
    parser.add_argument("--seeds", type=int, default=8, help="how many runs of each kind")
    parser.add_argument("--answer", choices=get_args(Says), default="documented", help="what a 429 of the server says")
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    for count in options.connectors:
        outcomes = [
            simulate(Setting(count, seed=seed, says=options.answer, start_within=start_within))
            for seed in range(options.seeds)
            for start_within in (0.0, 300.0)
        ]
        console.print(f"{count:3} connectors: {worst(outcomes)}  (worst of {len(outcomes)} runs)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

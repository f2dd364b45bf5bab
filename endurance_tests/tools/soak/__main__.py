"""The endurance test of the destination: prints the account of every run, and fails if one does not hold.

Five seeds of 20,000 records each, with 5 hot leads, bad records, busy leads, every 13th call a 500, every 17th reset
after it was applied, every 19th applied by half and then silent, and a storm of 429s; creates and upserts, 8 workers.
Then ten runs, two of each seed, that are killed at a random moment and gone on with from the last state.

It takes about half an hour, nearly all of it waiting: for pauses after 429s, and before calls are repeated.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from endurance_tests.tools.soak import faults, kills
from endurance_tests.tools.soak.account import Account
from endurance_tests.tools.soak.records import plan

RECORDS, SEEDS, KILLS = 20_000, 5, 10
QUICK_RECORDS, QUICK_SEEDS, QUICK_KILLS = 1_500, 1, 1
_WIDTH = 10
_COLUMNS = ("read", "written", "rejected", "states", "calls", "lost", "inversions", "overlaps", "seconds")


def main(arguments: Sequence[str]) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description="Endurance test of the destination.")
    parser.add_argument("--records", type=int, default=RECORDS, help="records of each run")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs with every fault")
    parser.add_argument("--kills", type=int, default=KILLS, help="runs that are killed, spread over the seeds")
    parser.add_argument("--quick", action="store_true", help="a small one, within half a minute")
    options = parser.parse_args(arguments)
    if options.quick:
        options.records, options.seeds, options.kills = QUICK_RECORDS, QUICK_SEEDS, QUICK_KILLS
    return 0 if soak(options.records, options.seeds, options.kills, Console(highlight=False, soft_wrap=True)) else 1


def soak(records: int, seeds: int, killed: int, console: Console) -> bool:
    """Run all, with a line for each as soon as it is done; return whether every account holds."""
    console.print(f"{'':16}", *(f"{name:>{_WIDTH}}" for name in _COLUMNS))
    holds = True
    with tempfile.TemporaryDirectory() as root:
        for seed in range(1, seeds + 1):
            run = partial(faults.run, plan(seed, records))
            holds &= _line(console, f"faults, seed {seed}", Path(root), run)
        for number in range(1, killed + 1):
            seed = (number - 1) % seeds + 1
            run = partial(kills.run, plan(seed, records), moment=number)
            holds &= _line(console, f"kill {number}, seed {seed}", Path(root), run)
    console.print("Every account holds." if holds else "Not every account holds.")
    return holds


def _line(console: Console, name: str, root: Path, run: Callable[[Path], Account]) -> bool:
    folder = root / name
    folder.mkdir()
    began = time.monotonic()
    account = run(folder)
    numbers = (
        account.read,
        account.written,
        account.rejected,
        account.states,
        account.calls,
        account.lost,
        account.inversions,
        account.overlaps,
        round(time.monotonic() - began),
    )
    said = "; ".join(account.problems) or ("holds" if account.holds else "does not add up")
    console.print(f"{name:16}", *(f"{number:>{_WIDTH},}" for number in numbers), f" {said}")
    return account.holds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

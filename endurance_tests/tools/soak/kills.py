"""`kill -9` at a random moment, and a second run from the last state that left: by the console script."""

import contextlib
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import orjson

from endurance_tests.tools.soak.account import Account, add_state, doubled_creates, inversions, lost, numbers
from endurance_tests.tools.soak.faults import ANSWERED, CATALOG, config, scenario
from endurance_tests.tools.soak.records import Plan
from squadstack_emulator import Emulator
from test_support.messages import kept_rows

_SECONDS = 300.0


class _Process:
    """One run of the console script on some input; what it printed is read as it comes."""

    def __init__(self, emulator: Emulator, folder: Path, text: bytes) -> None:
        files = {"config": config(emulator, folder / "rejected"), "catalog": CATALOG}
        arguments = []
        for option, content in files.items():
            path = folder / f"{option}.json"
            path.write_bytes(orjson.dumps(content))
            arguments += [f"--{option}", str(path)]
        script = str(Path(sys.executable).with_name("destination-squadstack"))
        self._process = subprocess.Popen([script, "write", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._feeder = threading.Thread(target=self._feed, args=(text,), daemon=True)
        self._feeder.start()
        self.account = Account()
        self.done = 0

    def _feed(self, text: bytes) -> None:
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:  # type: ignore[union-attr]  # asked for above; and it may be killed
            pipe.write(text)

    def read(self, *, until: int | None = None) -> None:
        """Read to the end, or to the state that covers so many records; a line that was cut by the kill is no line."""
        for line in self._process.stdout or ():
            message: dict[str, Any] = orjson.loads(line) if line.endswith(b"\n") else {"type": None}
            if message["type"] == "STATE":
                self.done = message["state"]["id"]
                add_state(self.account, message["state"])
            elif message["type"] == "TRACE":
                self.account.problems.append(message["trace"]["error"]["message"])
            if until is not None and self.done >= until:
                return

    def kill(self) -> None:
        """Kill it, and read what it had printed by then."""
        self._process.send_signal(signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """Read to the end; return the exit code."""
        self.read()
        code = self._process.wait(_SECONDS)
        self._feeder.join(_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code


def run(plan: Plan, folder: Path, *, moment: int) -> Account:
    """Kill one run at a random moment, look at what it had acknowledged, and have a second run do the rest."""
    chance = random.Random(moment)
    with Emulator(scenario(plan, ANSWERED)) as emulator:
        emulator.change(latency_seconds=0.02)
        first = _Process(emulator, folder, plan.text())
        first.read(until=chance.randrange(1, len(plan.records) * 9 // 10))
        time.sleep(chance.random() * 0.1)
        first.kill()
        covered = plan.records[: first.done]
        account = first.account
        account.lost = lost(covered, emulator.leads(), numbers(kept_rows(folder / "rejected")))
        second = _Process(emulator, folder, plan.text(after=first.done))
        code = second.wait()
        leads, refused = emulator.leads(), numbers(kept_rows(folder / "rejected"))
    account.lost += lost(plan.records[first.done :], leads, refused)
    account.lost += lost((record for record in plan.records if not record.bad), leads, set())
    account.read = len(plan.records)
    account.written += second.account.written
    account.rejected += second.account.rejected
    account.states += second.account.states
    account.calls = len(emulator.request_log.calls)
    account.inversions = inversions(leads)
    account.overlaps = len(emulator.request_log.overlapping)
    checks = {
        f"the second run ended with code {code}": code != 0,
        "leads were created twice": doubled_creates(plan, emulator) > 0,
    }
    account.problems += second.account.problems + [sentence for sentence, wrong in checks.items() if wrong]
    return account

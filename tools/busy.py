"""Run the tests again and again, in new orders, while other processes keep every core busy.

No verdict may depend on speed or order: every run passes.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

SPIN = "while True: pass"


@contextmanager
def busy_cores(count: int) -> Iterator[None]:
    """Keep so many cores busy."""
    spinning = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]  # noqa: S603  # a loop
    try:
        yield
    finally:
        for each in spinning:
            each.kill()
            each.wait()


def main(arguments: Sequence[str]) -> int:
    """Run pytest several times with the arguments that follow `--`; return how many runs failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.busy", description="Run the tests on a busy machine.")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--busy", type=int, default=os.cpu_count() or 1, help="processes that keep a core busy")
    parser.add_argument("pytest", nargs="*")
    options = parser.parse_args(arguments)
    command = [sys.executable, "-m", "pytest", "--quiet", *options.pytest]
    failed = 0
    with busy_cores(options.busy):
        for number in range(1, options.runs + 1):
            began, seed = time.monotonic(), random.SystemRandom().randrange(10**6)
            code = subprocess.run([*command, f"--order-seed={seed}"], check=False).returncode  # noqa: S603  # this interpreter
            failed += code != 0
            said = f"Run {number} of {options.runs} (--order-seed={seed}): {'passed' if code == 0 else 'FAILED'}"
            sys.stdout.write(f"{said} after {time.monotonic() - began:.0f} s\n")
            sys.stdout.flush()
    sys.stdout.write(f"{options.runs - failed} of {options.runs} runs passed.\n")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

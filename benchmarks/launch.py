"""Runs a command on one core and tells what it took: wall time, CPU time, peak memory.

A process of its own, and a small one: Linux counts the memory of whoever starts a command as the command's own peak.

    python -IS benchmarks/launch.py CORE REPORT COMMAND…
"""

import json
import os
import sys
import time
from pathlib import Path


def main(core: str, report: str, *command: str) -> int:
    """Run the command; write the report."""
    os.sched_setaffinity(0, {int(core)})
    began = time.monotonic()
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, used = os.wait4(child, 0)
    seconds = time.monotonic() - began
    took = {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "megabytes": used.ru_maxrss * 1024 / 1_000_000}
    Path(report).write_text(json.dumps(took), encoding="ascii")
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

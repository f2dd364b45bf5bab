"""The most memory that the destination needs, by the number of records and by operation.

The console script writes leads of about 300 bytes to a local server that accepts each at once, so that nothing slows
the reading down. `create` remembers the leads that it made, as hashes; `upsert` remembers nothing.

    python -m benchmarks.destination_memory [--records 20000 200000 1000000]
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.destination import lead
from benchmarks.measure import server
from benchmarks.processes import Finished, watched


def write(operation: str, records: int, folder: Path, port: int) -> Finished:
    """Write so many leads."""
    files = {
        "config": {
            "squadstack": {"token": "t", "base_url": f"http://127.0.0.1:{port}", "calls_per_minute": 1_000_000},
            "default": {"operation": operation, "ref_id": "bench"},
        },
        "catalog": {"streams": [{"stream": {"name": "leads"}, "destination_sync_mode": "append"}]},
    }
    command = [str(Path(sys.executable).with_name("destination-squadstack")), "write"]
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        command += [f"--{name}", str(folder / f"{name}.json")]
    with (folder / "input.jsonl").open("wb") as messages:
        for number in range(records):
            messages.write(
                b'{"type":"RECORD","record":{"stream":"leads","emitted_at":1,"data":' + lead(number) + b"}}\n"
            )
    with (folder / "input.jsonl").open("rb") as stdin, (folder / "output.jsonl").open("wb") as stdout:
        return watched(command, stdin=stdin, stdout=stdout)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="The most memory that the destination needs.")
    parser.add_argument("--records", type=int, nargs="+", default=[20_000, 200_000, 1_000_000])
    asked = parser.parse_args(arguments)
    table = Table("records", "operation", "peak MB", "processor seconds")
    with server() as port, tempfile.TemporaryDirectory() as name:
        for records in asked.records:
            for operation in ("upsert", "create"):
                done = write(operation, records, Path(name), port)
                table.add_row(f"{records:,}", operation, f"{done.peak_megabytes:.0f}", f"{done.cpu_seconds:.1f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()

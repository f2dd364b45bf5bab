"""What a command takes before it does anything: `spec`, and `check` against a server that answers at once."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks import destination, source
from benchmarks.instant_server import SMALL
from benchmarks.measure import Took, own, peer, plain, run, server


def measure(runs: int) -> list[tuple[str, Took]]:
    """Return the median of each command."""
    with tempfile.TemporaryDirectory() as root, server() as port:
        folder = Path(root)
        reads, writes = folder / "source.json", folder / "destination.json"
        reads.write_text(json.dumps(source.config(port, [SMALL], 100)))
        writes.write_text(json.dumps(destination.config(port)))
        commands: dict[str, Sequence[str]] = {
            "source-squadstack spec": (own("source-squadstack"), "spec"),
            "source-squadstack check": (own("source-squadstack"), "check", "--config", str(reads)),
            "destination-squadstack spec": (own("destination-squadstack"), "spec"),
            "destination-squadstack check": (own("destination-squadstack"), "check", "--config", str(writes)),
            "airbyte-cdk destination, spec": (*plain("cdk_destination.py"), "spec"),
            "singer-sdk target, --about": (*peer("singer", "target.py"), "--about", "--format=json"),
            "singer-sdk tap, --about": (*peer("singer", "tap.py"), "--about", "--format=json"),
            "dlt with rest_api, import": (
                peer("dlt", "")[0],
                "-c",
                "import dlt; from dlt.sources.rest_api import rest_api_source",
            ),
        }
        found: dict[str, list[Took]] = {name: [] for name in commands}
        for _ in range(max(runs, 1)):
            for name, command in commands.items():
                found[name].append(run(command, cwd=folder))
    return [(name, _median(runs_of)) for name, runs_of in found.items()]


def _median(runs: Sequence[Took]) -> Took:
    return Took(
        seconds=median(each.seconds for each in runs),
        cpu=median(each.cpu for each in runs),
        peak=median(each.peak for each in runs),
    )

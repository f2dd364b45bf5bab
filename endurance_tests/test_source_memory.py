"""The source's memory, in an interpreter of its own."""

from datetime import UTC, datetime
from pathlib import Path

from squadstack_emulator import Campaign, Emulator, Scenario
from test_support import configs
from test_support.catalogs import configured
from test_support.connectors import Connector

MAX_GROWTH_MB = 16
SEEDED = {"seed_from": datetime(2026, 1, 1, tzinfo=UTC), "seed_to": datetime(2026, 3, 1, tzinfo=UTC)}


def peak_megabytes(source: Connector, emulator: Emulator) -> float:
    """Read everything and return the peak of the connector's resident memory, as the kernel counted it."""
    catalog = configured("lead_responses", incremental=["lead_responses"])
    peak = 0
    with source.start_anew("read", config=configs.source(emulator, page_size=1000), catalog=catalog) as process:
        for number, _ in enumerate(process.stdout):
            # The kernel forgets the figure with the process: it is looked at while records still come.
            if number % 5000 == 0:
                status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
                peak = int(status.split("VmHWM:")[1].split()[0])
    assert process.returncode == 0
    return peak / 1024


def test_memory_is_flat_in_the_number_of_records(tmp_path):
    source = Connector("source-squadstack", tmp_path)
    peaks = []
    for responses in (20_000, 200_000):
        with Emulator(
            Scenario(campaigns=(Campaign(responses=responses, **SEEDED),), calls_per_minute=None)
        ) as emulator:
            peaks.append(peak_megabytes(source, emulator))
    # Ten times the records: kept, each of them would cost a kilobyte. What differs is how the allocator grows.
    assert peaks[1] - peaks[0] <= MAX_GROWTH_MB, peaks

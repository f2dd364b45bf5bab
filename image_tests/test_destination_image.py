"""The destination's image writes to the emulator: read-only root, no rights, an unknown user, records on stdin."""

import itertools
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import orjson
import pytest

from squadstack_emulator import Campaign, Emulator, Scenario
from test_support import configs
from test_support.catalogs import written
from test_support.messages import kept_rows, record, state
from tools.images.container import LIMIT_OF_256_MIB, Image, Message, lines

TOKEN = "emulator-token-canary"
REF = "ref-0PT711"
STORE = "/local/rejects"
RECORDS_A_STATE = 1000


def scenario(**fields: Any) -> Scenario:
    return Scenario(**{"token": TOKEN, "campaigns": (Campaign(),), "calls_per_minute": None, **fields})


def config(emulator: Emulator) -> dict[str, Any]:
    return configs.destination(emulator, configs.local_store(STORE))


CATALOG = written()


def lead(number: int, **changes: Any) -> Message:
    data = {"lead_id": f"lead{number}", "phone_number": f"98{number:08d}", "contact_name": f"Name {number}", **changes}
    return record(data)


def numbered(count: int) -> Iterator[Message]:
    """So many leads, a state after each thousand, whose id is how many leads stand before it."""
    for number in range(count):
        yield lead(number)
        if (number + 1) % RECORDS_A_STATE == 0:
            yield state(number + 1)


@pytest.fixture
def rejects(tmp_path: Path) -> Path:
    """A directory that a container's user may write, whoever it is."""
    directory = tmp_path / "rejects"
    directory.mkdir()
    directory.chmod(0o777)
    return directory


@pytest.fixture
def piped(tmp_path: Path) -> Callable[..., IO[bytes]]:
    """Return what gives messages as an open file, to be a container's stdin."""
    opened = []

    def file(messages: Iterator[Message]) -> IO[bytes]:
        path = tmp_path / "messages.jsonl"
        with path.open("wb") as written:
            written.writelines(lines(message) for message in messages)
        opened.append(path.open("rb"))
        return opened[-1]

    yield file
    for each in opened:
        each.close()


def volume(rejects: Path) -> tuple[str, str]:
    return "--volume", f"{rejects}:{STORE}"


def test_check_succeeds_with_a_mounted_config(destination: Image, rejects: Path):
    with Emulator(scenario()) as emulator:
        checked = destination.run("check", *volume(rejects), config=config(emulator))
        emulator.assert_clean()

    assert (checked.code, checked.status) == (0, {"status": "SUCCEEDED"})


def test_check_names_the_store_that_this_user_cannot_write(destination: Image):
    with Emulator(scenario()) as emulator:
        checked = destination.run("check", config=config(emulator))

    assert (checked.code, checked.status["status"]) == (0, "FAILED")
    assert "object_storage_config.bucket_path" in checked.status["message"]


def test_discover_lists_the_operations(destination: Image):
    discovered = destination.run("discover")

    (catalog,) = discovered.of("destination_catalog")
    assert discovered.code == 0
    assert "crm_v2.upsert" in [operation["object_name"] for operation in catalog["operations"]]


def test_piped_records_are_written_and_refused_ones_lie_whole_on_the_mounted_volume(
    destination: Image, rejects: Path, piped: Callable[..., IO[bytes]]
):
    refused = lead(2_500, phone_number=None)
    messages = itertools.chain(numbered(2_500), [refused, state(2_501)])
    with Emulator(scenario()) as emulator:
        written = destination.run(
            "write",
            *volume(rejects),
            stdin=piped(messages),
            config=config(emulator),
            catalog=CATALOG,
        )
        leads = emulator.leads()
        emulator.assert_clean()

    assert written.code == 0, written.stderr.decode()
    assert set(leads) == {f"lead{number}" for number in range(2_500)}
    assert [row["data"] for row in kept_rows(rejects)] == [refused["record"]["data"]]
    assert [each["id"] for each in written.of("state")] == [1_000, 2_000, 2_501]
    assert written.of("state")[-1]["destinationStats"] == {"recordCount": 500, "rejectedRecordCount": 1}


def test_sigterm_ends_a_write_with_143_and_every_state_that_is_safe(
    destination: Image, rejects: Path, piped: Callable[..., IO[bytes]]
):
    with Emulator(scenario(latency_seconds=0.1)) as emulator:
        container = destination.start(
            "write",
            *volume(rejects),
            stdin=piped(numbered(50_000)),
            config=config(emulator),
            catalog=CATALOG,
        )
        printed = next(line for line in container.stdout if b'"STATE"' in line)
        container.send(signal.SIGTERM)
        began = time.monotonic()
        ended = container.rest()
        took = time.monotonic() - began
        done = len(emulator.leads())

    assert ended.code == 143, ended.stderr.decode()
    assert took < 20
    marks = [orjson.loads(printed)["state"]["id"], *(each["id"] for each in ended.of("state"))]
    assert marks == list(range(RECORDS_A_STATE, marks[-1] + 1, RECORDS_A_STATE))
    assert done - RECORDS_A_STATE < marks[-1] <= done < 50_000


def test_200_000_records_are_written_within_256_mib(
    destination: Image, rejects: Path, piped: Callable[..., IO[bytes]], figure: Callable[[str], None]
):
    stdin = piped(numbered(200_000))
    with Emulator(scenario()) as emulator:
        began = time.monotonic()
        container = destination.start(
            "write",
            *LIMIT_OF_256_MIB,
            *volume(rejects),
            stdin=stdin,
            config=config(emulator),
            catalog=CATALOG,
        )
        marks, peak = [], 0.0
        for line in container.stdout:
            if b'"STATE"' in line:
                marks.append(orjson.loads(line)["state"]["id"])
                # The kernel forgets the figure with the process: it is looked at while states still come.
                if marks[-1] % 25_000 == 0 and marks[-1] < 200_000:
                    peak = container.peak_megabytes()
        ended = container.rest()
        written = len(emulator.leads())

    figure(
        f"destination: 200,000 records written in {time.monotonic() - began:.0f} s, {peak:.0f} MB of 256 MiB at most"
    )
    assert (ended.code, marks, written) == (0, list(range(1_000, 200_001, 1_000)), 200_000), ended.stderr.decode()

"""The files of `make builder-manifest` on the CDK that the Connector Builder runs, and on the newest one.

Compared with `source-squadstack` record for record. `make test` has the same, and more of it, on the CDK of the image.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from squadstack_emulator import Emulator
from test_support import configs
from test_support.catalogs import everything_of
from test_support.connectors import Connector
from test_support.every_stream import SCENARIO, catalog, final_states, records
from test_support.fake_receiver import Receiver, stored
from tools.builder_manifest import main as write_builder_files

ROOT = Path(__file__).parents[1]
# The folder of the environment -> what it stands for.
CDKS = {"builder_cdk": "the Builder's", "airbyte_cdk": "the newest"}


@pytest.fixture(scope="module")
def config() -> Iterator[dict[str, Any]]:
    """A config as Airbyte's form saves it, in which every stream exists."""
    with Emulator(SCENARIO) as emulator, Receiver(stored(2500)) as receiver:
        sections = {**configs.both_accounts(emulator, api_version="v1"), **receiver.config}
        yield {name: {**section, "mode": "enabled"} for name, section in sections.items()}
        emulator.assert_clean()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Connector:
    return Connector("source-squadstack", tmp_path_factory.mktemp("source"))


@pytest.fixture(params=CDKS)
def stock(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return the CDK's own command, given both files."""
    monkeypatch.setenv("AIRBYTE_ENABLE_UNSAFE_CODE", "true")
    write_builder_files(tmp_path)
    script = ROOT / ".clients" / request.param / "bin" / "source-declarative-manifest"
    flags = ("--manifest-path", str(tmp_path / "manifest.yaml"), "--components-path", str(tmp_path / "components.py"))
    connector = Connector(str(script), tmp_path)
    return lambda command, **files: connector.run_anew(command, *flags, **files)


def test_the_builder_checks_a_config(stock, config):
    assert stock("check", config=config).status == {"status": "SUCCEEDED"}


def test_the_builder_discovers_what_the_console_script_does(stock, source, config):
    assert catalog(stock("discover", config=config)) == catalog(source.run("discover", config=config))


def test_the_builder_leaves_out_what_the_form_has_switched_off(stock, source, config):
    off = {**config, "contact_center": {"mode": "disabled"}, "webhooks": {"mode": "disabled"}}
    found = catalog(stock("discover", config=off))
    assert [stream["name"] for stream in found] == ["lead_responses", "leads", "outreach_events"]
    assert found == catalog(source.run("discover", config=off))


def test_the_builder_reads_what_the_console_script_does_and_goes_on_from_its_state(stock, source, config):
    streams = everything_of(catalog(source.run("discover", config=config)))
    read = [run("read", config=config, catalog=streams) for run in (stock, source.run)]
    assert [outcome.code for outcome in read] == [0, 0]
    assert len(read[0].records) > 2_500
    assert records(read[0]) == records(read[1])
    assert final_states(read[0]) == final_states(read[1])
    resumed = [run("read", config=config, catalog=streams, state=read[1].states) for run in (stock, source.run)]
    assert records(resumed[0]) == records(resumed[1])
    assert 0 < len(resumed[0].records) < len(read[0].records)

"""The file of `make builder-manifest` in the CDK's own command, as the Connector Builder and a workspace run it.

Compared with `source-squadstack` record for record: who starts in the Builder and moves to the image loses nothing.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.utils.yaml_loader import safe_load_yaml

from squadstack_emulator import Emulator
from test_support import configs
from test_support.catalogs import everything_of
from test_support.connectors import Connector
from test_support.every_stream import SCENARIO, catalog, final_states, records
from test_support.fake_receiver import Receiver, stored
from test_support.messages import Outcome
from tools.builder_manifest import main as write_builder_files

EVERY_STREAM = {
    *("lead_responses", "leads", "contact_center_campaigns", "contact_center_leads"),
    *("contact_center_activity", "contact_center_queues", "contact_center_queue_agents"),
    "webhook_events",
}
ONLY_OF = {"v4": {"call_recordings"}, "v1": {"outreach_events"}}


@pytest.fixture(scope="module")
def emulator():
    with Emulator(SCENARIO) as emulator:
        yield emulator
        emulator.assert_clean()


@pytest.fixture(scope="module")
def config(emulator: Emulator) -> Iterator[Callable[..., dict[str, Any]]]:
    """Return what makes a config in which every stream exists."""
    with Receiver(stored(2500)) as receiver:
        yield lambda api_version="v1": {**configs.both_accounts(emulator, api_version=api_version), **receiver.config}


Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def builder_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the two files, as made by `make builder-manifest`."""
    directory = tmp_path_factory.mktemp("builder")
    write_builder_files(directory)
    return directory


@pytest.fixture(params=["files", "config"])
def stock(request: pytest.FixtureRequest, builder_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return the stock command; manifest and components are its options, or in the config as the Builder does it."""
    monkeypatch.setenv("AIRBYTE_ENABLE_UNSAFE_CODE", "true")
    connector = Connector("source-declarative-manifest", tmp_path)
    manifest, components = builder_files / "manifest.yaml", builder_files / "components.py"
    if request.param == "files":
        flags = ("--manifest-path", str(manifest), "--components-path", str(components))
        return lambda command, **files: connector.run(command, *flags, **files)
    return lambda command, config, **files: connector.run(
        command, config={**config, **injected(manifest, components)}, **files
    )


def injected(manifest: Path, components: Path) -> dict[str, Any]:
    """Return the keys that the Builder adds to a config."""
    code = components.read_text(encoding="utf-8")
    return {
        "__injected_declarative_manifest": safe_load_yaml(manifest.read_text(encoding="utf-8")),
        "__injected_components_py": code,
        "__injected_components_py_checksums": {
            "md5": hashlib.md5(code.encode()).hexdigest(),
            "sha256": hashlib.sha256(code.encode()).hexdigest(),
        },
    }


def test_the_stock_command_checks_with_the_builder_manifest(stock, config):
    assert stock("check", config=config()).status == {"status": "SUCCEEDED"}


def test_the_stock_command_says_what_to_fix_as_the_package_does(stock, source, config):
    wrong = config()
    wrong["squadstack"]["token"] = "wrong"
    messages = [run("check", config=wrong).status["message"] for run in (stock, source.run)]
    assert all("`squadstack.token`" in message for message in messages)


@pytest.mark.parametrize(
    "sections", [("squadstack", "contact_center", "webhooks"), ("squadstack",), ("contact_center",), ("webhooks",)]
)
def test_the_stock_command_discovers_the_packages_catalog_whatever_sections_are_filled_in(
    stock, source, config, sections
):
    asked = {name: section for name, section in config().items() if name in sections}
    assert catalog(stock("discover", config=asked)) == catalog(source.run("discover", config=asked))


@pytest.mark.parametrize("api_version", ["v4", "v1"])
def test_the_stock_command_reads_the_packages_records_and_ends_in_its_states(stock, source, config, api_version):
    asked = config(api_version)
    streams = catalog(source.run("discover", config=asked))
    read = [run("read", config=asked, catalog=everything_of(streams)) for run in (stock, source.run)]
    assert [outcome.code for outcome in read] == [0, 0]
    assert records(read[0]) == records(read[1])
    assert final_states(read[0]) == final_states(read[1])
    names = EVERY_STREAM | ONLY_OF[api_version]
    assert {record["stream"] for record in read[0].of("RECORD")} == names == set(final_states(read[0]))


def test_the_stock_command_hashes_and_drops_what_the_package_does(stock, source, config):
    asked = config() | {"privacy": {"phone_numbers": "hash", "names": "drop", "salt": "a secret of ours"}}
    streams = catalog(source.run("discover", config=config()))
    read = [run("read", config=asked, catalog=everything_of(streams)) for run in (stock, source.run)]
    assert [outcome.code for outcome in read] == [0, 0]
    assert records(read[0]) == records(read[1])
    kept = source.run("read", config=config(), catalog=everything_of(streams))
    leads = [record["data"] for record in kept.of("RECORD") if record["stream"] in ("leads", "contact_center_leads")]
    numbers = {lead.get("phone_number") or lead.get("number") for lead in leads}
    names = {lead.get("contact_name") or f"{lead['first_name']} {lead['last_name']}" for lead in leads}
    for outcome in read:
        assert [each for each in (*numbers, *names) if each in outcome.stdout] == []


def test_the_stock_command_goes_on_from_the_packages_state(stock, source, config):
    asked = config()
    streams = everything_of(catalog(source.run("discover", config=asked)))
    state = source.run("read", config=asked, catalog=streams).states
    resumed = [run("read", config=asked, catalog=streams, state=state) for run in (stock, source.run)]
    assert records(resumed[0]) == records(resumed[1])
    # No more than each campaign's newest lead, which the lookback reads again.
    assert sum(record["stream"] == "lead_responses" for record in resumed[0].of("RECORD")) == len(SCENARIO.campaigns)


def test_without_the_administrators_consent_the_stock_command_runs_no_component(stock, config, monkeypatch):
    monkeypatch.delenv("AIRBYTE_ENABLE_UNSAFE_CODE")
    refused = stock("check", config=config())
    assert refused.code != 0
    assert "AIRBYTE_ENABLE_UNSAFE_CODE" in refused.stdout


def test_the_builder_files_are_the_same_each_time_they_are_made(builder_files, tmp_path):
    write_builder_files(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"manifest.yaml", "components.py"}
    assert not [path for path in tmp_path.iterdir() if path.read_bytes() != (builder_files / path.name).read_bytes()]

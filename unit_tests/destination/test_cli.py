"""The commands as a process sees them."""

import gzip
import json
import subprocess
import sys

import pytest

from destination_squadstack import cli, protocol
from destination_squadstack.errors import MalformedInput
from destination_squadstack.operations import APIS, NAMES, OPERATIONS, SCHEMAS
from destination_squadstack.spec import load_spec


@pytest.fixture
def run(capfdbinary):
    def call(*arguments):
        code = cli.main(arguments)
        out, err = capfdbinary.readouterr()
        assert err == b""
        return code, [json.loads(line) for line in out.splitlines()]

    return call


def test_spec_prints_the_specification(run):
    assert run("spec") == (0, [{"type": "SPEC", "spec": load_spec()}])


def test_the_destinations_spec_imports_neither_the_cdk_nor_what_checks_and_parses_a_config():
    heavy = {"airbyte_cdk", "jsonschema", "msgspec", "requests", "urllib3", "fsspec"}
    code = f"import sys, destination_squadstack.cli as c; c.main(['spec']); sys.exit(str({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.stderr.strip() == b"set()"


def test_discover_prints_an_operation_and_its_schema_for_each_row(run):
    code, (message,) = run("discover")
    assert code == 0
    operations = message["destination_catalog"]["operations"]
    assert [each["object_name"] for each in operations] == [f"{row.api}.{row.name}" for row in OPERATIONS.values()]
    keys = {each["object_name"]: each["matching_keys"] for each in operations}
    assert {name for name, key in keys.items() if key != [["lead_id"]]} == {
        "contact_center.add_lead",
        "contact_center.voicemail_disposition",
    }
    assert (keys["contact_center.add_lead"], keys["contact_center.voicemail_disposition"]) == (
        [["number"]],
        [["cdr_id"]],
    )
    assert all(each["matching_keys"][0][0] in each["json_schema"]["required"] for each in operations)
    assert {each["sync_mode"] for each in operations} == {"append", "append_dedup", "update", "soft_delete"}


@pytest.mark.parametrize("content", [None, "no json", "[]", '{"squadstack": {"token": 5}, "default": {"ref_id": "r"}}'])
def test_check_of_a_config_that_cannot_be_used_is_a_failed_check(run, tmp_path, content):
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    code, (message,) = run("check", "--config", str(path))
    assert (code, message["connectionStatus"]["status"]) == (0, "FAILED")
    assert message["connectionStatus"]["message"].endswith(".")


def test_the_keys_of_a_bucket_are_masked_wherever_they_are_said():
    keys = {"access_key_id": "canary-key-id", "secret_access_key": "canary-secret"}
    protocol.register_secrets(load_spec(), {"object_storage_config": {"storage_type": "S3", **keys}})
    written = []
    protocol.Emitter(written.append).log("INFO", "x canary-key-id canary-secret x")
    assert json.loads(written[0])["log"]["message"] == "x **** **** x"


def test_a_token_is_masked_wherever_it_is_said():
    protocol.register_secrets(load_spec(), {"squadstack": {"token": "canary-token"}})
    written = []
    emitter = protocol.Emitter(written.append)
    emitter.log("INFO", "x canary-token x")
    emitter.connection_status("x canary-token x")
    emitter.trace(MalformedInput("x canary-token x"))
    assert len(written) == 3
    assert b"canary-token" not in b"".join(written)
    assert b"x **** x" in written[0]


@pytest.mark.parametrize("arguments", [[], ["read"], ["write"], ["check"]])
def test_a_command_line_that_cannot_be_understood_says_nothing_on_stdout(capfdbinary, arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert capfdbinary.readouterr().out == b""


def test_the_schemas_are_each_used_by_a_row():
    assert {path.stem for path in SCHEMAS.glob("*.json")} == {f"{row.api}_{row.name}" for row in OPERATIONS.values()}


def test_only_operations_with_a_row_are_offered():
    properties = load_spec()["connectionSpecification"]["properties"]
    names, apis = list(NAMES), list(APIS)
    for entry in (properties["default"], properties["streams"]["items"]):
        assert entry["properties"]["api"]["enum"] == apis
    assert properties["default"]["properties"]["operation"]["enum"] == [*names, "by_sync_mode"]
    assert properties["streams"]["items"]["properties"]["operation"]["enum"] == [*names, "by_sync_mode"]


def replay(run, tmp_path, *flags, catalog=None, rows=({}, {})):
    kept = {"stream": "leads", "operation": "upsert", "retryable": False, "data": {"lead_id": "canary"}}
    (tmp_path / "a.jsonl.gz").write_bytes(
        gzip.compress(b"".join(json.dumps({**kept, **row}).encode() + b"\n" for row in rows), mtime=0)
    )
    config = {"squadstack": {"token": "canary-token", "base_url": "http://127.0.0.1:1"}, "default": {"ref_id": "r"}}
    for name, content in (("config", config), ("catalog", catalog)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    more = ["--catalog", str(tmp_path / "catalog.json")] if catalog else []
    return run("replay", "--config", str(tmp_path / "config.json"), "--from", str(tmp_path), *more, *flags)


def test_a_replay_without_a_row_that_is_retryable_says_so_and_is_no_failure(run, tmp_path):
    code, (message,) = replay(run, tmp_path, "--only-retryable")
    assert (code, message["log"]) == (
        0,
        {
            "level": "INFO",
            "message": "None of the 2 rejected records at --from is retryable, so there is nothing to send. "
            "Without --only-retryable all of them would be sent.",
        },
    )


def test_a_replay_with_a_catalog_that_lacks_a_stream_names_it_and_sends_nothing(run, tmp_path):
    catalog = {"streams": [{"stream": {"name": "leads"}, "destination_sync_mode": "append_dedup"}]}
    code, (message,) = replay(run, tmp_path, catalog=catalog, rows=({}, {"stream": "other"}))
    error = message["trace"]["error"]
    assert (code, error["failure_type"]) == (1, "config_error")
    assert error["message"] == (
        "--catalog lacks the stream 'other', to which 1 of the rejected records belong. Add it, or leave --catalog out."
    )

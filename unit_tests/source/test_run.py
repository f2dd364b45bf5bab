"""The console script answers what needs no CDK without importing it, and in the CDK's words."""

import json
import subprocess
import sys

import pytest
from airbyte_cdk.models import ConnectorSpecificationSerializer

from source_squadstack.run import answer_at_once
from source_squadstack.source import SourceSquadstack

WRONG = {"squadstack": {"token": "a b", "campaign_ids": ["0PT711"], "start_date": "2024-01-01"}}
RIGHT = {"squadstack": {**WRONG["squadstack"], "token": "ab"}}


@pytest.fixture
def config_file(tmp_path):
    def write(content: str) -> str:
        path = tmp_path / "config.json"
        path.write_text(content, encoding="utf-8")
        return str(path)

    return write


def test_spec_prints_what_the_cdk_would_print():
    source = SourceSquadstack()
    cdks = ConnectorSpecificationSerializer.dump(source.spec(source.logger))
    assert answer_at_once(["spec"]) == {"type": "SPEC", "spec": cdks}


def test_check_of_a_wrong_config_names_the_field_and_not_its_value(config_file):
    answer = answer_at_once(["check", "--config", config_file(json.dumps(WRONG))])
    status = answer["connectionStatus"]
    assert (answer["type"], status["status"]) == ("CONNECTION_STATUS", "FAILED")
    assert status["message"].startswith("`squadstack.token` must look like")
    assert "a b" not in status["message"]


@pytest.mark.parametrize("content", [json.dumps(RIGHT), "[]", "{", ""])
def test_check_is_left_to_the_cdk_unless_the_config_alone_decides_it(config_file, content):
    assert answer_at_once(["check", "--config", config_file(content)]) is None


@pytest.mark.parametrize(
    "arguments", [[], ["spec", "--debug"], ["discover", "--config", "x"], ["check", "--config", "/no/such/file"]]
)
def test_commands_other_than_spec_and_check_are_left_to_the_cdk(arguments):
    assert answer_at_once(arguments) is None


@pytest.mark.parametrize("command", ["spec", "check"])
def test_spec_and_check_of_a_wrong_config_do_not_import_the_cdk(config_file, command):
    arguments = ["check", "--config", config_file(json.dumps(WRONG))] if command == "check" else ["spec"]
    code = (
        "import sys; from source_squadstack.run import run; run(sys.argv[1:]); assert 'airbyte_cdk' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [answer_at_once(arguments)]

"""The Dockerfile builds both connectors, from pinned parts, for a user without rights."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    """The file with its continued lines joined."""
    return (root / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def stage(dockerfile: str, name: str) -> str:
    """The instructions of one stage."""
    _, *stages = re.split(r"^FROM \S+ AS (\S+)$", dockerfile, flags=re.MULTILINE)
    return dict(zip(stages[::2], stages[1::2], strict=True))[name]


def test_each_connector_is_a_target_labelled_with_its_repository(dockerfile: str, kind: str, metadata: dict[str, Any]):
    label = re.search(r"^LABEL (.*)$", stage(dockerfile, kind), re.MULTILINE)

    assert label
    assert shlex.split(label[1]) == [f"io.airbyte.name={metadata['dockerRepository']}", "io.airbyte.version=${VERSION}"]


def test_a_platform_starts_the_same_console_script_as_the_image_does(dockerfile: str, kind: str):
    entrypoint = re.search(r'^ENTRYPOINT \["(.*)"\]$', stage(dockerfile, kind), re.MULTILINE)
    variable = re.search(r'^ENV AIRBYTE_ENTRYPOINT="(.*)"$', stage(dockerfile, kind), re.MULTILINE)

    assert entrypoint
    assert variable
    assert entrypoint[1] == variable[1] == f"/opt/squadstack/bin/{kind}-squadstack"


def test_the_base_is_pinned_by_digest_and_is_the_one_of_the_metadata(dockerfile: str, metadata: dict[str, Any]):
    base = re.search(r"^ARG BASE=(\S+@sha256:[0-9a-f]{64})$", dockerfile, re.MULTILINE)

    assert base
    assert metadata["connectorBuildOptions"]["baseImage"] == base[1]


def test_what_is_installed_from_outside_is_hashed(dockerfile: str):
    fetching = [
        line for line in re.findall(r"-m pip .*? (?:install|wheel) [^&\n]*", dockerfile) if "--no-deps" not in line
    ]

    assert len(fetching) == 2  # the connectors' set and the receiver's
    assert [line for line in fetching if "--require-hashes" not in line] == []


@pytest.mark.parametrize("name", ["runtime", "webhooks"])
def test_an_image_runs_as_a_numbered_user_other_than_root(dockerfile: str, name: str):
    assert re.findall(r"^USER (.*)$", stage(dockerfile, name), re.MULTILINE)[-1] == "1000"


def test_there_is_no_heredoc_which_some_builders_cannot_read(dockerfile: str):
    assert "<<" not in dockerfile


def test_the_builder_is_sent_the_files_that_the_dockerfile_copies_and_no_other(root: Path, dockerfile: str):
    rules = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = " ".join(re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE)).split()

    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(copied)

"""The Dockerfile builds both connectors, from pinned parts, for a user without rights."""

import re
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    """The file with its continued lines joined."""
    return (root / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def test_the_base_is_pinned_by_digest_and_is_the_one_of_the_metadata(dockerfile: str, metadata: dict[str, Any]):
    base = re.search(r"^ARG BASE=(\S+@sha256:[0-9a-f]{64})$", dockerfile, re.MULTILINE)

    assert base
    assert metadata["connectorBuildOptions"]["baseImage"] == base[1]


def test_every_package_that_an_image_downloads_is_hashed(dockerfile: str):
    fetching = [
        line for line in re.findall(r"-m pip .*? (?:install|wheel) [^&\n]*", dockerfile) if "--no-deps" not in line
    ]

    assert len(fetching) == 2  # the connectors' set and the receiver's
    assert [line for line in fetching if "--require-hashes" not in line] == []

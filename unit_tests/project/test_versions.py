"""pyproject.toml sets the version; every file that repeats it says the same."""

import re
from pathlib import Path
from typing import Any

RELEASE = r"\d+\.\d+\.\d+"


def test_the_image_tag_of_the_metadata_is_the_version_of_the_project(metadata: dict[str, Any], version: str):
    assert metadata["dockerImageTag"] == version


def test_every_version_in_the_dockerfile_is_that_of_the_project(root: Path, version: str):
    written = re.findall(r"^ARG VERSION=(.*)$", (root / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)

    assert set(written) == {version}


def test_the_newest_release_in_the_changelog_is_the_version_of_the_project(root: Path, version: str):
    released = re.findall(rf"^## \[({RELEASE})\]", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert released[0] == version


def test_the_newest_row_in_each_changelog_of_the_docs_is_the_version_of_the_project(root: Path, version: str):
    newest = {}
    for page in (root / "docs").rglob("*.md"):
        _, heading, changelog = page.read_text(encoding="utf-8").partition("## Changelog")
        if heading:
            row = re.search(rf"^\| *({RELEASE}) *\|", changelog, re.MULTILINE)
            newest[page.name] = row and row[1]

    assert newest == dict.fromkeys(newest, version)


def test_each_changelog_of_the_docs_has_the_releases_of_the_changelog_with_their_dates(root: Path):
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(rf"^## \[({RELEASE})\] - (\d{{4}}-\d\d-\d\d)$", changelog, re.MULTILINE)
    pages = [page.read_text(encoding="utf-8") for page in (root / "docs").rglob("*.md")]
    tables = [text.partition("## Changelog")[2] for text in pages if "## Changelog" in text]

    assert released
    assert len(tables) >= 2
    for table in tables:
        assert re.findall(rf"^\| *({RELEASE}) *\| *(\S+) *\|", table, re.MULTILINE) == released


def test_every_image_that_a_page_names_with_a_tag_has_the_version_of_the_project(root: Path, version: str):
    tags = {
        tag
        for page in [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
        for tag in re.findall(rf"(?:source|destination)-squadstack:({RELEASE})", page.read_text(encoding="utf-8"))
    }

    assert tags <= {version}

"""What a page links to in the repository is there, and no picture lies there for nobody."""

import re
from pathlib import Path


def linked(page: Path) -> list[Path]:
    """Return the files that a page links to by a path of their own."""
    targets = re.findall(r"\]\(([^)\s#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    return [(page.parent / target).resolve() for target in targets if "://" not in target and "mailto:" not in target]


def pages(root: Path) -> list[Path]:
    return [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "examples").rglob("*.md")]


def test_every_file_that_a_page_links_to_is_there(root: Path):
    missing = {page.name: [str(to) for to in linked(page) if not to.exists()] for page in pages(root)}
    assert {page: names for page, names in missing.items() if names} == {}


def test_every_picture_is_on_a_page(root: Path):
    shown = {to for page in pages(root) for to in linked(page)}
    assert [picture.name for picture in (root / "docs/images").iterdir() if picture.resolve() not in shown] == []

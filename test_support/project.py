"""What pyproject.toml says of this project."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def pyproject() -> dict[str, Any]:
    """Return the whole file, parsed."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def project() -> dict[str, Any]:
    """Return the project's metadata: version, dependencies, extras, scripts."""
    metadata: dict[str, Any] = pyproject()["project"]
    return metadata

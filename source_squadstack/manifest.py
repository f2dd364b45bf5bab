"""The manifest beside this file, read without the CDK."""

from pathlib import Path
from typing import Any

import yaml

MANIFEST = Path(__file__).with_name("manifest.yaml")


def load_manifest() -> dict[str, Any]:
    """Parse the manifest; in C where the YAML library was built with it, which takes a tenth of the time."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    manifest: dict[str, Any] = yaml.load(MANIFEST.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506  # a safe one
    return manifest

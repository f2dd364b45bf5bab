"""The connector's specification, from which the configuration's types and rules come."""

from functools import cache
from pathlib import Path
from typing import Any

import orjson

SPEC = Path(__file__).with_name("spec.json")


@cache
def load_spec() -> dict[str, Any]:
    """Read the specification."""
    spec: dict[str, Any] = orjson.loads(SPEC.read_bytes())
    return spec

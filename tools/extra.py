"""Prints what an extra of pyproject.toml asks for, a requirement a line: `python -m tools.extra webhooks`.

`make lock` pins an extra alone this way: locking the project would add what the connectors install, airbyte-cdk.
"""

import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def requirements(extra: str) -> list[str]:
    """Return the requirements of an extra, by the file itself: an installed checkout may know older ones."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    return list(project["optional-dependencies"][extra])


if __name__ == "__main__":
    sys.stdout.write("".join(f"{line}\n" for line in requirements(sys.argv[1])))

"""Prints what an extra of setup.py asks for, a requirement a line: `python -m tools.extra webhooks`.

`make lock` pins an extra alone this way: pip-compile on setup.py would add what the connectors install, airbyte-cdk.
"""

import runpy
import sys
from pathlib import Path
from unittest.mock import patch

SETUP = Path(__file__).parents[1] / "setup.py"


def requirements(extra: str) -> list[str]:
    """The requirements of an extra, by setup.py itself: an installed checkout may know older ones."""
    with patch("setuptools.setup") as setup:
        runpy.run_path(str(SETUP))
    return list(setup.call_args.kwargs["extras_require"][extra])


if __name__ == "__main__":
    sys.stdout.write("".join(f"{line}\n" for line in requirements(sys.argv[1])))

"""The base that images are tested on: the Dockerfile's own, or a stand-in where no registry of images is reached."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from tools.images.engine import Engine, EngineError

DOCKERFILE = Path(__file__).parents[2] / "Dockerfile"
# Nobody can take it for a base to release on: the name says so wherever it is shown, and no registry has it.
STAND_IN = "localhost/stand-in-base-not-for-release"
# Debian with its Python, laid out as the real base is: `python` on the path, pip that may install.
_RECIPE = (
    "mmdebstrap",
    "--quiet",
    "--variant=minbase",
    "--include=python3,python3-venv,python3-pip,ca-certificates",
    '--customize-hook=ln -s /usr/bin/python3 "$1/usr/local/bin/python"',
    '--customize-hook=rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
    "bookworm",  # its Python is 3.11, the real base's
    "-",
)
_PATH = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def release_base() -> str:
    """Return the base that the Dockerfile names, digest and all."""
    (name,) = re.findall(r"^ARG BASE=(\S+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    return str(name)


def choose(engine: Engine) -> str:
    """Return the name of a base that lies on this machine; BASE=release or BASE=stand-in decides, else the engine does.

    Docker means a machine that reaches its registry; podman is what is used where nothing but packages is reached.

    Raises:
        EngineError: the base cannot be had.
    """
    asked = os.environ.get("BASE") or ("release" if engine.name == "docker" else "stand-in")
    if asked == "stand-in":
        return stand_in(engine)
    if asked != "release":
        raise EngineError(f"BASE is release or stand-in, not {asked}.")
    base = release_base()
    if not engine.has(base):
        engine.output("pull", base)
    return base


def stand_in(engine: Engine) -> str:
    """Return the name of the stand-in, made on the first call of this recipe (40 s)."""
    recipe = hashlib.sha256("\n".join((*_RECIPE, _PATH)).encode()).hexdigest()[:12]
    name = f"{STAND_IN}:{recipe}"
    if engine.has(name):
        return name
    if not shutil.which(_RECIPE[0]):
        raise EngineError("The stand-in base is made by mmdebstrap: apt-get install mmdebstrap.")
    import_it = engine.command("import", "--change", _PATH, "-", name)
    with subprocess.Popen(_RECIPE, stdout=subprocess.PIPE) as bootstrap:  # noqa: S603  # written above
        imported = subprocess.run(import_it, stdin=bootstrap.stdout, capture_output=True, check=False)  # noqa: S603
    if bootstrap.returncode or imported.returncode:
        raise EngineError(f"The stand-in base could not be made: {imported.stderr.decode().strip()}")
    return name

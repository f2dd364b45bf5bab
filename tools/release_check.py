"""Builds what a release publishes and tries it as its users get it: `make release-check`.

The wheel is built from the sdist, and installed in an environment that holds nothing else: by its own ranges, as pip
would today, or with --pinned from requirements.txt, so that nothing newer can turn the outcome.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
PACKAGES = ("source_squadstack", "destination_squadstack", "webhooks_squadstack", "squadstack_common")
CONNECTORS = ("source-squadstack", "destination-squadstack")
PROJECT_FILES = ("pyproject.toml", "README.md", "LICENSE")


class ReleaseError(Exception):
    """What is to be published is not as it should be; the text says what is wrong."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, check, install, run; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.release_check", description=__doc__)
    parser.add_argument("--pinned", action="store_true", help="install the versions of requirements.txt")
    options = parser.parse_args(arguments)
    try:
        sdist, wheel = build()
        say(f"Built {sdist.name} and {wheel.name}.")
        require_files(sdist, wheel)
        run(sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel))
        say("Both hold every file of the packages; twine has nothing to say against them.")
        with tempfile.TemporaryDirectory() as directory:
            install(wheel, Path(directory), pinned=options.pinned)
            say(f"Installed {'with the pinned set' if options.pinned else 'by its own ranges'}.")
            for connector in CONNECTORS:
                require_spec(Path(directory) / "bin" / connector)
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    say("Both connectors print their spec. This can be released.")
    return 0


def build() -> tuple[Path, Path]:
    """Return the sdist, and the wheel built from it, alone in dist/."""
    shutil.rmtree(DIST, ignore_errors=True)
    # Without isolation setuptools is the pinned one of this environment, not the newest of the moment.
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(DIST), str(ROOT))
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    return sdist, wheel


def require_files(sdist: Path, wheel: Path) -> None:
    """Raise if a file of the packages is missing, or if the wheel holds any other."""
    ours = set(package_files())
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    with ZipFile(wheel) as archive_of_wheel:
        in_wheel = {name for name in archive_of_wheel.namelist() if ".dist-info/" not in name}
    if missing := (ours | set(PROJECT_FILES)) - in_sdist:
        raise ReleaseError(f"The sdist lacks {', '.join(sorted(missing))}.")
    if in_wheel != ours:
        raise ReleaseError(f"The wheel and the checkout differ in {', '.join(sorted(in_wheel ^ ours))}.")


def package_files() -> Iterator[str]:
    """Yield every file of the packages, as a path in the checkout."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT).as_posix()


def install(wheel: Path, environment: Path, *, pinned: bool) -> None:
    """Install the wheel in a new environment."""
    venv.create(environment, with_pip=True, symlinks=True)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-qq"]
    if pinned:
        pins = str(ROOT / "requirements.txt")
        run(*pip, "install", "--require-hashes", "--only-binary", ":all:", "--requirement", pins)
    # Nothing is left to fetch where the pins satisfy the ranges.
    run(*pip, "install", *(["--no-index"] if pinned else []), str(wheel))
    run(*pip, "check")


def require_spec(script: Path) -> None:
    """Raise if a console script does not print the specification of its config."""
    printed = run(str(script), "spec").splitlines()
    specs = [message["spec"] for message in map(json.loads, printed) if message["type"] == "SPEC"]
    if len(specs) != 1 or not specs[0]["connectionSpecification"]["properties"]:
        raise ReleaseError(f"{script.name} spec printed no specification.")


def run(*command: str) -> str:
    """Return what a command printed, which stands outside the checkout: else its modules would be found there.

    Raises:
        ReleaseError: it failed; the text is what it printed.
    """
    done = subprocess.run(command, cwd=tempfile.gettempdir(), capture_output=True, text=True, check=False)  # noqa: S603  # ours
    if done.returncode:
        raise ReleaseError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def say(line: str) -> None:
    """Print a line at once: an installation takes a minute."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

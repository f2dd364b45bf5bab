"""What pip needs in a build to reach the package index that it reaches on this machine, as secrets of the build."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# What says where the index is and how to get there; a folder of this machine does not exist in a build.
_KEYS = ("index-url", "extra-index-url", "proxy", "trusted-host", "timeout")
_BUNDLE_IN_BUILD = "/run/secrets/ca_bundle"


def secrets(directory: Path) -> list[str]:
    """Return the options of a build; `directory` gets the pip.conf that one of them names."""
    settings = pip_settings()
    bundle = ca_bundle(settings)
    config = directory / "pip.conf"
    config.write_text(pip_conf(settings, with_bundle=bundle is not None), encoding="utf-8")
    options = ["--secret", f"id=pip_conf,src={config}"]
    return [*options, "--secret", f"id=ca_bundle,src={bundle}"] if bundle else options


def pip_settings() -> dict[str, str]:
    """Return pip's settings on this machine by their last names, the environment's before those of files."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    # Sorted by pip, ":env:" first: it has the last word, in pip as here.
    lines = re.findall(r"^(?:global|install|:env:)\.([a-z-]+)=(.+)$", listed.stdout, re.MULTILINE)
    return {key: str(ast.literal_eval(value)) for key, value in reversed(lines)}


def ca_bundle(settings: Mapping[str, str]) -> Path | None:
    """Return the file with the authorities that this machine trusts, None where there is none of its own."""
    candidates = [
        settings.get("cert"),
        os.environ.get("REQUESTS_CA_BUNDLE"),
        os.environ.get("SSL_CERT_FILE"),
        "/etc/ssl/certs/ca-certificates.crt",
    ]
    return next((Path(name) for name in candidates if name and Path(name).is_file()), None)


def pip_conf(settings: Mapping[str, str], *, with_bundle: bool) -> str:
    """Return the text of a pip.conf that holds inside a build."""
    kept = {key: _without_files(settings[key]) for key in _KEYS if key in settings}
    if with_bundle:
        kept["cert"] = _BUNDLE_IN_BUILD
    return "[global]\n" + "".join(f"{key} = {value}\n" for key, value in kept.items() if value)


def _without_files(value: str) -> str:
    return " ".join(word for word in value.split() if not word.startswith(("file:", "/")))

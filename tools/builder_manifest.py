"""Write the source as the Connector Builder takes it: one manifest with its schemas, and one components.py beside it.

The package's manifest names its schemas as files, and its components are modules of a package. Neither exists in the
Builder. Nothing else differs.
"""

import copy
import json
import sys
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from airbyte_cdk.utils.yaml_loader import safe_load_yaml

from source_squadstack.manifest import MANIFEST
from tools.bundle import bundle

Manifest: TypeAlias = dict[str, Any]

COMPONENTS = "source_squadstack.components"
DIRECTORY = Path("build/builder")
HEADER = """\
# Made by `make builder-manifest` from source_squadstack/manifest.yaml and its schemas: change those, and make it anew.
# It needs the components.py beside it; docs/sources/squadstack.md says how to run both in the Connector Builder.
"""
COMPONENTS_HEADER = """\
# Made by `make builder-manifest` from source_squadstack/components and what it uses: change those, and make it anew.
"""


class PlainDumper(yaml.SafeDumper):
    """YAML without anchors: the Builder's editor shows them, and nobody wrote them."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # the base's signature
        """Write a value out each time it occurs."""
        return True


def main(directory: Path = DIRECTORY) -> None:
    """Write both files into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "manifest.yaml").write_text(builder_manifest(), encoding="utf-8")
    (directory / "components.py").write_text(COMPONENTS_HEADER + bundle(COMPONENTS), encoding="utf-8")
    sys.stdout.write(f"{directory / 'manifest.yaml'} and {directory / 'components.py'}\n")


def builder_manifest() -> str:
    """Return the manifest's text; the same for the same sources."""
    manifest = with_inline_schemas(safe_load_yaml(MANIFEST.read_text(encoding="utf-8")))
    return HEADER + yaml.dump(manifest, Dumper=PlainDumper, sort_keys=False, allow_unicode=True, width=120)


def with_inline_schemas(manifest: Manifest) -> Manifest:
    """Return the manifest with every stream's schema in it, under `schemas`, where the Builder keeps them too.

    A stream that takes another one's definition by $ref would take its schema as well, so each names its own.
    """
    manifest = copy.deepcopy(manifest)
    del manifest["definitions"]["stream"]["schema_loader"]
    streams = manifest["definitions"]["streams"]
    for name, stream in streams.items():
        stream["schema_loader"] = {"type": "InlineSchemaLoader", "schema": {"$ref": f"#/schemas/{name}"}}
    manifest["schemas"] = {name: schema_of(name) for name in streams}
    return manifest


def schema_of(stream: str) -> Any:
    """Return a stream's JSON schema."""
    return json.loads((MANIFEST.parent / "schemas" / f"{stream}.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

"""One distribution, two connectors: ranges live here, the pinned and hashed set that images install in requirements.txt."""

from setuptools import find_packages, setup

setup(
    name="airbyte-squadstack",
    version="0.1.0",
    description="Airbyte source and destination for SquadStack campaigns and the FonoUC contact center",
    author="The airbyte-squadstack maintainers",
    license="MIT",
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["source_squadstack*", "destination_squadstack*", "squadstack_emulator*"]),
    package_data={
        "source_squadstack": ["manifest.yaml", "schemas/*.json", "py.typed"],
        "destination_squadstack": ["spec.json", "schemas/*.json", "metadata.yaml", "py.typed"],
        "squadstack_emulator": ["py.typed"],
    },
    install_requires=[
        "airbyte-cdk>=7.39.1,<8",
        "fsspec>=2026.2",
        "jsonschema>=4.17,<5",
        "orjson>=3.10,<4",
        "requests>=2.32,<3",
    ],
    extras_require={
        "emulator": ["httptools>=0.6", "starlette>=1,<2", "uvicorn>=0.40"],
        "demo": ["duckdb>=1.4", "rich>=14"],
        "dev": ["hypothesis>=6.140", "mypy>=2", "pre-commit>=4", "pytest>=9,<10", "ruff>=0.17,<0.18"],
        "pyairbyte": ["airbyte>=0.71"],
        "s3": ["s3fs>=2026.2"],
    },
    entry_points={
        "console_scripts": [
            "source-squadstack = source_squadstack.run:run",
            "destination-squadstack = destination_squadstack.run:run",
        ],
    },
)

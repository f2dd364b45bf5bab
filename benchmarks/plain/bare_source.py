"""The floor under every source: requests and orjson, and a line per row. No state, no errors handled, nothing checked.

python bare_source.py ADDRESS AFTER BEFORE PAGE_SIZE CAMPAIGN…          with times in milliseconds since 1970
"""

import sys

import orjson
import requests


def main(address: str, after: str, before: str, page_size: str, *campaigns: str) -> None:
    """Read every page of every campaign."""
    session = requests.Session()
    for campaign in campaigns:
        asked = f"page_size={page_size}&processed_after={after}&processed_before={before}"
        url: str | None = f"{address}/api/v4/leads/responses/{campaign}/?{asked}"
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

"""The floor under `call_recordings`: files by parallel threads, each hashed. No leads read, no host checked.

python bare_downloads.py FOLDER WORKERS < links
"""

import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

_CHUNK = 256 * 1024


def main(folder: str, workers: str) -> None:
    """Download every link, and print a line for each."""
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=int(workers)))

    def download(link: str) -> str:
        found, path = hashlib.sha256(), Path(folder, link.rpartition("/")[2])
        with session.get(link, stream=True, timeout=60) as response, path.open("wb") as file:
            for chunk in response.iter_content(_CHUNK):
                found.update(chunk)
                file.write(chunk)
        return found.hexdigest()

    with ThreadPoolExecutor(int(workers)) as pool:
        for digest in pool.map(download, sys.stdin.read().split()):
            sys.stdout.write(f'{{"type":"RECORD","sha256":"{digest}"}}\n')


if __name__ == "__main__":
    main(*sys.argv[1:])

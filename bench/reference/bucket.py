"""A file into a bucket and out of it by obstore, and nothing besides: prints what each way took.

``python bucket.py ENDPOINT ACCESS_KEY SECRET_KEY BUCKET FILE``
"""

import json
import sys
import time
from pathlib import Path

import obstore
import psutil
from obstore.store import S3Store

PART_BYTES, PARTS_AT_ONCE, PIECE_BYTES = 8 << 20, 2, 256 << 10
"""As ``holdall.adapters.blobs.s3`` has them."""


def main(endpoint: str, access_key: str, secret_key: str, bucket: str, path: str) -> None:
    """Put, get, and tell."""
    store = S3Store(
        bucket,
        endpoint=endpoint,
        region="us-east-1",
        access_key_id=access_key,
        secret_access_key=secret_key,
        client_options={"allow_http": True, "timeout": "600s"},
    )
    obstore.put(store, "warm", b"up")
    name = f"alone-{time.time_ns()}"
    told = {
        "in": timed(lambda: put(store, name, Path(path))),
        "out": timed(lambda: get(store, name)),
    }
    obstore.delete(store, name)
    print(json.dumps(told))


def put(store: S3Store, name: str, path: Path) -> None:
    obstore.put(store, name, path, use_multipart=True, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)


def get(store: S3Store, name: str) -> None:
    for _ in obstore.get(store, name).stream(PIECE_BYTES):
        pass


def timed(do) -> dict[str, float]:  # noqa: ANN001  a script
    """Seconds, seconds of CPU, and how much more memory there was at the end."""
    process = psutil.Process()
    before, cpu, began = process.memory_full_info().uss, sum(process.cpu_times()[:2]), time.perf_counter()
    do()
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "cpu": sum(process.cpu_times()[:2]) - cpu,
        "growth": max(0, process.memory_full_info().uss - before),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Bare libvips: decode a whole image and make something of it, again and again; prints JSON.

``python -m bench.reference.vips FILE SECONDS thumbnail|master``. No server, no files written: what the pixels alone
cost.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyvips

BOX = 256
MASTER_BOX, PROOF_SIDE = 1024, 16


def thumbnail(data: bytes) -> bytes:
    """Read the whole stream (a broken one raises), then 256 × 256 at most in JPEG, in the cheapest known way.

    A JPEG decoder may leave out high frequencies, as long as twice the box is left.
    """
    image = shrunk(data, 2 * BOX)
    return bytes(image.thumbnail_image(BOX, height=BOX, size="down").jpegsave_buffer(Q=80, keep="none"))


def master(data: bytes) -> bytes:
    """Read the whole stream; what is larger than an avatar may be becomes a JPEG of about that size.

    Of what is small enough nothing is made: its own bytes would be kept, once they were read to the end.
    """
    header = pyvips.Image.new_from_buffer(data, "")
    if max(header.width, header.height) <= MASTER_BOX:
        shrunk(data, PROOF_SIDE).avg()
        return data
    return bytes(shrunk(data, int(0.9 * MASTER_BOX)).jpegsave_buffer(Q=82, keep="none"))


def shrunk(data: bytes, least: int) -> pyvips.Image:
    """The picture, to be decoded at the smallest fraction that leaves ``least`` pixels of its longer side."""
    header = pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="error")
    times = max(header.width, header.height) / least
    fraction = next((fraction for fraction in (8, 4, 2) if times >= fraction), 1)
    return pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="error", shrink=fraction)


def main(path: str, seconds: float, work: Callable[[bytes], bytes]) -> None:
    pyvips.cache_set_max(0)
    data = Path(path).read_bytes()
    work(data)
    latencies, began, cpu_began = [], time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        one_began = time.perf_counter()
        work(data)
        latencies.append(time.perf_counter() - one_began)
    outcome = {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu_began,
        "latencies": latencies,
    }
    print(json.dumps(outcome))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), {"thumbnail": thumbnail, "master": master}[sys.argv[3]])

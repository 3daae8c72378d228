"""Bare libvips: decode a whole image, make its thumbnail, again and again; prints JSON.

``python -m bench.reference.vips FILE SECONDS``. No server, no files written: what the pixels alone cost.
"""

import json
import sys
import time
from pathlib import Path

import pyvips

BOX = 256


def thumbnail(data: bytes) -> bytes:
    """Read the whole stream (a broken one raises), then 256 × 256 at most in JPEG, in the cheapest known way.

    A JPEG decoder may leave out high frequencies, as long as twice the box is left.
    """
    header = pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="error")
    times = max(header.width, header.height) / BOX
    fraction = next((fraction for fraction in (8, 4, 2) if times >= fraction * 2), 1)
    image = pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="error", shrink=fraction)
    return bytes(image.thumbnail_image(BOX, height=BOX, size="down").jpegsave_buffer(Q=80, keep="none"))


def main(path: str, seconds: float) -> None:
    pyvips.cache_set_max(0)
    data = Path(path).read_bytes()
    thumbnail(data)
    latencies, began, cpu_began = [], time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        one_began = time.perf_counter()
        thumbnail(data)
        latencies.append(time.perf_counter() - one_began)
    outcome = {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu_began,
        "latencies": latencies,
    }
    print(json.dumps(outcome))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))

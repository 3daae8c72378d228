"""Coverage-guided fuzzing: ``python -m tests.fuzz.run [--seconds N] [TARGET ...]``, or ``make fuzz``.

Atheris (libFuzzer for Python) watches which branches of our code and which comparisons an input reaches, and keeps
what reaches more. Each target runs in a process of its own, with limits on time and memory; what it learnt is kept in
``.fuzz/`` and is where the next run begins. An input that breaks a promise is left in ``.fuzz/found/``.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

FOLDER = Path(os.environ.get("HOLDALL_FUZZ_DIR", Path(__file__).parents[2] / ".fuzz"))
HOUR_SECONDS = 3600
SECONDS_PER_INPUT = 120
"""By the wall clock, on a machine that may be busy; a child of the service has 20 s of its processor's time."""
MEMORY_MB = 2048
SEED = int(os.environ.get("HOLDALL_FUZZ_SEED", "0"))
"""Where chance begins; 0: anywhere."""
_WATCHED = [
    "holdall.domain",
    "holdall.adapters.inspect",
    "holdall.web.receive",
    "holdall.web.bytes",
    "olefile",
    "multipart",
]


def main(arguments: Sequence[str]) -> int:
    """Fuzz the targets for so many seconds in all; the exit code is the number of targets that broke."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=HOUR_SECONDS, help="for all targets together")
    parser.add_argument("targets", nargs="*")
    given = parser.parse_args(arguments)
    import atheris  # noqa: PLC0415  not installed everywhere

    with atheris.instrument_imports(include=_WATCHED):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415  under watch

    chosen = given.targets or list(TARGETS)
    share = max(1, given.seconds // len(chosen))
    broken = [name for name in chosen if not fuzz(name, share)]
    print(f"{len(chosen)} targets, {share} s each; broken: {', '.join(broken) or 'none'}")  # noqa: T201  its answer
    return len(broken)


def fuzz(name: str, seconds: int) -> bool:
    """Fuzz one target in a process of its own; tells whether every promise held.

    The process is a fork of this one: to have our code watched costs a process ten seconds, once.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    log = FOLDER / f"{name}.log"
    child = os.fork()
    if child == 0:
        with log.open("wb") as output:
            for stream in (1, 2):
                os.dup2(output.fileno(), stream)
        try:
            _fuzz(name, seconds)
        except BaseException:  # noqa: BLE001  whatever it was is in the log, and must not go on as the parent does
            traceback.print_exc()
        os._exit(1)
    _, status = os.waitpid(child, 0)
    last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-3:]
    print(f"{name}: {'held' if status == 0 else 'BROKEN'}; {' | '.join(last)[-300:]}", flush=True)  # noqa: T201
    return status == 0


def _fuzz(name: str, seconds: int) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris  # noqa: PLC0415  not installed everywhere

    from tests.fuzz import targets  # noqa: PLC0415  under watch already

    target = targets.TARGETS[name]
    corpus, found = FOLDER / name, FOLDER / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (corpus / sha256(seed).hexdigest()[:16]).write_bytes(seed)
    targets.prepare()
    options = [
        f"-max_total_time={seconds}",
        f"-seed={SEED}",
        f"-max_len={targets.MAX_BYTES}",
        f"-timeout={SECONDS_PER_INPUT}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-artifact_prefix={found}/{name}-",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

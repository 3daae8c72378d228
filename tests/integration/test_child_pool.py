"""Children: one at fault fails only its own job; what they may not do, they cannot."""

import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.testing import capture_logs

from holdall.adapters.inspect import pool as pool_module
from holdall.adapters.inspect.messages import Job, Reply
from holdall.adapters.inspect.pool import ChildFailed, ChildPool
from holdall.domain.policy import InspectionLimits
from holdall.errors import InspectorUnavailable
from tests.support import images
from tests.support.children import Children, children

TEXT = Job("text", "text/plain", InspectionLimits())
FINE = Reply("fine", encoding="utf-8")
"""What a child says of the note."""
IMAGE = Job("image", "image/png", InspectionLimits())


@pytest.fixture(scope="module")
def kids() -> Iterator[Children]:
    with children(size=2) as kids:
        yield kids


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text("a note\n")
    return path


def stop(pid: int) -> None:
    """Make a process hang."""
    os.kill(pid, signal.SIGSTOP)


def test_a_warm_child_is_used_again(kids: Children, note: Path):
    for _ in range(3):
        reply, renditions = kids.run(kids.pool.run(TEXT, note, 10))

        assert reply == FINE
        assert renditions == []
    assert len(kids.pool.pids) == 1


def test_an_idle_child_that_died_is_replaced_before_the_next_job(kids: Children, note: Path):
    [pid] = kids.pool.pids
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    reply, _ = kids.run(kids.pool.run(TEXT, note, 10))

    assert reply.outcome == "fine"
    assert pid not in kids.pool.pids


def test_a_child_that_hangs_is_killed_at_the_wall_clock(kids: Children, note: Path):
    [pid] = kids.pool.pids
    stop(pid)
    began = time.monotonic()

    with pytest.raises(ChildFailed, match=r"more than 0\.3 s"):
        kids.run(kids.pool.run(TEXT, note, 0.3))

    assert time.monotonic() - began < 5
    with pytest.raises(ProcessLookupError):  # killed, and reaped too
        os.kill(pid, 0)
    assert kids.run(kids.pool.run(TEXT, note, 10))[0].outcome == "fine"


def test_a_child_killed_over_its_job_fails_only_that_job(kids: Children, note: Path):
    async def story() -> list[object]:
        pids = kids.pool.pids
        stop(pids[0])
        doomed = asyncio.create_task(kids.pool.run(TEXT, note, 20))
        await asyncio.sleep(0.1)
        fine = asyncio.create_task(kids.pool.run(TEXT, note, 20))
        await asyncio.sleep(0.1)
        os.kill(pids[0], signal.SIGKILL)
        return await asyncio.gather(doomed, fine, return_exceptions=True)

    doomed, fine = kids.run(story())

    assert isinstance(doomed, ChildFailed)
    assert "has died" in str(doomed)
    assert fine == (FINE, [])


def test_a_cancelled_job_leaves_no_child_behind_that_works_on_it(kids: Children, note: Path):
    async def story() -> None:
        task = asyncio.create_task(kids.pool.run(TEXT, note, 20))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    kids.run(kids.pool.run(TEXT, note, 10))
    before = kids.pool.pids
    for pid in before:
        stop(pid)
    kids.run(story())

    assert len(set(before) & set(kids.pool.pids)) == len(before) - 1


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 000 x 30 000 pixels in 4 MB."""
    path = tmp_path_factory.mktemp("bombs") / "bomb.png"
    path.write_bytes(images.png_of_zeros(30_000, 30_000))
    return path


def test_a_pixel_bomb_is_refused_by_its_header(kids: Children, bomb: Path):
    job = Job("image", "image/png", InspectionLimits(cpu_seconds=1, memory_bytes=256 << 20))  # decoding takes far more
    reply, _ = kids.run(kids.pool.run(job, bomb, 5))

    assert reply.outcome == "image-too-large"


def test_a_memory_bomb_meets_its_limit_and_nobody_else_does(kids: Children, note: Path, tmp_path: Path):
    greedy = tmp_path / "greedy.gif"
    greedy.write_bytes(images.encoded(images.flat(8000, 8000, 0, "P"), "GIF"))
    little = InspectionLimits(max_pixels=1 << 40, memory_bytes=64 << 20)

    async def story() -> tuple[Reply | BaseException, Reply | BaseException]:
        bombed, fine = await asyncio.gather(
            kids.pool.run(Job("image", "image/gif", little), greedy, 20),
            kids.pool.run(TEXT, note, 20),
            return_exceptions=True,
        )
        return tuple(answer if isinstance(answer, BaseException) else answer[0] for answer in (bombed, fine))  # type: ignore[return-value]

    bombed, fine = kids.run(story())

    assert isinstance(bombed, ChildFailed) or (isinstance(bombed, Reply) and bombed.outcome == "corrupt")
    assert fine == FINE
    roomy = InspectionLimits(max_pixels=1 << 40)
    assert kids.run(kids.pool.run(Job("image", "image/gif", roomy), greedy, 20))[0].outcome == "fine"


def test_processor_time_has_its_limit_too():
    program = "from holdall.adapters.inspect import limits\nlimits.allow_for_job(1 << 30, 0, 0)\nwhile True: pass"
    done = subprocess.run([sys.executable, "-c", program], timeout=30, check=False)

    assert -done.returncode == signal.SIGXCPU


def test_the_queue_is_bounded(note: Path):
    async def story(pool: ChildPool) -> list[object]:
        jobs = [asyncio.create_task(pool.run(TEXT, note, 20)) for _ in range(3)]
        await asyncio.sleep(0.1)
        with pytest.raises(InspectorUnavailable, match="too many"):
            await pool.run(TEXT, note, 20)
        os.kill(pool.pids[0], signal.SIGCONT)
        return await asyncio.gather(*jobs)

    with children(size=1, max_waiting=2) as kids:
        stop(kids.pool.pids[0])

        assert kids.run(story(kids.pool)) == [(FINE, [])] * 3
        assert kids.run(kids.pool.run(TEXT, note, 20))[0].outcome == "fine"


def test_closing_kills_busy_children_and_refuses_more(note: Path):
    async def story(pool: ChildPool) -> list[object]:
        jobs = [asyncio.create_task(pool.run(TEXT, note, 20)) for _ in range(2)]
        await asyncio.sleep(0.1)
        await pool.close()
        return await asyncio.gather(*jobs, return_exceptions=True)

    with children(size=1) as kids:
        [pid] = kids.pool.pids
        stop(pid)
        at_work, queued = kids.run(story(kids.pool))

        assert isinstance(at_work, ChildFailed)
        assert isinstance(queued, InspectorUnavailable)
        assert kids.pool.pids == ()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        with pytest.raises(InspectorUnavailable, match="closed"):
            kids.run(kids.pool.run(TEXT, note, 20))


def test_a_child_is_replaced_after_its_share_of_jobs(monkeypatch: pytest.MonkeyPatch, note: Path):
    monkeypatch.setattr(pool_module, "JOBS_PER_CHILD", 2)
    with children(size=1) as kids:
        [first] = kids.pool.pids
        kids.run(kids.pool.run(TEXT, note, 20))
        assert kids.pool.pids == (first,)
        kids.run(kids.pool.run(TEXT, note, 20))
        assert kids.pool.pids == ()


def test_a_missing_file_says_nothing_about_the_file(kids: Children, tmp_path: Path):
    with pytest.raises(InspectorUnavailable, match="cannot be opened"):
        kids.run(kids.pool.run(TEXT, tmp_path / "absent", 5))


def impostor(monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    """Let the pool start a program that greets and answers with these bytes."""
    program = f"import socket,sys\ns = socket.socket(fileno=int(sys.argv[1]))\n{says}\ns.recv(1)"
    monkeypatch.setattr(pool_module, "_COMMAND", (sys.executable, "-c", program))


PROMISE = """
b = b'{"outcome":"fine","renditions":[{"recipe":"a","mime":"b","width":1,"height":1,"size":SIZE}]}'
s.sendall(len(b).to_bytes(4, 'big') + b)
"""
HELLO = "s.sendall(b'\\0\\0\\0\\x02{}')\nsocket.recv_fds(s, 65536, 1)\n"


@pytest.mark.parametrize(
    "answer",
    [
        "s.sendall(b'\\xff\\xff\\xff\\xff')",
        "s.sendall(b'\\0\\0\\0\\x02[]')",
        "s.sendall(b'\\0\\0\\0\\x02{}')",
        "b = b'{\"outcome\":\"splendid\"}'; s.sendall(len(b).to_bytes(4, 'big') + b)",
        "b = b'{\"outcome\":\"fine\"}'; s.sendall(len(b).to_bytes(4, 'big') + b + b'more')",
        PROMISE.replace("SIZE", "999999999"),
        PROMISE.replace("SIZE", "-1"),
    ],
)
def test_a_child_taken_over_can_only_fail_its_own_job(monkeypatch: pytest.MonkeyPatch, note: Path, answer: str):
    impostor(monkeypatch, HELLO + answer)
    with children(size=1) as kids:
        with pytest.raises(ChildFailed, match="broke the protocol"):
            kids.run(kids.pool.run(TEXT, note, 10))
        assert kids.pool.pids == ()


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("sys.exit()", "has died"),
        ("b = b'{\"failure\":\"no parser\"}'; s.sendall(len(b).to_bytes(4, 'big') + b)", "no parser"),
    ],
)
def test_a_child_that_cannot_start_makes_the_inspector_unavailable(
    monkeypatch: pytest.MonkeyPatch, says: str, reason: str
):
    impostor(monkeypatch, says)
    with pytest.raises(InspectorUnavailable, match=reason):
        asyncio.run(ChildPool(1).warm())


def test_a_program_that_is_not_there_makes_the_inspector_unavailable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pool_module, "_COMMAND", ("/nonexistent/python",))
    with pytest.raises(InspectorUnavailable, match="No such file"):
        asyncio.run(ChildPool(1).warm())


def test_children_see_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOLDALL_DATABASE_PASSWORD", "secret")
    with children(size=1) as kids:
        [pid] = kids.pool.pids
        assert b"secret" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_children_die_with_their_parent():
    program = (
        "import asyncio, os, signal\n"
        "from holdall.adapters.inspect.pool import ChildPool\n"
        "async def main():\n"
        "    pool = ChildPool(1)\n"
        "    await pool.warm()\n"
        "    print(pool.pids[0], flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, check=False)
    pid = int(done.stdout)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.02)


ESCAPES = """
import ctypes, json, os, signal, socket, subprocess, sys, threading
from holdall.adapters.inspect import landlock, limits, sandbox
ours, theirs = socket.socketpair()
already_open = open(sys.argv[1])
enforced = limits.forbid_always()
enforced += landlock.close_files() if int(sys.argv[2]) else ()
enforced += sandbox.deny_system_calls() if int(sys.argv[3]) else ()
libc = ctypes.CDLL(None, use_errno=True)

def outcome(attempt):
    try:
        return f"did it: {attempt()}"
    except OSError as error:
        return type(error).__name__
    except BaseException as error:
        return f"other: {error!r}"

def libc_call(name, *arguments):
    if libc[name](*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)

def clone_without_thread():
    if libc.syscall(56 if os.uname().machine == "x86_64" else 220, 17, 0, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "clone")
    os._exit(0)

attempts = {
    "socket": lambda: socket.socket(),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "socketpair": lambda: socket.socketpair(),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "fork": lambda: os.fork() or os._exit(0),
    "vfork": lambda: subprocess.run(["/bin/true"]),
    "clone": clone_without_thread,
    "kill parent": lambda: os.kill(os.getppid(), 0),
    "kill group": lambda: os.kill(0, 0),
    "ptrace": lambda: libc_call("ptrace", 16, os.getppid(), 0, 0),
    "unshare": lambda: libc_call("unshare", 0x10000000),
    "mount": lambda: libc_call("mount", b"none", b"/mnt", b"tmpfs", 0, 0),
    "read": lambda: open(sys.argv[1]),
    "read users": lambda: open("/etc/passwd"),
    "read own memory": lambda: open("/proc/self/mem", "rb"),
    "read parent's memory": lambda: open(f"/proc/{os.getppid()}/mem", "rb"),
    "list": lambda: os.listdir("/"),
    "open a folder": lambda: os.open("/", os.O_RDONLY | os.O_DIRECTORY),
    "open a descriptor again": lambda: open(f"/dev/fd/{already_open.fileno()}"),
    "openat2": lambda: libc_call("syscall", 437, -100, sys.argv[1].encode(), bytes(24), 24),
    "write": lambda: open(sys.argv[1], "w"),
    "append": lambda: open(sys.argv[1], "a"),
    "unlink": lambda: os.unlink(sys.argv[1]),
    "rename": lambda: os.rename(sys.argv[1], sys.argv[1] + "2"),
    "chmod": lambda: os.chmod(sys.argv[1], 0o777),
    "limits of parent": lambda: __import__("resource").prlimit(os.getppid(), 7, (1, 1)),
}
only = set(sys.argv[4:]) or set(attempts)
told = {name: outcome(attempt) for name, attempt in attempts.items() if name in only}
worked = []
thread = threading.Thread(target=lambda: worked.append(os.getpid()))
thread.start(); thread.join()
ours.sendall(b"x"); worked.append(theirs.recv(1).decode())
worked.append(already_open.read())
print(json.dumps({"enforced": enforced, "told": told, "worked": worked[1:]}))
"""


def attempted(target: Path, *only: str, landlock: bool, seccomp: bool) -> dict[str, Any]:
    """What becomes of each attempt, or of these only, to get out of a child with these fences."""
    target.write_text("still here")
    arguments = [str(target), str(int(landlock)), str(int(seccomp)), *only]
    done = subprocess.run(
        [sys.executable, "-c", ESCAPES, *arguments], capture_output=True, text=True, timeout=30, check=True
    )
    assert target.read_text() == "still here"
    return dict(json.loads(done.stdout))


has_landlock = ctypes.CDLL(None).syscall(444, None, 0, 1) >= 1
"""Asked of the kernel, not of the code that is tested: landlock_create_ruleset(2) tells its version."""
has_seccomp = Path("/proc/sys/kernel/seccomp/actions_avail").exists()


@pytest.mark.skipif(not has_seccomp, reason="this kernel has no seccomp filters")
@pytest.mark.parametrize("landlock", [True, False])
def test_the_network_programs_processes_and_files_are_really_out_of_reach(tmp_path: Path, landlock: bool):
    answer = attempted(tmp_path / "holdall.sqlite3", landlock=landlock, seccomp=True)

    assert "no-reading" in answer["enforced"]
    reached = {name: told for name, told in answer["told"].items() if told != "PermissionError"}
    assert reached == {"openat2": "OSError"}  # the kernel is made to look too old for it
    assert answer["worked"] == ["x", "still here"]


@pytest.mark.skipif(not has_landlock, reason="this kernel has no Landlock")
def test_landlock_alone_closes_the_file_system(tmp_path: Path):
    """So that a call that the filter does not know opens nothing either."""
    files = ("read", "read users", "list", "open a folder", "openat2", "exec", "write", "append", "unlink", "rename")
    answer = attempted(tmp_path / "holdall.sqlite3", *files, landlock=True, seccomp=False)

    assert "landlock" in answer["enforced"]
    assert answer["told"] == dict.fromkeys(files, "PermissionError")
    assert answer["worked"] == ["x", "still here"]


@pytest.mark.skipif(not has_seccomp, reason="this kernel has no seccomp filters")
def test_the_fences_are_up_in_every_thread_of_a_real_child(kids: Children):
    kids.run(kids.pool.warm())
    assert "no-reading" in kids.pool.enforced
    assert ("landlock" in kids.pool.enforced) == has_landlock
    for thread in Path(f"/proc/{kids.pool.pids[0]}/task").iterdir():
        status = (thread / "status").read_text()
        assert "Seccomp:\t2" in status
        assert "NoNewPrivs:\t1" in status


def test_the_pool_tells_what_is_enforced(kids: Children):
    assert {"cpu-time", "core-dump", "file-size", "descriptors"} <= set(kids.pool.enforced)
    kids.run(kids.pool.warm())
    [pid, *_] = kids.pool.pids
    status = Path(f"/proc/{pid}/status").read_text()
    assert ("Seccomp:\t2" in status) == ("no-network" in kids.pool.enforced)


def test_a_child_that_failed_is_counted_and_told_with_the_request_that_it_was_for(kids: Children, note: Path):
    async def story() -> None:
        await kids.pool.run(TEXT, note, 10)
        stop(kids.pool._idle[-1].process.pid)
        with bound_contextvars(request_id="one-request"), pytest.raises(ChildFailed):
            await kids.pool.run(TEXT, note, 0.1)

    before = kids.pool.failed
    with capture_logs(processors=[merge_contextvars]) as lines:
        kids.run(story())

    assert kids.pool.failed == before + 1
    assert [(line["event"], line["request_id"]) for line in lines] == [("a child failed", "one-request")]

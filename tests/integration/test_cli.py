"""The command line, as an operator meets it."""

import asyncio
import json
import os
import pwd
import signal
import socket
import sqlite3
import stat
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from holdall import cli
from holdall.adapters.job_books import JobBooks
from holdall.adapters.jobs import DbosJobs
from holdall.ports import Job
from holdall.settings import read_settings
from tests.support.commands import completed
from tests.support.server import command, free_port, run_command, running_server, server_env


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A fresh installation."""
    return server_env(tmp_path / "data", free_port(), {})


def run(env: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return completed(env, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "serve",
        "migrate",
        "move-database",
        "move-blobs",
        "demo",
        "doctor",
        "sweep",
        "scrub",
        "user add",
        "user password",
        "space add",
        "space member add",
        "space member remove",
        "space member list",
        "token create",
        "token revoke",
        "rescan",
        "quarantine list",
        "quarantine show",
        "quarantine release",
        "quarantine delete",
        "worker",
        "jobs",
        "jobs replay",
        "log",
        "log audit",
        "log verify",
        "log head",
        "backup",
        "backup list",
        "backup verify",
        "restore",
    ],
)
def test_every_command_has_a_help_text(env: dict[str, str], arguments: str):
    """And needs no installation to show it."""
    done = run(env, *arguments.split(), "--help")

    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 100
    assert not Path(env["HOLDALL_DATA_DIR"]).exists()


def test_a_failed_job_is_shown_with_its_reason_and_begun_anew(env: dict[str, str]):
    assert run_command(env, "jobs") == ""
    assert run(env, "jobs", "replay", "sweep.1").returncode == cli.EXIT_FAILED
    settings = read_settings(env)

    async def sweep(_span: str) -> None:
        raise OSError("no room")

    async def fail() -> None:
        jobs = DbosJobs(settings.jobs_database, {"sweep": sweep})
        try:
            await jobs.enqueue([Job("sweep.1", "sweep", "1")])
            async with asyncio.timeout(20):
                while not any(job.reason for job in JobBooks(settings.jobs_database).unfinished(1)):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        finally:
            await jobs.close()

    asyncio.run(fail())
    [line] = run_command(env, "jobs").splitlines()
    assert line.startswith("sweep.1  sweep  failed  0:00:")
    assert line.endswith("OSError: no room")
    assert run_command(env, "jobs", "replay", "sweep.1") == "sweep.1~1\n"
    told = json.loads(run_command(env, "jobs", "--json"))
    assert (told["id"], told["state"], told["argument"]) == ("sweep.1~1", "waiting", "1")
    assert "job.replay" in run_command(env, "log", "audit")


def test_users_spaces_and_tokens_are_made(env: dict[str, str]):
    """Ids on standard output, for scripts."""
    user = run_command(env, "user", "add", "ines", "--email", "ines@example.test").strip()
    space = run_command(env, "space", "add", "Field office", "--owner", "ines").strip()
    id, secret = run_command(env, "token", "create", "--user", "ines", "--days", "1").split()

    assert (user[:3], space[:3], id[:3]) == ("usr", "spc", "tok")
    assert secret.startswith("bkt")
    assert len(secret) == 35
    assert run(env, "token", "revoke", id).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("space", "add", "X", "--owner", "nobody"), 1, "no user nobody"),
        (("token", "create", "--user", "nobody"), 1, "no user nobody"),
        (("token", "revoke", "tokAAAAAAAAAAAAAAAAAAAAA"), 1, "no token tokAAAAAAAAAAAAAAAAAAAAA"),
        (("nonsense",), 2, "nonsense"),
        (("serve", "--nonsense"), 2, "nonsense"),
        (("token", "create"), 2, "user"),
        (("space", "list", "nobody"), 1, "no user nobody"),
        (("space", "policy", "spcAAAAAAAAAAAAAAAAAAAAA"), 1, "no space spcAAAAAAAAAAAAAAAAAAAAA"),
        (("space", "policy", "spcAAAAAAAAAAAAAAAAAAAAA", "--clear"), 1, "no space spcAAAAAAAAAAAAAAAAAAAAA"),
        (("space", "policy", "spc", "--findings", "pdf-javascrpt=flag"), 2, "pdf-javascrpt is not a finding"),
        (("space", "policy", "spc", "--findings", "pdf-xfa=maybe"), 2, "pdf-xfa can be allow, flag or refuse"),
        (("space", "policy", "spc", "--images", "jxl"), 2, "jxl is not one of avif"),
        (("space", "policy", "spc", "--strip-location", "maybe"), 2, "strip-location"),
        (("log", "--user", "nobody"), 1, "no user nobody"),
        (("log", "--file", "attNobody"), 1, "no file attNobody"),
        (("log", "--since", "yesterday"), 2, "yesterday is no time"),
        (("log", "--action", "nonsense"), 2, "nonsense"),
        (("log", "--limit", "-1"), 2, "limit"),
        (("log", "verify", "--head", "nonsense"), 2, "nonsense"),
        (("backup",), 2, "target"),
        (("backup", "backups", "--keep", "-1"), 2, "keep"),
        (("backup", "backups"), 1, "no database to back up"),
        (("backup", "verify", "/nonexistent"), 1, "There are no backups in /nonexistent"),
        (("restore", "s3:/nonsense"), 2, "s3:/nonsense is no target"),
    ],
)
def test_a_failure_is_told_in_a_sentence(env: dict[str, str], arguments: tuple[str, ...], code: int, message: str):
    """Never with a traceback."""
    done = run(env, *arguments)
    told = done.stdout + done.stderr

    assert done.returncode == code
    assert message in told
    assert "Traceback" not in told


def test_a_login_is_taken_once(env: dict[str, str]):
    """Letter case aside."""
    run_command(env, "user", "add", "ines")

    done = run(env, "user", "add", "INES")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def typed(env: dict[str, str], text: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command that is told something on standard input."""
    return completed(env, *arguments, input=text)


def hash_of(env: dict[str, str], login: str) -> str | None:
    with closing(sqlite3.connect(Path(env["HOLDALL_DATA_DIR"]) / "holdall.sqlite3")) as connection:
        [(hash,)] = connection.execute("SELECT password FROM users WHERE login = ?", (login,)).fetchall()
        return hash


def test_a_password_is_read_and_kept_as_a_hash(env: dict[str, str]):
    """With the user, or later; of what is typed only the first line counts, and it is written nowhere."""
    made = typed(env, "four words of mine\n", "user", "add", "ines", "--password")
    bare = run(env, "user", "add", "noor")
    kept = hash_of(env, "ines"), hash_of(env, "noor")
    changed = typed(env, "other words of mine\nfour words of mine\n", "user", "password", "INES", "--sign-out")
    acts = [json.loads(line) for line in run_command(env, "log", "audit", "--json").splitlines()]

    assert (made.stdout[:3], bare.stdout[:3], changed.returncode) == ("usr", "usr", 0)
    assert str(kept[0]).startswith("$argon2id$")
    assert kept[1] is None
    assert hash_of(env, "ines") not in (None, kept[0])
    assert [act["act"] for act in acts].count("user.password") == 2
    told = [made.stdout, made.stderr, changed.stdout, changed.stderr, str(acts)]
    assert [text for text in told if "words" in text] == []


@pytest.mark.parametrize(
    ("text", "login", "code", "message"),
    [
        ("short\n", "mira", 2, "at least 8 characters"),
        ("", "mira", 2, "at least 8 characters"),
        ("miramira\n", "mira", 2, "everybody knows"),
        ("four words of mine\n", "nobody", 1, "no user nobody"),
    ],
)
def test_a_password_that_cannot_be_is_told(env: dict[str, str], text: str, login: str, code: int, message: str):
    """And nothing is changed."""
    run_command(env, "user", "add", "mira")
    done = typed(env, text, "user", "password", login)

    assert (code, True) == (done.returncode, message in done.stderr.replace("\n", " "))
    assert "Traceback" not in done.stderr
    assert hash_of(env, "mira") is None


def test_nobody_is_added_with_a_password_that_cannot_be(env: dict[str, str]):
    refused = typed(env, "short\n", "user", "add", "ines", "--password")

    assert (2, 1) == (refused.returncode, run(env, "space", "list", "ines").returncode)


def test_a_person_is_asked_for_a_password_twice(monkeypatch: pytest.MonkeyPatch):
    """Without its being shown; two that differ are none."""
    answers = iter(["four words", "four words", "four words", "for words"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(answers))

    assert cli._ask_password() == "four words"
    with pytest.raises(SystemExit) as stopped:
        cli._ask_password()
    assert stopped.value.code == 1


def test_a_wrong_setting_is_named(env: dict[str, str]):
    """With exit code 2."""
    done = run({**env, "HOLDALL_PORT": "many"}, "migrate")

    assert (2, True) == (done.returncode, "HOLDALL_PORT" in done.stderr)


def test_the_demo_keeps_its_data_and_mints_anew(env: dict[str, str]):
    """The same ids, other secrets."""
    first, second = (json.loads(run_command(env, "demo", "--json")) for _ in range(2))

    assert {"base_url", "bika", "bika_other", "pika", "passwords"} == set(first)
    assert {person["user"] for person in first["pika"]} == set(first["passwords"])
    assert first["passwords"] != second["passwords"]
    assert {"token", "space_id", "database_id", "record_id", "attachment_field"} == set(first["bika"])
    assert set(first["bika_other"]) == set(first["bika"])
    assert [{"user", "cookie"}] * 2 == [set(person) for person in first["pika"]]
    assert first["bika"]["token"] != second["bika"]["token"]
    assert {**first["bika"], "token": ""} == {**second["bika"], "token": ""}


def test_the_data_folder_is_private(env: dict[str, str]):
    """Folders 0700, files 0600, and nothing can be executed."""
    run_command(env, "demo", "--json")
    root = Path(env["HOLDALL_DATA_DIR"])

    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [root, *root.rglob("*")]}

    assert {path: mode for path, mode in modes.items() if path.is_dir() and mode != 0o700} == {}
    assert {path: mode for path, mode in modes.items() if path.is_file() and mode & 0o177} == {}


def test_the_doctor_says_what_is_wrong_and_how_to_mend_it(env: dict[str, str]):
    """No folder; then a folder open to others; then all well."""
    nothing = run(env, "doctor")
    run_command(env, "migrate")
    Path(env["HOLDALL_DATA_DIR"]).chmod(0o755)
    opened = run(env, "doctor")
    Path(env["HOLDALL_DATA_DIR"]).chmod(0o700)
    well = run(env, "doctor")

    assert (1, True) == (nothing.returncode, "holdall migrate" in nothing.stderr)
    assert (1, True) == (opened.returncode, "chmod" in opened.stderr)
    assert well.returncode == 0, well.stderr


def test_a_taken_port_is_told(env: dict[str, str]):
    """Before anything else is done."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(env["HOLDALL_PORT"])))
        taken.listen()
        done = run(env, "serve")

    assert (1, True) == (done.returncode, "HOLDALL_PORT" in done.stderr)


def test_a_sweep_of_a_clean_installation_finds_nothing(env: dict[str, str]):
    """Its counts are JSON."""
    run_command(env, "demo", "--json")

    swept = json.loads(run_command(env, "sweep", "--grace-seconds", "0"))

    assert {
        "deleted": 0,
        "rows": 0,
        "reserved": 0,
        "strays": 0,
        "staged": 0,
        "claims": 0,
        "events": 0,
        "structure": 0,
        "lost": 0,
        "loose": 0,
    } == swept


def act(line: str) -> tuple[str, str, str]:
    """Who did what to whom."""
    said = json.loads(line)
    return said["actor"], said["act"], said["subject"]


def test_acts_are_recorded_with_who_ran_the_command(env: dict[str, str]):
    """By the operating system's word, not the environment's."""
    named = {**env, "USER": "mallory", "LOGNAME": "mallory", "SUDO_USER": "mallory"}
    user = run_command(named, "user", "add", "ines").strip()
    space = run_command(named, "space", "add", "Field office", "--owner", "ines").strip()
    token, secret = run_command(named, "token", "create", "--user", "ines").split()
    run_command(named, "token", "revoke", token)
    assert run(named, "user", "add", "ines").returncode == 1

    told = run_command(env, "log", "audit", "--json")

    me = f"os:{pwd.getpwuid(os.getuid()).pw_name}"
    acts = [act(line) for line in told.splitlines()]
    assert [(actor, what) for actor, what, _ in acts] == [
        (me, "user.add"),
        (me, "space.add"),
        (me, "space.add"),
        (me, "token.create"),
        (me, "token.revoke"),
    ]
    assert [subject for _, _, subject in acts[:1] + acts[2:]] == [user, space, token, token]
    assert secret not in told
    assert len(run_command(env, "log", "audit", "--after", "3").splitlines()) == 2


def test_the_chain_is_verified_against_its_head(env: dict[str, str]):
    """Whole: 0. Broken, or cut short of a head that was kept: 1, and the entry is named."""
    database = Path(env["HOLDALL_DATA_DIR"]) / "holdall.sqlite3"
    for login in ("ines", "omar"):
        run_command(env, "user", "add", login)
    head = run_command(env, "log", "head").strip()

    whole = [run(env, "log", "verify", *more) for more in ([], ["--head", head])]
    tamper(database, "DELETE FROM audit WHERE number = 4")
    short = [run(env, "log", "verify", *more) for more in ([], ["--head", head])]
    tamper(database, "UPDATE audit SET actor = 'os:mallory' WHERE number = 2")
    broken = run(env, "log", "verify")

    assert head.startswith("4:")
    assert [(done.returncode, head in done.stdout) for done in whole] == [(0, True), (0, True)]
    assert [done.returncode for done in short] == [0, 1]
    assert "broken at entry 4" in short[1].stdout
    assert (1, True) == (broken.returncode, "broken at entry 2" in broken.stdout)


def tamper(database: Path, statement: str) -> None:
    """As somebody who can write the file."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_reader_that_has_seen_enough_is_no_failure_to_speak_of(env: dict[str, str]):
    """As with `head`: no message, no traceback."""
    for number in range(3):
        run_command(env, "user", "add", f"user{number}")
    with subprocess.Popen(
        command("log", "audit"), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()

    assert [line for line in told.splitlines() if "rate limits are off" not in line] == []


def test_running_without_a_protection_is_recorded(tmp_path: Path):
    """And running with all of them is not."""
    for limit, recorded in (("on", 0), ("off", 1)):
        with running_server(tmp_path / limit, HOLDALL_RATE_LIMIT=limit) as server:
            deadline = time.monotonic() + 5
            while "audit log ends" not in server.log() and time.monotonic() < deadline:
                time.sleep(0.05)
            acts = [act(line) for line in run_command(server.env, "log", "audit", "--json").splitlines()]

        assert acts.count(("server", "settings.weaken", "")) == recorded


def test_a_sweep_that_removed_something_is_recorded(env: dict[str, str]):
    """One that found nothing is not."""
    run_command(env, "migrate")
    stale = Path(env["HOLDALL_DATA_DIR"]) / "staging" / "left"
    stale.write_bytes(b"x")
    os.utime(stale, (0, 0))

    run_command(env, "sweep")
    first = run_command(env, "log", "audit")
    run_command(env, "sweep")

    assert "sweep.remove" in first
    assert '{"staged":1}' in first
    assert run_command(env, "log", "audit") == first


def test_ctrl_c_stops_a_move_between_two_commits_and_a_second_one_at_once():
    """Not in the middle of a statement, which could not be rolled back then."""
    with cli.stoppable() as stop_here:
        stop_here()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            stop_here()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)

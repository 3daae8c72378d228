"""The command line: ``holdall --help`` tells what there is."""

import asyncio
import dataclasses
import getpass
import logging
import os
import pwd
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import msgspec
import structlog
from cyclopts import App, CycloptsError, Parameter, validators
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from holdall import __version__, backups, bootstrap, logbook, reports, upkeep
from holdall.bootstrap import decodable_images, open_services, prepare
from holdall.domain.access import Role, Scope, TokenKind, User
from holdall.domain.access_log import Action, Outcome, Search
from holdall.domain.audit import Fault
from holdall.domain.backups import BackupRefused
from holdall.domain.findings import parse_changes
from holdall.domain.passwords import PasswordRefused
from holdall.domain.policy import NO_RULES, SpaceRules
from holdall.errors import Conflict, HoldallError, Missing
from holdall.flows import accounts, audit, indexes, members, passwords, quarantine, quota, rules
from holdall.flows import move_blobs as blobs
from holdall.flows.leftovers import survey
from holdall.flows.records import Place
from holdall.flows.rescan import rescan as rescan_story
from holdall.flows.rotate import count_objects
from holdall.flows.rotate import rotate_keys as rotate
from holdall.flows.scrub import Pace
from holdall.flows.scrub import scrub as scrub_story
from holdall.flows.sweep import sweep as sweep_story
from holdall.flows.sweep import times
from holdall.flows.texts import read_texts
from holdall.ports import JobState, KeyRotation, Services
from holdall.settings import Settings, SettingsError, read_settings

T = TypeVar("T")

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
"""Exit codes: 0 done, 1 it failed (the message says what to do), 2 the command or a setting was wrong, 130 Ctrl-C."""
MANY = 10_000
"""As many of what there may be millions of are counted."""

app = App(
    name="holdall",
    help="Takes files in safely and attaches them to records. Settings come from HOLDALL_… variables; "
    "see docs/reference/settings.md.",
    version=__version__,
    result_action="return_value",
)
user_app = App(name="user", help="Users.")
space_app = App(name="space", help="Spaces.")
quarantine_app = App(name="quarantine", help="Files that a malware rule matched, out of everybody's reach.")
member_app = App(name="member", help="Who belongs to a space, and as what. Changes hold from the next request on.")
token_app = App(name="token", help="Credentials. A secret is shown once, when it is made; only its hash is kept.")
jobs_app = App(name="jobs", help="What is done later, and what became of it.")
log_app = App(name="log", help="What was done with files, and what operators did.")
backup_app = App(name="backup", help="Backups: made while the service runs, looked after, and restored elsewhere.")
for group in (user_app, space_app, token_app, quarantine_app, jobs_app, log_app, backup_app):
    app.command(group)
space_app.command(member_app)
err = Console(stderr=True)


def main() -> None:
    """Run a command; the process ends with its exit code."""
    os.umask(0o077)  # whatever is made is for the service user only
    try:
        code = app(exit_on_error=False) or 0
        sys.stdout.flush()  # here, where it can still be told that nobody reads it
        sys.exit(code)
    except CycloptsError:  # it has said what was wrong
        sys.exit(EXIT_USAGE)
    except SettingsError as error:
        _complain(str(error), EXIT_USAGE)
    except Missing as error:
        _complain(f"There is no {error.thing} {error.id}".rstrip() + ".", EXIT_FAILED)
    except Conflict as error:
        _complain(f"{error.reason}.", EXIT_FAILED)
    except BackupRefused as error:
        _complain(f"{error}.", EXIT_FAILED)
    except HoldallError as error:
        _complain(f"{error}. `holdall doctor` looks for the cause.", EXIT_FAILED)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except OSError as error:
        _complain(f"{error}. `holdall doctor` looks for the cause.", EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """What is given stops the command if Ctrl-C was pressed; a second one does not wait for it to be called.

    An exception that is raised anywhere would be lost in a callback, or met by a driver that has half a statement
    sent and cannot roll back.
    """
    pressed = list[int]()
    usual = signal.getsignal(signal.SIGINT)

    def on_signal(number: int, _frame: object) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, usual)

    def stop_here() -> None:
        if pressed:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, on_signal)
    try:
        yield stop_here
    finally:
        signal.signal(signal.SIGINT, usual)


def _complain(message: str, code: int) -> NoReturn:
    err.print(f"[bold red]holdall:[/] {message}", highlight=False)
    sys.exit(code)


def _run(story: Callable[[Services, Settings], Awaitable[T]], *, with_files: bool = True) -> T:
    """Carry a story out on this installation's services; see ``open_services`` for ``with_files``."""
    settings = read_settings()
    _configure_log(settings)
    prepare(settings)

    async def tell() -> T:
        async with open_services(settings, _operator(), with_files=with_files) as services:
            return await story(services, settings)

    return asyncio.run(tell())


def _operator() -> str:
    """Who runs this command, for the audit log: by the process, since the environment says what one wants it to say."""
    number = os.getuid()
    try:
        return f"os:{pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"os:{number}"


def _configure_log(settings: Settings) -> None:
    """One entry a line on standard error, times in UTC; each with the id of the request or job that it is about."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer() if settings.log_format == "json" else logbook.log_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@app.command
def serve(*, demo: bool = False) -> int:
    """Serve the APIs until stopped with Ctrl-C or SIGTERM.

    Parameters
    ----------
    demo
        Fill a demo workspace on first start, and print commands to try it with.

    """
    from holdall import server  # noqa: PLC0415  no other command needs the web server

    settings = read_settings()
    _configure_log(settings)
    if not server.is_free(settings.host, settings.port):
        _complain(f"Port {settings.port} is in use. Stop what listens there, or set HOLDALL_PORT.", EXIT_FAILED)
    metrics = settings.metrics_address
    if metrics and not server.is_free(*metrics):
        _complain(f"Port {metrics[1]} is in use. Stop what listens there, or set HOLDALL_METRICS.", EXIT_FAILED)
    prepare(settings)
    text = _run(_show_demo) if demo else ""
    server.serve(settings, lambda: print(text, flush=True) if text else None)
    return 0


@app.command
def worker() -> int:
    """Do the jobs that servers with HOLDALL_JOBS=worker leave, until stopped with Ctrl-C or SIGTERM.

    Webhooks are told, and sweeps and scrubs are made in their time. Any number of workers may run: each job is done by
    one of them. Asked to stop, a worker takes up nothing more, and ends within 25 seconds; what it could not finish is
    done by another one, or by itself when it is started again.
    """
    from holdall import worker as process  # noqa: PLC0415  no other command needs it

    settings = read_settings()
    _configure_log(settings)
    prepare(settings)
    process.work(settings)
    return 0


async def _show_demo(services: Services, settings: Settings) -> str:
    from holdall import demo  # noqa: PLC0415

    await demo.fill(services)
    commands = await demo.commands(services, settings)
    return f"Holdall serves on {settings.site_url}, data in {settings.data}. Paste these:\n\n{commands}\n"


@app.command
def demo(*, json: bool = False) -> int:
    """Make the demo workspace if it is not there, and show how to reach it.

    New credentials are minted each time, good for 30 days.

    Parameters
    ----------
    json
        Print what a script needs, instead of commands to paste.

    """
    from holdall import demo as workspace  # noqa: PLC0415

    async def story(services: Services, settings: Settings) -> str:
        await workspace.fill(services)
        if json:
            told = await workspace.credentials(services, settings.site_url)
            told["passwords"] = await workspace.passwords(services)
            return msgspec.json.encode(told).decode()
        return await workspace.commands(services, settings)

    print(_run(story))
    return 0


@app.command
def migrate() -> int:
    """Make the data folder and bring the database to this version. Safe to repeat."""
    settings = read_settings()
    _configure_log(settings)
    with _progress() as progress:
        progress.add_task("migrating the database", total=None)
        prepare(settings)
    err.print("The database is at this version's schema.")
    return 0


@app.command
def move_database(*, to: str) -> int:
    """Copy the database to another one: from SQLite to PostgreSQL, or back. Stop every service first.

    It may be interrupted, and started again: it goes on where it was. In the end both are read again, and compared row
    by row. The database that is moved from is not changed; a setting says which one is used.

    Parameters
    ----------
    to
        The address of an empty database, as in HOLDALL_DATABASE_URL: postgresql://user@host/name (a password may be
        left to PGPASSWORD or ~/.pgpass), or sqlite:////path/to/file.

    """
    settings = read_settings()
    _configure_log(settings)
    try:
        with _bar() as bar, stoppable() as stop_here:
            task = bar.add_task("looking", total=None)

            def on_step(step: str, done: int, total: int) -> None:
                stop_here()
                bar.update(task, description=step, completed=done, total=total)

            moved = bootstrap.move_database(settings, to, on_step)
    except KeyboardInterrupt:
        _complain("Stopped. Started again, it goes on where it was.", EXIT_INTERRUPTED)
    print(reports.moved_text(moved))
    err.print(reports.next_database(settings, to), highlight=False, markup=False, soft_wrap=True)
    return 0


@app.command
def move_blobs(*, to: Literal["local", "s3"], remove_originals: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Copy the stored files from the data folder to the bucket, or back, while the service goes on.

    The service has to run with HOLDALL_BLOBS_MOVE_TO: it puts files into the new place then, and finds them in either.
    Each copy is read again and compared. It may be interrupted, and started again: what is there already is compared
    and not copied. Originals stay. Exit code 1: some files were not what they should be, and stay where they are.

    Parameters
    ----------
    to
        Where to: s3 is the bucket that the settings name, local the data folder.
    remove_originals
        Once all is copied: compare each file with its copy again, and remove it from the old place.

    """

    async def story(services: Services, settings: Settings) -> int:
        with bootstrap.open_removals(settings, to, is_last=remove_originals) as (removals, scratch), _bar() as bar:
            task = bar.add_task("counting files", total=None)
            bar.update(task, total=await blobs.count_objects(removals))
            bar.update(task, description="comparing and removing" if remove_originals else "copying files")

            def on_progress(count: int) -> None:
                bar.advance(task, count)

            if remove_originals:
                removed = await blobs.remove_originals(services, removals, scratch, on_progress)
                print(msgspec.json.encode(removed).decode())
                return EXIT_FAILED if removed.kept else 0
            copied = await blobs.move_blobs(services, removals, scratch, on_progress)
        print(msgspec.json.encode(copied).decode())
        if copied.failed or copied.lost:
            return EXIT_FAILED
        err.print(reports.next_place(to), highlight=False, markup=False, soft_wrap=True)
        return 0

    return _run(story)


@app.command
def sweep(
    *,
    grace_seconds: int | None = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    believe_empty: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Remove what crashes left half-done and what was deleted for good; explain every byte that is stored.

    A table on standard error tells of everything in the stores what it is, why it is there, and whether it goes; what
    was removed is printed as JSON. Safe beside a running server, to repeat, and to break off with Ctrl-C.

    Parameters
    ----------
    grace_seconds
        Leave alone what is younger than this. Use 0 only while no server runs.
    dry_run
        Explain, and change nothing. The table is printed as JSON, one pile a line.
    believe_empty
        Take it for true when the rows name nothing of what is stored, or nothing is stored of what they name; which
        else stops the sweep: most likely it is another store, or another database.

    """

    async def story(services: Services, settings: Settings) -> int:
        grace = timedelta(seconds=settings.pending_grace_seconds if grace_seconds is None else grace_seconds)
        with _progress() as progress:
            task = progress.add_task("sweeping", total=None)

            def on_step(step: str) -> None:
                progress.update(task, description=f"sweeping: {step}")

            if dry_run:
                piles = (await survey(services, times(services, grace), on_step)).piles
                err.print(upkeep.table(piles))
                print("\n".join(msgspec.json.encode(pile).decode() for pile in piles))
                return 0
            swept = await sweep_story(
                services,
                grace,
                on_step,
                lambda piles: err.print(upkeep.table(piles)),
                believes_emptiness=believe_empty,
            )
        print(msgspec.json.encode(swept).decode())
        return 0

    return _run(story)


@app.command
def scrub(
    *,
    mib_per_second: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 0,
    believe_empty: Annotated[bool, Parameter(negative=())] = False,
    list: Annotated[bool, Parameter(negative=())] = False,
    json: bool = False,
) -> int:
    """Read every stored file again and compare it with its digest; name what is gone or damaged.

    Such files are lost: they are served to nobody, and are whole again as soon as somebody uploads the same content, or
    a scrub finds their own bytes put back. It goes on where the last one was stopped, the server's own included; Ctrl-C
    stops it. Safe beside a running server. Exit code 1: files are lost, or could not be read.

    Parameters
    ----------
    mib_per_second
        Read no faster than this; 0: as fast as it goes.
    believe_empty
        Take it for true when of many files in a row not one is there, which else stops the scrub: most likely the
        store is not mounted.
    list
        Only list what is lost by now, and read nothing.
    json
        One JSON object a line.

    """

    async def story(services: Services, _settings: Settings) -> int:
        unread = 0
        if not list:
            with _progress() as progress:
                task = progress.add_task("reading files", total=None)
                done = await scrub_story(
                    services,
                    Pace(mib_per_second << 20),
                    lambda state, _looks: progress.update(task, description=upkeep.scrub_text(state)),
                    believes_emptiness=believe_empty,
                )
            err.print(upkeep.scrub_text(done), highlight=False)
            unread = done.unread
        lost = [line async for line in upkeep.lost_lines(services, is_json=json)]
        print("\n".join(lost), end="\n" if lost else "")
        return EXIT_FAILED if lost or unread else 0

    return _run(story)


@app.command
def rotate_keys() -> int:
    """Encrypt every stored file with the current key: plain ones, and those that have an older key.

    Files that have the current key already are left alone, so it may be interrupted and started again. It is safe
    beside a running server, once that has been started with the same keys.
    """

    async def story(services: Services, settings: Settings) -> int:
        if settings.blobs_move_to:
            raise SettingsError("HOLDALL_BLOBS_MOVE_TO: have the move finish first, or copies keep the older key")
        if not isinstance(services.blobs, KeyRotation):
            raise SettingsError("HOLDALL_ENCRYPTION_KEY is not set: there is no key to rotate to")
        with _bar() as bar:
            task = bar.add_task("counting files", total=None)
            total = await count_objects(services)
            bar.update(task, description="encrypting files", total=total)
            rotated = await rotate(services, services.blobs, lambda count: bar.advance(task, count))
        print(msgspec.json.encode(rotated).decode())
        return EXIT_FAILED if rotated.failed else 0

    return _run(story)


@app.command
def extract() -> int:
    """Read the text of documents that were not read yet, for search. Safe to repeat, and to break off."""

    async def story(services: Services, _settings: Settings) -> int:
        with _progress() as progress:
            task = progress.add_task("reading documents", total=None)
            read = await read_texts(services, lambda n: progress.update(task, description=f"reading documents: {n}"))
        print(msgspec.json.encode(read).decode())
        return 0

    return _run(story)


@app.command
def rescan(
    *, space: str | None = None, since: datetime | None = None, unscanned: bool = False, json: bool = False
) -> int:
    """Look at stored files again, by the malware rules and signatures of today.

    What they match is out of reach at once and goes into quarantine. It may be interrupted with Ctrl-C: started again
    with the same options, it goes on where it was, unless the rules have changed since. Safe beside a running server.
    Exit code 1: some files could not be scanned, or their bytes were not there.

    Parameters
    ----------
    space
        Only files of the space with this id.
    since
        Only files uploaded at or after this time (UTC if no zone is given).
    unscanned
        Only files that were kept without having been scanned (HOLDALL_UNSCANNED=allow).
    json
        Print what was found as JSON.

    """

    async def story(services: Services, _settings: Settings) -> int:
        with _bar() as bar:
            task = bar.add_task("scanning files", total=None)
            done = await rescan_story(
                services,
                space,
                since if since is None or since.tzinfo else since.replace(tzinfo=UTC),
                lambda state, total: bar.update(task, completed=state.checked, total=total),
                flagged_only=unscanned,
            )
        print(reports.rescan_json(done) if json else reports.rescan_text(done))
        return EXIT_FAILED if done.not_scanned or done.missing else 0

    return _run(story)


@quarantine_app.command(name="list")
def quarantine_list(*, json: bool = False) -> int:
    """List what is in quarantine, in order of arrival.

    Parameters
    ----------
    json
        One JSON object a line.

    """

    async def story(services: Services, _settings: Settings) -> int:
        async for file in quarantine.list_all(services):
            print(reports.file_json(file) if json else reports.file_line(file))
        return 0

    return _run(story, with_files=False)


@quarantine_app.command(name="show")
def quarantine_show(id: str, *, json: bool = False) -> int:
    """Tell all that is known of a file in quarantine.

    Parameters
    ----------
    id
        The id that `quarantine list` printed.
    json
        Print JSON.

    """
    file, uploads = _run(lambda services, _settings: quarantine.find(services, id), with_files=False)
    print(reports.file_json(file, uploads) if json else reports.file_text(file, uploads))
    return 0


@quarantine_app.command(name="release")
def quarantine_release(id: str, *, reason: str, json: bool = False) -> int:
    """Make a file in quarantine what it was meant to be: the rule was wrong. Who did so and why is on record.

    The rule is not asked about this content in this space again. Prints the ids of the uploads that there are now.

    Parameters
    ----------
    id
        The id that `quarantine list` printed.
    reason
        Why the rule is wrong about it.
    json
        Print JSON.

    """
    if not reason.strip():
        _complain("A release needs a reason.", EXIT_USAGE)
    uploads = _run(lambda services, _settings: quarantine.release(services, id, _operator(), reason.strip()))
    if json:
        print(msgspec.json.encode({"id": id, "uploads": [upload.id for upload in uploads]}).decode())
    else:
        print("\n".join(upload.id for upload in uploads))
    return 0


@quarantine_app.command(name="delete")
def quarantine_delete(id: str) -> int:
    """Be rid of a file in quarantine, for ever. Who did so is on record.

    Parameters
    ----------
    id
        The id that `quarantine list` printed.

    """
    _run(lambda services, _settings: quarantine.delete(services, id, _operator()))
    return 0


@app.command
def doctor() -> int:
    """Say what is wrong with this installation, and how to mend it. Changes nothing."""
    from holdall.doctor import examine  # noqa: PLC0415

    findings = examine(read_settings())
    for finding in findings:
        mark = "[green]ok  [/]" if finding.is_good else "[bold red]bad [/]"
        err.print(f"{mark}{finding.what}", highlight=False)
        if finding.remedy:
            err.print(f"    → {finding.remedy}", highlight=False)
    return 0 if all(finding.is_good for finding in findings) else EXIT_FAILED


@user_app.command(name="add")
def user_add(login: str, *, email: str = "", name: str = "", password: bool = False) -> int:
    """Add a user, with a space of their own.

    Without a password they cannot let devices in at the consent page; `user password` sets one later.

    Parameters
    ----------
    login
        Unique, letter case aside.
    email
        May be used instead of the login when signing in.
    name
        Shown to people; the login if left out.
    password
        Ask for a password, or read it as the first line of standard input.

    """
    given = _ask_password() if password else None

    async def story(services: Services, _settings: Settings) -> User:
        if given is None:
            return await accounts.add_user(services, login, email, name)
        return await passwords.add_user(services, login, email, name, given)

    print(_run_with_password(story).id)
    return 0


@user_app.command(name="password")
def user_password(login: str, *, sign_out: bool = False) -> int:
    """Set a user's password, with which they let devices in at the consent page.

    It is asked for twice, or read as the first line of standard input; never taken from the command line, where
    others of this machine could see it. At least 8 characters.

    Parameters
    ----------
    login
        Whose it is.
    sign_out
        Also sign out every device that was let in so far.

    """
    given = _ask_password()

    async def story(services: Services, _settings: Settings) -> int:
        return await passwords.set_password(services, login, given, sign_out=sign_out)

    signed_out = _run_with_password(story)
    told = f" {signed_out} devices were signed out." if sign_out else ""
    err.print(f"The password of {login} is set.{told}", highlight=False, markup=False)
    return 0


def _ask_password() -> str:
    """From a person, twice; or from a pipe."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first, second = getpass.getpass("Password: "), getpass.getpass("Once more: ")
    if first != second:
        _complain("The two are not the same. Nothing was changed.", EXIT_FAILED)
    return first


def _run_with_password(story: Callable[[Services, Settings], Awaitable[T]]) -> T:
    """As ``_run``; a password that cannot be one is told as what it is."""
    try:
        return _run(story, with_files=False)
    except PasswordRefused as refusal:
        return _complain(f"{refusal}.", EXIT_USAGE)


@space_app.command(name="add")
def space_add(name: str, *, owner: str) -> int:
    """Add a shared space.

    Parameters
    ----------
    name
        Shown to people.
    owner
        The login of its first member.

    """
    space = _run(lambda services, _settings: accounts.add_space(services, name, owner), with_files=False)
    print(space.id)
    return 0


@space_app.command(name="list")
def space_list(login: str) -> int:
    """Print the spaces that a user belongs to, one JSON object a line, the oldest first; their own is personal.

    Parameters
    ----------
    login
        The user's login or e-mail address.

    """
    for seat in _run(lambda services, _settings: members.spaces_of(services, login), with_files=False):
        space = seat.space
        told = {"space": space.id, "name": space.name, "role": seat.role, "personal": space.is_personal}
        print(msgspec.json.encode(told).decode())
    return 0


@member_app.command(name="add")
def member_add(space: str, login: str, *, role: Role = Role.EDITOR) -> int:
    """Let a user belong to a shared space, or change the role of one who does.

    Parameters
    ----------
    space
        The space's id, as `space add` printed it.
    login
        The user's login or e-mail address.
    role
        viewer: reads; editor: reads, uploads and changes records; owner: as editor, and the space always has one.

    """
    _run(lambda services, _settings: members.add_member(services, space, login, role))
    return 0


@member_app.command(name="remove")
def member_remove(space: str, login: str) -> int:
    """Let a user no longer belong to a shared space. Links to files that they hold already end by themselves.

    Parameters
    ----------
    space
        The space's id.
    login
        The user's login or e-mail address.

    """
    _run(lambda services, _settings: members.remove_member(services, space, login))
    return 0


@member_app.command(name="list")
def member_list(space: str) -> int:
    """Print a space's members, one JSON object a line, the oldest member first.

    Parameters
    ----------
    space
        The space's id.

    """
    for member in _run(lambda services, _settings: members.list_members(services, space)):
        print(msgspec.json.encode({"login": member.user.login, "role": member.role, "user": member.user.id}).decode())
    return 0


@space_app.command(name="quota")
def space_quota(
    space: str,
    *,
    max_bytes: Annotated[int | None, Parameter(validator=validators.Number(gte=0))] = None,
    max_files: Annotated[int | None, Parameter(validator=validators.Number(gte=0))] = None,
    clear: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Show what a space keeps and may keep, in JSON; with options, give it a quota of its own first.

    A running server takes it up with the next request. 0 means no limit.

    Parameters
    ----------
    space
        The space's id.
    max_bytes
        The most bytes that the space may keep; as for every space if left out.
    max_files
        The most files that the space may keep; as for every space if left out.
    clear
        Take the space's own quota back.

    """

    async def story(services: Services, _settings: Settings) -> dict[str, int]:
        if clear or max_bytes is not None or max_files is not None:
            await quota.set_space_quota(services, space, max_bytes, max_files)
        used, allowed = await quota.space_usage(services, space)
        return {**dataclasses.asdict(used), **dataclasses.asdict(allowed)}

    print(msgspec.json.encode(_run(story)).decode())
    return 0


@space_app.command(name="index")
def space_index(space: str, database: str, field: str, *, drop: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Index a field of a database, so that sorting and filtering by it stay fast however many records there are.

    It takes some seconds for a million records, twice, in which nothing else is written. A running server takes it up
    with the next request.

    Parameters
    ----------
    space
        The space's id.
    database
        The database's id.
    field
        The field's name or id.
    drop
        Take the field's index away.

    """

    async def story(services: Services, _settings: Settings) -> str:
        place = Place(space, database)
        if drop:
            return (await indexes.drop_index(services, place, field)).id
        with _progress() as progress:
            task = progress.add_task("indexing", total=None)
            added = await indexes.add_index(
                services, place, field, lambda step: progress.update(task, description=f"indexing: {step}")
            )
        return added.id

    print(_run(story))
    return 0


@space_app.command(name="policy")
def space_policy(
    space: str,
    *,
    findings: str | None = None,
    images: str | None = None,
    strip_location: Literal["on", "off", "house"] | None = None,
    clear: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Show a space's own rules for what may come in and how it is served, in JSON; with options, change them first.

    They go on top of the settings. A running server takes them up with the next request.

    Parameters
    ----------
    space
        The space's id.
    findings
        What is done about findings, as in HOLDALL_PIKA_FINDINGS: pdf-javascript=flag,zip-symlink=allow. "" for none.
    images
        Image types that are decoded, as in HOLDALL_BIKA_IMAGES: avif,tiff,bmp,heic,svg. "" for none. Of heic, Pika's
        doors take no notice.
    strip_location
        Whether pictures are served without their metadata; house: as HOLDALL_STRIP_LOCATION says.
    clear
        Take all of the space's own rules back first.

    """
    given: dict[str, Any] = {}
    try:
        if findings is not None:
            given["findings"] = parse_changes(findings)
        if images is not None:
            given["images"] = decodable_images(images)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if strip_location is not None:
        given["hides_places"] = {"on": True, "off": False, "house": None}[strip_location]

    async def story(services: Services, _settings: Settings) -> SpaceRules:
        if not (given or clear):
            return await rules.space_rules(services, space)
        return await rules.change_space_rules(
            services, space, lambda own: dataclasses.replace(NO_RULES if clear else own, **given)
        )

    print(msgspec.json.encode(rules.told(_run(story))).decode())
    return 0


@token_app.command(name="create")
def token_create(
    *,
    user: str,
    name: str = "command line",
    kind: Literal["bearer", "device"] = "bearer",
    scope: Annotated[tuple[Scope, ...], Parameter(negative=())] = tuple(Scope),
    days: int | None = None,
) -> int:
    """Mint a credential. The first line printed is its id, the second its secret, shown this once.

    Parameters
    ----------
    user
        The login of the user it acts for.
    name
        What it is for; shown in lists.
    kind
        bearer: for the Authorization header; device: a per-device secret for signing in.
    scope
        What it may do; repeat the option for several.
    days
        How long it is good for; for ever if left out.

    """
    ttl = None if days is None else timedelta(days=days)
    minted = _run(
        lambda services, _settings: accounts.mint(services, TokenKind(kind), user, name, scope or tuple(Scope), ttl),
        with_files=False,
    )
    print(minted.token.id)
    print(minted.secret)
    return 0


@token_app.command(name="revoke")
def token_revoke(id: str) -> int:
    """Kill a credential; it is refused from the next request on.

    Parameters
    ----------
    id
        The id that `token create` printed.

    """
    _run(lambda services, _settings: accounts.revoke(services, id), with_files=False)
    return 0


@jobs_app.default
def jobs_show(*, limit: Annotated[int, Parameter(validator=validators.Number(gt=0))] = 100, json: bool = False) -> int:
    """Show the jobs that wait, run and failed: id, kind, state, for how long (h:mm:ss), by whom, or why.

    A failed job stays for a day. Messages of webhooks whose time has not come are no jobs yet: they are counted on
    standard error.

    Parameters
    ----------
    limit
        How many at most of each state, the oldest first.
    json
        One JSON object a line.

    """

    async def story(services: Services, settings: Settings) -> int:
        jobs = await asyncio.to_thread(bootstrap.job_books(settings).unfinished, limit)
        now = services.clock.now()
        for job in jobs:
            print(msgspec.json.encode(job).decode() if json else reports.job_line(job, now))
        told = Counter(job.state for job in jobs)
        counted = ", ".join(f"{told[state]} {state}" for state in (JobState.WAITING, JobState.RUNNING, JobState.FAILED))
        messages = await services.work.read(lambda ledger: ledger.webhooks.count_waiting(MANY))
        err.print(f"{counted}; {messages} messages to webhooks not delivered yet", highlight=False)
        return 0

    return _run(story, with_files=False)


@jobs_app.command(name="replay")
def jobs_replay(id: str) -> int:
    """Begin a failed job anew; prints the id that it has now.

    Parameters
    ----------
    id
        The id that `holdall jobs` printed.

    """

    async def story(services: Services, settings: Settings) -> str:
        fresh = await asyncio.to_thread(bootstrap.job_books(settings).replay, id)
        await services.work.write(
            lambda ledger: ledger.audit.record(services.operator, "job.replay", id, {"as": fresh})
        )
        return fresh

    print(_run(story, with_files=False))
    return 0


@log_app.default
def log_show(
    *,
    since: str = "",
    until: str = "",
    user: str = "",
    space: str = "",
    file: str = "",
    action: Action | None = None,
    outcome: Outcome | None = None,
    address: str = "",
    limit: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 100,
    before: int | None = None,
    json: bool = False,
    csv: bool = False,
    follow: bool = False,
) -> int:
    """Show the access log, newest first: who did what with which file, when, from where, and what came of it.

    Parameters
    ----------
    since
        From this time on: 2026-11-22T14:30 (UTC), or 90m, 2h, 7d for so long ago.
    until
        Before this time, written in the same way.
    user
        A login or a user's id.
    space
        A space's id.
    file
        A file's id in either API, or its public name.
    action
        Only this.
    outcome
        Only this.
    address
        Only from this address.
    limit
        How many at most; 0 for all.
    before
        Go on behind the event of this number, the first on each line.
    json
        One JSON object a line.
    csv
        For a spreadsheet; no cell is a formula.
    follow
        Show events as they are written, until Ctrl-C.

    """
    now = datetime.now(UTC)
    try:
        span = [logbook.moment(text, now) if text else None for text in (since, until)]
    except ValueError as error:
        _complain(str(error), EXIT_USAGE)
    search = Search(span[0], span[1], user, space, file, None, action, outcome, address)
    form: logbook.Form = "json" if json else "csv" if csv else "lines"

    async def story(services: Services, _settings: Settings) -> int:
        if follow:
            await logbook.follow(services, search, form, lambda line: print(line, flush=True))
        else:
            await logbook.show(services, search, form, print, before=before, limit=limit)
        return 0

    return _run(story)


@log_app.command(name="audit")
def log_audit(*, after: int = 0, json: bool = False) -> int:
    """Show the audit log, oldest first: what operators, and users with their credentials, did.

    Parameters
    ----------
    after
        Only entries of higher numbers.
    json
        One JSON object a line, with everything that the digest is taken over.

    """

    async def story(services: Services, _settings: Settings) -> int:
        async for entry in audit.entries(services, after):
            print(logbook.audit_line(entry, is_json=json))
        return 0

    return _run(story)


@log_app.command(name="verify")
def log_verify(*, head: str = "") -> int:
    """Walk the audit log's chain. Exit code 1 when it is broken, and the first entry at which it is.

    Parameters
    ----------
    head
        What `holdall log head` printed earlier: the chain must still lead through it. Without this, entries cut off
        at the end, and a chain written anew as a whole, cannot be found out.

    """
    try:
        kept = logbook.head(head) if head else None
    except ValueError as error:
        _complain(str(error), EXIT_USAGE)
    with _progress() as progress:
        progress.add_task("walking the chain", total=None)
        found = _run(lambda services, _settings: audit.verify(services, kept))
    if isinstance(found, Fault):
        print(f"The chain is broken at entry {found.number}: {found.reason}.")
        return EXIT_FAILED
    print(f"The chain is whole: {found.number} entries. Its head: {found}")
    return 0


@log_app.command(name="head")
def log_head() -> int:
    """Print the end of the audit log's chain, for `holdall log verify --head`. Keep it on another machine."""

    async def story(services: Services, _settings: Settings) -> str:
        return str(await services.work.read(lambda ledger: ledger.audit.head()))

    print(_run(story))
    return 0


@backup_app.default
def backup_make(target: str, *, keep: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 0) -> int:
    """Back up the database and every stored file, while the service runs.

    What the target has is not copied again. It may be interrupted with Ctrl-C, or killed: run again, it goes on where
    it was, and what was begun is no backup before it is whole. With HOLDALL_BACKUP_KEY, or where files are encrypted
    already, the backup is encrypted. Prints what was done as JSON. Exit code 1: it failed, or some files were gone.

    Parameters
    ----------
    target
        A folder that is empty or holds backups of this installation; or s3://bucket/folder.
    keep
        Let go of all but the newest so many backups afterwards, this one among them; 0 keeps all.

    """
    settings = _settings()
    with _bytes_bar("backing up") as on_progress:
        made = asyncio.run(backups.make(settings, _operator(), target, keep, on_progress))
    print(msgspec.json.encode(made).decode())
    return EXIT_FAILED if made["lost"] else 0


@backup_app.command(name="list")
def backup_list(target: str) -> int:
    """List the backups of a target, one JSON object a line, the newest first.

    Parameters
    ----------
    target
        The folder, or s3://bucket/folder.

    """
    for told in asyncio.run(backups.list_all(_settings(), target)):
        print(msgspec.json.encode(told).decode())
    return 0


@backup_app.command(name="verify")
def backup_verify(target: str, *, id: str = "") -> int:
    """Read every byte of the backups of a target, compare it with its digest, and name what is wrong. Changes nothing.

    Prints JSON. Exit code 1: something is wrong.

    Parameters
    ----------
    target
        The folder, or s3://bucket/folder.
    id
        Only backups whose ids begin so.

    """
    settings = _settings()
    with _bytes_bar("verifying") as on_progress:
        verified = asyncio.run(backups.verify(settings, target, id, on_progress))
    print(msgspec.json.encode(verified).decode())
    return EXIT_FAILED if verified.wrong else 0


@app.command
def restore(target: str, *, id: str = "") -> int:
    """Make an installation of a backup, where there is none yet: in an empty data folder, database and bucket.

    Everything is compared with its digest on the way. It may be interrupted: run again, it goes on where it was. A
    backup of an earlier version is brought to this one's schema. Prints what was done as JSON.

    Parameters
    ----------
    target
        The folder, or s3://bucket/folder.
    id
        The backup whose id begins so; the newest if left out.

    """
    settings = _settings()
    with _bytes_bar("restoring") as on_progress:
        restored = asyncio.run(backups.restore(settings, _operator(), target, id, on_progress))
    print(msgspec.json.encode(backups.told_of_restore(restored)).decode())
    return 0


def _settings() -> Settings:
    """As they are, for a command that opens what it needs by itself."""
    settings = read_settings()
    _configure_log(settings)
    return settings


@contextmanager
def _bytes_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar of bytes; to be told how many are done, of how many."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _progress() -> Progress:
    """A line that shows that work goes on, on standard error."""
    return Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=err, transient=True)


def _bar() -> Progress:
    """As ``_progress``, for work whose amount is known."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, transient=True)


if __name__ == "__main__":
    main()

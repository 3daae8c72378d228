"""The program that runs in a child: ``python -m holdall.adapters.inspect.child <descriptor of the socket>``.

It takes one job after the other from its parent, each with the open descriptor of one file, and answers. What any
parser would load later is loaded before the sandbox closes. It ends when the parent closes the socket, or dies.
"""

import codecs
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable

import msgspec

from holdall.adapters.inspect import (
    extract,
    heic,
    images,
    landlock,
    limits,
    more_images,
    office,
    packages,
    pdf,
    previews,
    sandbox,
    svg,
    text,
)
from holdall.adapters.inspect.members import MemberScan
from holdall.adapters.inspect.messages import (
    LENGTH_BYTES,
    MAX_RULES,
    Hello,
    Job,
    Outcome,
    RenditionHead,
    Reply,
    Task,
    framed,
)
from holdall.adapters.inspect.refusals import Corrupt, ImageOverLimit
from holdall.adapters.scan.matching import Matcher
from holdall.domain.files import Inspection, Rendition

_INSPECTORS: dict[Task, Callable[[int, Job], Inspection]] = {
    "image": images.inspect,
    "pdf": pdf.inspect,
    "text": text.inspect,
    "vector": svg.inspect,
    "render": previews.render,
    "read": extract.read,
}


_CODECS = ("ascii", "cp437", "cp1252", "latin-1", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
"""Python loads a codec from its file when it is first asked for, and later there are no files."""


def main(descriptor: int, parent_pid: int, rules: int | None = None) -> None:
    """Get ready, say so, and serve until the parent hangs up. ``rules`` is a file of the operator's compiled rules."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole terminal; the parent decides
    parent = socket.socket(fileno=descriptor)
    try:
        enforced = sandbox.die_with_parent(parent_pid)
        matcher = Matcher(b"" if rules is None else _read_all(rules))
        images.allow_loaders()
        heic.prepare()
        pdf.prepare()
        previews.prepare()
        for codec in _CODECS:
            codecs.lookup(codec)
        enforced += limits.forbid_always() + landlock.close_files() + sandbox.deny_system_calls()
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent has to be told why no child starts
        parent.sendall(framed(Hello(failure=f"{type(error).__name__}: {error}"[:500])))
        return
    parent.sendall(framed(Hello(enforced=enforced)))
    while (order := _receive(parent)) is not None:
        job, file = order
        try:
            reply, renditions = _do(job, file, matcher)
        finally:
            os.close(file)
        parent.sendall(b"".join([framed(reply), *renditions]))


def _read_all(file: int) -> bytes:
    """The whole of a file that other children read too, from its beginning; it is closed then."""
    try:
        return os.pread(file, os.fstat(file).st_size, 0)
    finally:
        os.close(file)


def _receive(parent: socket.socket) -> tuple[Job, int] | None:
    """The next job and its file; ``None`` when the parent has hung up."""
    data, files, _, _ = socket.recv_fds(parent, 1 << 16, 1)
    if not data:
        return None
    body_bytes = int.from_bytes(data[:LENGTH_BYTES], "big")
    while len(data) < LENGTH_BYTES + body_bytes:
        more = parent.recv(1 << 16)
        if not more:
            return None
        data += more
    return msgspec.json.decode(data[LENGTH_BYTES:], type=Job), files[0]


def _do(job: Job, file: int, matcher: Matcher) -> tuple[Reply, list[bytes]]:
    """Do the job; whatever a parser throws at a file is an answer about that file."""
    limits.allow_for_job(job.limits.memory_bytes, job.limits.cpu_seconds, os.fstat(file).st_size)
    if job.task == "scan":
        return _scan(job, file, matcher), []
    try:
        members = MemberScan(matcher, job.limits.cpu_seconds)
        reply, renditions = _inspect(job, file, members)
    except ImageOverLimit as over:
        return Reply("image-too-large", reason=str(over)), []
    except Corrupt as corrupt:
        return Reply("corrupt", reason=str(corrupt)), []
    except MemoryError:
        return Reply("corrupt", reason="needs more memory than allowed", is_last=True), []
    except Exception as error:  # noqa: BLE001 - parsers of hostile bytes may raise anything, and it says: not sound
        return Reply("corrupt", reason=f"the parser failed with {type(error).__name__}", is_last=True), []
    return (_scanned(reply, job, file, matcher, members) if job.scans_too else reply), renditions


def _inspect(job: Job, file: int, members: MemberScan) -> tuple[Reply, list[bytes]]:
    """Inspect a file that is not empty; the members of a package are scanned while they are unpacked."""
    if os.fstat(file).st_size == 0:
        raise Corrupt("the file is empty")
    if job.task == "image" and job.mime in more_images.MIMES:
        return _reported(more_images.inspect(file, job))
    if job.task == "office":
        return _reported(office.inspect(file, job, members if job.scans_too else office.unseen))
    return _reported(_INSPECTORS[job.task](file, job))


def _scan(job: Job, file: int, matcher: Matcher) -> Reply:
    """Have the rules look at the file; a scan that did not come to its end is never a clean one."""
    members = MemberScan(matcher, job.limits.cpu_seconds)
    rules = members.rules
    try:
        for rule in matcher.match(file, job.mime, job.limits.cpu_seconds):
            rules.setdefault(rule)
        if job.task == "scan" and office.is_package(job.mime):
            packages.look_into(file, job.limits, members)
        failure = members.failure
    except Exception as error:  # noqa: BLE001 - every failure is the same answer
        failure = f"{type(error).__name__}: {error}"[:200]
    outcome: Outcome = "matched" if rules else "not-scanned" if failure else "fine"
    return Reply(outcome, matched=_named(rules), not_scanned=failure, is_last=bool(failure))


def _scanned(reply: Reply, job: Job, file: int, matcher: Matcher, members: MemberScan) -> Reply:
    """A good reply, with what a scan says besides: of the file, and of the members that were unpacked."""
    if members.failure:
        return msgspec.structs.replace(reply, matched=_named(members.rules), not_scanned=members.failure)
    scan = _scan(job, file, matcher)
    if not (members.rules or scan.matched or scan.not_scanned):
        return reply
    rules = _named([*members.rules, *scan.matched])
    return msgspec.structs.replace(reply, matched=rules, not_scanned=scan.not_scanned, is_last=scan.is_last)


def _named(rules: Iterable[str]) -> tuple[str, ...]:
    """Each rule once, and as many as go into a reply."""
    return tuple(dict.fromkeys(rules))[:MAX_RULES]


def _reported(inspection: Inspection) -> tuple[Reply, list[bytes]]:
    """An inspection as it goes over the socket: the reply, and the bytes of each rendition."""
    heads = tuple(_head_of(made) for made in inspection.renditions)
    replacement = inspection.replacement
    reply = Reply(
        "fine",
        width=inspection.width,
        height=inspection.height,
        frames=inspection.frames,
        findings=inspection.findings,
        renditions=heads,
        replacement=_head_of(replacement) if replacement else None,
        encoding=inspection.encoding,
        thumbhash=inspection.thumbhash,
    )
    return reply, [made.data for made in (*inspection.renditions, *([replacement] if replacement else []))]


def _head_of(made: Rendition) -> RenditionHead:
    return RenditionHead(made.recipe, made.mime, made.width, made.height, len(made.data))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""An operator's rules come into force as they are written; broken ones never do, and those before them stay."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from holdall.adapters.inspect.examiner import ChildExaminer
from holdall.adapters.inspect.pool import ChildPool
from holdall.adapters.scan import sources
from holdall.adapters.scan.rulebook import RuleBook, RulesBroken
from holdall.adapters.scan.yara import YaraScanner
from holdall.domain.files import Family
from holdall.domain.policy import InspectionLimits
from holdall.errors import InspectorUnavailable
from holdall.ports import Verdict
from tests.support import documents
from tests.support.images import eicar

RULE = 'rule {name} {{ strings: $a = "{text}" condition: $a }}\n'


def write(folder: Path, file: str, name: str, text: str) -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(RULE.format(name=name, text=text))


class Desk:
    """A rule book, and a scanner that goes by it."""

    def __init__(self, folder: Path, file: Path) -> None:
        self.book = RuleBook(folder)
        self.pool = ChildPool(1, rules=self.book)
        self._file = file

    async def scan(self, data: bytes) -> Verdict:
        self._file.write_bytes(data)
        return await YaraScanner(self.pool).scan(self._file, "application/octet-stream")


def at_desk(tmp_path: Path, story: Callable[[Desk], Awaitable[None]]) -> None:
    """Tell a story; nothing is left running."""
    (tmp_path / "rules").mkdir(exist_ok=True)

    async def run() -> None:
        desk = Desk(tmp_path / "rules", tmp_path / "file")
        try:
            await story(desk)
        finally:
            await desk.pool.close()
            desk.book.close()

    asyncio.run(run())


def test_an_operators_rule_counts_besides_ours(tmp_path: Path):
    """In a subfolder too, and under a name that another file uses as well."""
    write(tmp_path / "rules", "a.yar", "Theirs", "abracadabra")
    write(tmp_path / "rules", "more/b.yara", "Theirs", "hocus pocus")

    async def story(desk: Desk) -> None:
        assert (await desk.scan(b"abracadabra")).signature == "Theirs"
        assert (await desk.scan(b"hocus pocus")).signature == "Theirs"
        assert (await desk.scan(eicar())).signature == "Eicar_Test_File"
        assert (await desk.scan(b"good day")).is_clean
        assert (await desk.book.current()).count == 2

    at_desk(tmp_path, story)


def test_all_rules_that_match_are_told(tmp_path: Path):
    """Ours and theirs; of the packed file and of what it holds."""
    write(tmp_path / "rules", "a.yar", "Theirs", "abracadabra")
    write(tmp_path / "rules", "b.yar", "Also_Theirs", "cadabra")
    write(tmp_path / "rules", "c.yar", "Of_The_Name", "spell.txt")

    async def story(desk: Desk) -> None:
        assert set((await desk.scan(b"abracadabra" + eicar())).signatures) == {
            "Eicar_Test_File",
            "Theirs",
            "Also_Theirs",
        }
        package = _text(tmp_path, documents.package({"spell.txt": "abracadabra", "other.txt": eicar().decode()}))
        for family in (Family.OFFICE, Family.OPAQUE):
            examiner = ChildExaminer(desk.pool, YaraScanner(desk.pool))
            examined = await examiner.examine(package, "application/zip", family, InspectionLimits(), ())
            assert sorted(examined.verdict.signatures) == ["Also_Theirs", "Eicar_Test_File", "Of_The_Name", "Theirs"]

    at_desk(tmp_path, story)


def test_a_verdict_names_the_version_of_its_rules(tmp_path: Path):
    write(tmp_path / "rules", "a.yar", "Theirs", "abracadabra")
    expected = sources.digest((*sources.packaged(), *sources.of_folder(tmp_path / "rules")))

    async def story(desk: Desk) -> None:
        examined = await ChildExaminer(desk.pool, YaraScanner(desk.pool)).examine(
            _text(tmp_path, b"abracadabra"), "text/plain", Family.TEXT, InspectionLimits(), ()
        )
        scanned = await desk.scan(b"abracadabra")
        assert examined.verdict.scanner == scanned.scanner == f"yara {expected[:12]}"

    at_desk(tmp_path, story)


def _text(folder: Path, data: bytes) -> Path:
    path = folder / "text"
    path.write_bytes(data)
    return path


def test_a_changed_rule_is_taken_up_by_the_next_scan(tmp_path: Path):
    """Its child is another one; unchanged rules keep theirs."""
    write(tmp_path / "rules", "a.yar", "Old", "abracadabra")

    async def story(desk: Desk) -> None:
        assert (await desk.scan(b"abracadabra")).signature == "Old"
        old = desk.pool.pids
        assert not await desk.book.refresh()
        assert (await desk.scan(b"abracadabra")).signature == "Old"
        assert desk.pool.pids == old

        write(tmp_path / "rules", "a.yar", "New", "hocus pocus")
        assert await desk.book.refresh()
        assert (await desk.scan(b"hocus pocus")).signature == "New"
        assert (await desk.scan(b"abracadabra")).is_clean
        assert desk.pool.pids != old

        (tmp_path / "rules" / "a.yar").unlink()
        assert await desk.book.refresh()
        assert (await desk.scan(b"hocus pocus")).is_clean

    at_desk(tmp_path, story)


@pytest.mark.parametrize(
    "text",
    [b"rule Broken {", b"rule R { condition: nonsense }", b'include "/etc/passwd"', b"\xff\xfe", b'import "no_such"'],
)
def test_broken_rules_leave_the_old_ones_in_force(tmp_path: Path, text: bytes):
    """Told once, by name."""
    write(tmp_path / "rules", "a.yar", "Old", "abracadabra")

    async def story(desk: Desk) -> None:
        assert (await desk.scan(b"abracadabra")).signature == "Old"
        (tmp_path / "rules" / "broken.yar").write_bytes(text)
        with capture_logs() as logs:
            for _ in range(3):
                assert not await desk.book.refresh()
        assert len([line for line in logs if line["log_level"] == "error"]) == 1
        assert (await desk.scan(b"abracadabra")).signature == "Old"

        (tmp_path / "rules" / "broken.yar").unlink()
        write(tmp_path / "rules", "a.yar", "New", "abracadabra")
        assert await desk.book.refresh()
        assert (await desk.scan(b"abracadabra")).signature == "New"

    structlog.reset_defaults()
    at_desk(tmp_path, story)


@pytest.mark.parametrize("is_missing", [True, False])
def test_without_good_rules_nothing_is_scanned(tmp_path: Path, is_missing: bool):
    """Neither with ours alone: the operator wants more."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "broken.yar").write_text("rule Broken {")

    async def story(desk: Desk) -> None:
        if is_missing:
            (tmp_path / "rules" / "broken.yar").unlink()
            (tmp_path / "rules").rmdir()
        with pytest.raises(RulesBroken, match="no such folder" if is_missing else r"broken\.yar"):
            await desk.book.current()
        with pytest.raises(InspectorUnavailable):
            await desk.pool.edition()
        assert "rules are broken" in (await desk.scan(b"good day")).not_scanned

    at_desk(tmp_path, story)


def test_a_digest_is_of_names_and_texts_and_nothing_else():
    one, two = sources.Source("a", "bc"), sources.Source("ab", "c")

    assert sources.digest([one]) == sources.digest([sources.Source("a", "bc")])
    assert len({sources.digest(rules) for rules in ([], [one], [two], [one, two], [two, one])}) == 5


def test_rules_that_ask_for_usual_variables_compile(tmp_path: Path):
    """Published rules name the file's path and extension; here those are empty."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yar").write_text('rule R { condition: filename == "" and extension != "exe" }')

    async def story(desk: Desk) -> None:
        assert (await desk.scan(b"x")).signature == "R"

    at_desk(tmp_path, story)

"""Malware rules at work, inside a child: compiled once, then run over one file after the other."""

from importlib import resources

import yara_x

_RULES = resources.files("holdall.adapters.scan") / "rules"
RULE_FILES = ("eicar.yar", "disguises.yar", "programs.yar")


class Matcher:
    """The compiled rules."""

    def __init__(self) -> None:
        """Compile the packaged rules; some 10 ms.

        Raises:
            yara_x.CompileError: a rule file is broken.

        """
        compiler = yara_x.Compiler()
        compiler.define_global("mime", "")
        for name in RULE_FILES:
            compiler.new_namespace(name)
            compiler.add_source((_RULES / name).read_text())
        self._scanner = yara_x.Scanner(compiler.build())
        self._scanner.scan(b"")  # the first scan reserves address space, which the limits are not to count

    def match(self, file: int, mime: str, seconds: int) -> str:
        """The name of the first rule that matches the file, taken to be of type ``mime``; ``""`` when none does.

        The whole file is mapped, not read, so its size costs no memory.

        Raises:
            yara_x.TimeoutError: it took longer than ``seconds``.
            yara_x.ScanError, OSError: the file could not be scanned to its end.

        """
        self._scanner.set_global("mime", mime)
        self._scanner.set_timeout(seconds)
        matches = self._scanner.scan_file(f"/dev/fd/{file}").matching_rules
        return matches[0].identifier if matches else ""

"""The program that compiles an operator's rules: ``python -m holdall.adapters.scan.compiling``.

A thousand rules take some two seconds, which the server's process does not have, and every new child would need them
again; what this program makes of them, a child loads in a tenth of a second. In: a JSON list of ``[name, text]``.
Out: the number of rules in four bytes, and the rules.
"""

import io
import json
import sys

import yara_x

COUNT_BYTES = 4
UNKNOWN_HERE = ("filename", "filepath", "extension", "filetype", "owner")
"""Variables that published rules ask for, as their usual scanners set them; here they are empty texts."""


def main() -> None:
    """Compile what comes in; a rule that is broken is named on standard error, with exit code 1."""
    sources = json.load(sys.stdin)
    try:
        rules = compiled(sources)
    except (yara_x.CompileError, ValueError) as error:
        sys.stderr.write(str(error))
        sys.exit(1)
    packed = io.BytesIO()
    rules.serialize_into(packed)
    sys.stdout.buffer.write(sum(1 for _ in rules).to_bytes(COUNT_BYTES, "big") + packed.getvalue())


def compiled(sources: list[tuple[str, str]]) -> yara_x.Rules:
    """All of the rules as one set; each file has names of its own, and stands by itself.

    Raises:
        yara_x.CompileError: a rule is broken; the message names the file.

    """
    compiler = yara_x.Compiler()
    compiler.enable_includes(False)
    compiler.define_global("mime", "")
    compiler.define_global("is_start", True)
    for name in UNKNOWN_HERE:
        compiler.define_global(name, "")
    for name, text in sources:
        compiler.new_namespace(name)
        compiler.add_source(text, origin=name)
    return compiler.build()


if __name__ == "__main__":
    main()

"""The table of functions in docs/reference/formulas.md, made from the functions themselves (``make docs``)."""

from collections.abc import Iterator
from pathlib import Path

from holdall.domain.formulas.functions import FAMILIES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "formulas.md"
_MARK = "<!-- functions: written by `make docs` from the code -->\n"
_END = "<!-- end -->"


def render() -> str:
    """The whole page: what stands around the table is kept."""
    head, _, rest = PAGE.read_text().partition(_MARK)
    return head + _MARK + "\n".join(_tables()) + "\n" + _END + rest.partition(_END)[2]


def _tables() -> Iterator[str]:
    for family, functions in FAMILIES.items():
        yield f"\n### {family}\n\n| function | is |\n|---|---|"
        for function in functions:
            yield f"| `{function.name}({function.takes})` | {function.gives} |"


if __name__ == "__main__":
    PAGE.write_text(render())

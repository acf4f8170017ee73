"""Links between the documents and the paths that they name lead somewhere, and their tables are well formed."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from test_rooms import ROOMS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "guides").glob("*.md")])
each = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
LINK = re.compile(r"(?<!`)\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """The text of a page without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings as GitHub makes them; those of repeated headings are numbered."""
    found: list[str] = []
    seen: Counter[str] = Counter()
    for heading in re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w -]", "", plain).replace(" ", "-")
        found.append(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return set(found)


@each
def test_links_lead_somewhere(page):
    broken = []
    for target in LINK.findall(prose(page)):
        name, _, anchor = target.partition("#")
        if "://" in name:
            continue
        file = page.parent / name if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/quickstart_development.md", "docs/design.md"])
def test_paths_of_the_tree_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    paths = set(re.findall(r"(?<![\w/.])((?:pvdm|tests|tools|configs|docs)/[\w/.-]*\w)", text))
    assert paths and not [path for path in paths if "NAME" not in path and not (ROOT / path).exists()]


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem != "evaluation"], ids=lambda page: page.name)
def test_modules_that_are_named_exist(page):
    """`training/data.py` and the like; docs/evaluation.md names those of other projects."""
    modules = [path for part in ("pvdm", "tests", "tools") for path in (ROOT / part).rglob("*.py")]
    tree = [f"/{path.relative_to(ROOT).as_posix()}" for path in modules]
    named = set(re.findall(r"`([\w/]+\.py)`", page.read_text(encoding="utf-8")))
    unknown = [name for name in named if not any(path.endswith(f"/{name}") for path in tree)]
    assert not [name for name in unknown if not name.endswith("NAME.py")]  # stands for the name of something new


def test_the_guide_lists_the_rooms_in_their_order():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE) == list(ROOMS)


@each
def test_tables_are_well_formed(page):
    """Every row has as many cells as the head, and the second row is the delimiter row."""
    blocks = re.findall(r"(?:^\|.*\n)+", prose(page) + "\n", flags=re.MULTILINE)
    for block in blocks:
        rows = [re.sub(r"`[^`]*`", "code", row).replace(r"\|", "") for row in block.splitlines()]
        assert len({row.count("|") for row in rows}) == 1, block
        assert re.fullmatch(r"\|(?:\s*:?-+:?\s*\|)+", rows[1]), block

"""Links between the documents and the paths that they name lead somewhere, and their tables are well formed."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from test_rooms import ROOMS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
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

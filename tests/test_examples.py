"""The notebooks run, shortened, from their first cell to their last, and show what they make."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SHORTER = {
    "1_first_video": {"SEED": 0, "VIDEOS": 2, "STEPS": 1, "FRAMES": 32},
    "2_train_on_your_own": {"VIDEOS": 8, "UPDATES_1": 1, "UPDATES_2": 1, "STEPS": 1},
    "3_conditions": {"STEPS": 1, "FRAMES": 32},
    "4_three_planes": {"STEPS": 1},
    "5_measuring_honestly": {"CLIPS": 4, "STEPS": 1},
}
"""What the cell of parameters says in the test of a notebook."""
MOST_BYTES = 100_000


def notebook(name: str) -> dict[str, Any]:
    return json.loads((EXAMPLES / f"{name}.ipynb").read_text(encoding="utf-8"))


def code(book: dict[str, Any], parameters: dict[str, int]) -> list[str]:
    """The cells of code, with these parameters."""
    cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    own = "\n".join(f"{name} = {value}" for name, value in parameters.items())
    return [own if "parameters" in cell["metadata"].get("tags", ()) else "".join(cell["source"]) for cell in cells]


def shown(cell: str, names: dict[str, Any]) -> Any:
    """Runs a cell; returns the value of its last line, if that is an expression."""
    tree = ast.parse(cell)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


@pytest.mark.parametrize("name", SHORTER)
def test_a_notebook_runs_and_shows_videos(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    values = [shown(cell, names) for cell in code(notebook(name), SHORTER[name])]
    pages = [value._repr_html_() for value in values if hasattr(value, "_repr_html_")]
    assert len(pages) >= 2 and all("data:" in page for page in pages)


def test_all_notebooks_are_tested_and_stored_without_outputs():
    assert sorted(SHORTER) == sorted(path.stem for path in EXAMPLES.glob("*.ipynb"))
    for name in SHORTER:
        book = notebook(name)
        cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
        assert "pip" in "".join(cells[0]["source"]) and book["cells"][0]["cell_type"] == "markdown"
        assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
        parameters = ["".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", ())]
        assert [line.split(" = ")[0] for line in parameters[0].splitlines()] == list(SHORTER[name])
        assert (EXAMPLES / f"{name}.ipynb").stat().st_size < MOST_BYTES

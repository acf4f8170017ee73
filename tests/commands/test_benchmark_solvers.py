"""`pvdm benchmark solvers`: JSON and tables in a document; and that the committed ones belong together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pvdm.benchmark.solvers import solver_command
from pvdm.benchmark.solvers.solver_command import BEGIN, END, PAPER, default_case, errors, into_document
from pvdm.cli import main
from pvdm.diffusion import TriplaneUNet

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = json.loads((DOCS / "benchmarks" / "solvers.json").read_text(encoding="utf-8"))


def test_a_study_of_a_model(pvdm, model, tmp_path, monkeypatch):
    monkeypatch.setattr(TriplaneUNet, "forward", lambda self, z, t, condition=None: 0.5 * z.tanh())
    monkeypatch.setattr(solver_command, "MIXTURE_VALUES", 4)
    for name in ("WHOLE", "PART"):
        monkeypatch.setattr(solver_command, name, {"grids": ("uniform", "cubic"), "steps": (20, 100)})
    output, page = tmp_path / "s.json", tmp_path / "s.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    options = ["--document", page, "--num-videos", 1, "--device", "cpu"]
    pvdm("benchmark", "solvers", "--model", model, "--output", output, *options)
    found = json.loads(output.read_text(encoding="utf-8"))
    assert found["format"] == "pvdm-solvers" and found["settings"]["videos"] == 1 and found["model"]["sha256"]
    assert list(found["subjects"]) == ["mixture", "model", "model, not clamped"]
    for subject in found["subjects"].values():
        assert len(subject["rows"]) == len(errors(subject)) == 4 * 2 * 2
        assert subject["reference"]["solver"] == "unipc"
    assert found["subjects"]["model"]["rows"][0]["error_exact"] is None
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n**mixture**") and text.endswith(f"{END}\nafter\n") and "old" not in text
    assert text.count("| unipc | cubic |") == 3


def test_a_document_without_a_place_is_refused_at_once(model, tmp_path, caplog):
    page = tmp_path / "s.md"
    page.write_text("no tables", encoding="utf-8")
    words = ["benchmark", "solvers", "--model", model, "--output", tmp_path / "s.json", "--document", page]
    assert main(list(map(str, words))) == 2
    assert "has no place for tables; put the lines" in caplog.messages[-1]
    assert page.read_text(encoding="utf-8") == "no tables" and not (tmp_path / "s.json").exists()


def test_the_picture_is_gone_and_the_refusal_says_so(refusal, tmp_path):
    words = ["--model", tmp_path, "--output", tmp_path / "s.json", "--picture", "s.png"]
    assert "--picture was removed: the tables say the same" in refusal("benchmark", "solvers", *words)


def test_the_tables_of_the_document_are_those_of_the_file():
    assert into_document(DOCS / "solvers.md", RESULTS) == (DOCS / "solvers.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", RESULTS["subjects"])
def test_what_was_found_is_why_the_default_is_what_it_is(name):
    found = errors(RESULTS["subjects"][name])
    assert found[default_case()] < found[PAPER]

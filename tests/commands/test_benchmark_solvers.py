"""`pvdm benchmark solvers`: JSON and tables; and that the committed ones belong together."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from pvdm.benchmark import solver_study
from pvdm.benchmark.solver_study import PAPER, default_case, errors, tables
from pvdm.diffusion import TriplaneUNet

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = json.loads((DOCS / "benchmarks" / "solvers.json").read_text(encoding="utf-8"))


def test_a_study_of_a_model(pvdm, model, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(TriplaneUNet, "forward", lambda self, z, t, condition=None: 0.5 * z.tanh())
    for name in ("WHOLE", "PART"):
        monkeypatch.setattr(solver_study, name, {"grids": ("uniform", "cubic"), "steps": (20, 100)})
    output = tmp_path / "s.json"
    with caplog.at_level(logging.INFO):
        pvdm("benchmark", "solvers", "--model", model, "--output", output, "--num-videos", 1, "--device", "cpu")
    found = json.loads(output.read_text(encoding="utf-8"))
    assert found["format"] == "pvdm-solvers" and found["settings"]["videos"] == 1 and found["model"]["sha256"]
    assert list(found["subjects"]) == ["model", "model, not clamped"]
    for subject in found["subjects"].values():
        assert len(subject["rows"]) == len(errors(subject)) == 4 * 2 * 2
        assert subject["reference"]["solver"] == "unipc"
    assert caplog.text.count("| unipc | cubic |") == 2


@pytest.mark.parametrize(
    ("option", "reason"),
    [("--document", "the tables are printed as Markdown"), ("--picture", "the tables say the same")],
)
def test_what_was_removed_says_why(refusal, tmp_path, option, reason):
    words = ["--model", tmp_path, "--output", tmp_path / "s.json", option, "s.file"]
    assert f"{option} was removed: {reason}" in refusal("benchmark", "solvers", *words)


def test_the_tables_of_the_document_are_those_of_the_file():
    assert tables(RESULTS) in (DOCS / "solvers.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", RESULTS["subjects"])
def test_what_was_found_is_why_the_default_is_what_it_is(name):
    found = errors(RESULTS["subjects"][name])
    assert found[default_case()] < found[PAPER]

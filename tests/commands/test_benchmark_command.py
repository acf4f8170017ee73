"""`pvdm benchmark`: a report at the end, resuming by the same command, and errors of one sentence."""

from __future__ import annotations

import json
import logging
import shutil

import pytest
from benchmark.small_benchmark import context_of, make_ucf101, small_plan, with_tiny_detectors, without_curves

from pvdm.benchmark.paper_tables import about


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("ucf101") / "data"


@pytest.fixture
def root(kept, make_video):
    if not kept.exists():
        make_ucf101(kept, make_video)
    return kept


@pytest.fixture(autouse=True)
def networks(monkeypatch):
    without_curves(monkeypatch)
    return with_tiny_detectors(monkeypatch)


def test_a_quick_benchmark_ends_in_a_page_and_goes_on_with_what_is_done(
    pvdm, refusal, model, root, tmp_path, caplog, monkeypatch
):
    report = tmp_path / "report"
    options = ["ucf101", "--root", root, "--model", model, "--output", report, "--quick"]
    options += ["--settings", "dpmpp_2m:1/1", "--num-videos", 2]
    with caplog.at_level(logging.INFO):
        pvdm("benchmark", *options)
    assert f"open {report / 'index.html'}" in caplog.text and "FVD16" in caplog.text
    results = json.loads((report / "results.json").read_text())
    assert results["format"] == "pvdm-benchmark" and results["quick"] and "must not be compared" in results["remark"]
    assert results["settings"]["labels"] == "none"
    assert results["model"]["frames"] == 8 and results["model"]["sha256"] and results["versions"]["torch"]
    assert results["weights"]["i3d-random"]["sha256"] == "0" * 64 and "i3d-400" in results["weights"]
    (missing,) = {figure["missing"] for figure in results["figures"] if figure["id"] == "is"}
    assert missing == "c3d_ucf101.pt is not here, and --quick fetches nothing; give its path as --c3d"
    assert "fetching" not in caplog.text
    assert {entry["frames"] for entry in results["speed"]} == {16, 128}
    assert [entry["missing"] is None for entry in results["largest_batch"]] == [False, False]
    assert (report / "index.html").stat().st_size > 10_000

    pvdm("benchmark", *options)
    again = json.loads((report / "results.json").read_text())
    assert {**again, "date": None} == {**results, "date": None}, "even the times are those of the first run"
    assert "holds a benchmark of other settings; pass --overwrite" in refusal("benchmark", *options, "--seed", 1)

    with monkeypatch.context() as later:
        later.setattr("pvdm.benchmark.paper_tables.versions", lambda: {"torch": "99.0"})
        assert "holds a benchmark of other versions; pass --overwrite" in refusal("benchmark", *options)

    shutil.copytree(report, tmp_path / "other")
    message = refusal("benchmark", *options, "--against", tmp_path / "other")
    assert message.endswith("other is of this model and these settings; give as --against a report of another model")
    results["model"]["sha256"] = "of another model"
    (tmp_path / "other" / "results.json").write_text(json.dumps(results))
    pvdm("benchmark", *options, "--against", tmp_path / "other")
    shown = json.loads((report / "results.json").read_text())["videos"]
    assert sum(video["kind"] == "other" for video in shown) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--root", "nowhere"], "nowhere"),
        (["--model", "nowhere"], "there is no model at nowhere; give an exported folder or a training checkpoint"),
        (
            ["--settings", "fast"],
            "the setting 'fast' is not understood; give steps of the first clip and of later ones",
        ),
        (["--settings", "4/4", "4/4"], "a setting is given twice, or none is"),
        (["--settings", "400/400"], "400 steps are more than the 200 timesteps of this model; give at most 200"),
        (["--eta", "2"], "eta is 2.0; it must be in [0, 1]"),
        (["--i3d", "nowhere.pt"], "nowhere.pt does not hold i3d-400; give another file"),
        (["--lpips-weights", "nowhere.pt"], "there is no file nowhere.pt (vgg16-397923af.pth is needed)"),
        (["--against", "nowhere"], "nowhere holds no results of pvdm benchmark; give its --output as --against"),
        (["--device", "toaster"], "there is no device toaster here"),
        ([], "needs 2048 generated clips and there are 3; pass --allow-few, which marks the figure"),
    ],
)
def test_what_is_refused_leaves_nothing(refusal, model, root, tmp_path, options, message):
    given = ["--root", root, "--model", model, "--output", tmp_path / "report", "--device", "cpu", "--num-videos", 3]
    settings = [] if "--settings" in options else ["--settings", "4/4"]
    assert message in refusal("benchmark", "ucf101", *given, *settings, *options)
    assert not (tmp_path / "report").exists()


def test_weights_are_asked_for_by_the_options_of_this_command(refusal, model, root, tmp_path, monkeypatch):
    monkeypatch.undo()  # the detectors themselves
    (tmp_path / "notes.pt").write_text("my notes")
    given = ["--root", root, "--model", model, "--output", tmp_path / "report", "--device", "cpu", "--quick"]
    message = refusal("benchmark", "ucf101", *given, "--settings", "4/4", "--i3d", tmp_path / "notes.pt")
    assert message.endswith("and give its path as --i3d") and not (tmp_path / "report").exists()


def test_output_that_is_something_else(refusal, model, root, tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "notes.txt").write_text("precious")
    options = [
        "ucf101",
        "--root",
        root,
        "--model",
        model,
        "--output",
        tmp_path / "report",
        "--quick",
        "--device",
        "cpu",
    ]
    assert "report exists already; pass --overwrite" in refusal("benchmark", *options)
    assert "holds notes.txt, which would be lost" in refusal("benchmark", *options, "--overwrite")


def test_output_that_cannot_be_written(refusal, model, root, tmp_path):
    (tmp_path / "file").write_text("")
    options = ["--root", root, "--model", model, "--output", tmp_path / "file" / "report", "--quick", "--device", "cpu"]
    assert "cannot be written" in refusal("benchmark", "ucf101", *options)


def test_the_results_say_how_labels_are_chosen(root, labelled_model, tmp_path):
    settings = about(context_of(small_plan(root), labelled_model, tmp_path / "report"))["settings"]
    assert settings["labels"] == "all classes in turn"

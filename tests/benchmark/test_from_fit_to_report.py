"""From real videos to the report: `pvdm fit` of both stages, `pvdm export` and `pvdm benchmark` on the small sets."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from benchmark.small_benchmark import with_tiny_detectors, without_curves
from test_report import Page
from training.miniature import arguments

from pvdm.cli import main
from pvdm.data.layouts.skytimelapse import find_skytimelapse
from pvdm.data.layouts.splits import Entry
from pvdm.data.layouts.ucf101 import find_ucf101
from pvdm.video import probe

CLASSES = ("ApplyLipstick", "BodyWeightSquats")

FRAMES = 16
"""Of a model's clip: the paper's, so that a long video is 8 of them."""

TRAINING, TEST = 3, 2
"""Videos of each class, or of the whole, that are taken of either part."""

OF_SAMPLES = {"fvd16", "fvd128", "fvd16_random", "fvd128_random", "warping_error", "second_differences", "motion"}
OF_SAMPLES |= {"diversity", "copied_share"}
OF_PARTS = {"rfvd", "rfvd_random", "psnr", "ssim", "lpips", "st_rred"}
MEASURED_WHEN_QUICK = OF_PARTS - {"lpips", "st_rred"}


@dataclass(frozen=True)
class Benchmarked:
    """A data set and what came of it; `training` and `test` are how many videos its parts have."""

    dataset: str
    training: int
    test: int
    report: Path
    results: dict[str, Any]
    page: Page

    def figure(self, id: str, part: str | None = None) -> dict[str, Any]:
        [found] = [figure for figure in self.results["figures"] if (figure["id"], figure["part"]) == (id, part)]
        return found

    @property
    def clips(self) -> list[dict[str, str]]:
        """What the page's wall shows, attributes by name."""
        return [attributes for _, attributes in self.page.elements if attributes.get("class") == "clip"]

    def videos(self, kind: str, frames: int = 16) -> list[dict[str, Any]]:
        return [video for video in self.results["videos"] if (video["kind"], video["frames"]) == (kind, frames)]


@pytest.fixture(scope="module", params=["ucf101", "skytimelapse"])
def benchmarked(request, shared_data, tmp_path_factory) -> Benchmarked:
    """All of it once for each data set; what would be downloaded is not to be had."""
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PVDM_CACHE", str(folder / "cache"))
        monkeypatch.setenv("TORCH_HOME", str(folder / "torch"))
        monkeypatch.setattr("pvdm.files.weights.urlopen", _no_network)
        without_curves(monkeypatch)
        with_tiny_detectors(monkeypatch)
        training, test = SUBSETS[request.param](shared_data, folder / "data")
        _report(request.param, _model(request.param, folder), folder)
    report = folder / "report"
    results = json.loads((report / "results.json").read_text(encoding="utf-8"))
    page = Page((report / "index.html").read_text(encoding="utf-8"))
    return Benchmarked(request.param, training, test, report, results, page)


def _ucf101(shared: Path, folder: Path) -> tuple[int, int]:
    """A few videos of two classes and all the lists, most of whose videos are therefore absent."""
    root, counts = shared / "UCF-101", []
    parts = find_ucf101(root)
    for entries, count in ((parts.training, TRAINING), (parts.validation, TEST)):
        chosen = [[e for e in entries if e.path.parent.name == name][:count] for name in CLASSES]
        counts.append(_copied([entry for group in chosen for entry in group], root, folder))
    shutil.copytree(root / "ucfTrainTestlist", folder / "ucfTrainTestlist")
    return counts[0], counts[1]


def _skytimelapse(shared: Path, folder: Path) -> tuple[int, int]:
    """The first few folders of frames of either part; the first of the test part are larger than the others."""
    root = shared / "sky_timelapse"
    parts = find_skytimelapse(root)
    return _copied(parts.training[:TRAINING], root, folder), _copied(parts.validation[:TEST], root, folder)


SUBSETS = {"ucf101": _ucf101, "skytimelapse": _skytimelapse}


def _copied(entries: Sequence[Entry], root: Path, folder: Path) -> int:
    """Puts videos where they lie below `root` below `folder`; how many."""
    for entry in entries:
        place = folder / entry.path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if entry.path.is_dir() else shutil.copyfile)(entry.path, place)
    return len(entries)


def _no_network(*_: Any, **__: Any) -> None:
    raise URLError("no route to host")


def _run(*command: object) -> None:
    assert main([str(part) for part in command]) == 0


def _model(dataset: str, folder: Path) -> Path:
    """Trains one update of stage 1 and two of stage 2, and exports what came of it."""
    more = {"data__frames": FRAMES, "data__clips_per_video": 1, "trainer__limit_val_batches": 1}
    configs = ["-c", f"configs/data/{dataset}.yaml"]
    _run(*arguments("fit", "autoencoder", folder / "first", folder / "data", **more, trainer__max_steps=1), *configs)
    more |= {"model__autoencoder": folder / "first" / "checkpoints" / "last.ckpt", "trainer__max_steps": 2}
    _run(*arguments("fit", "diffusion", folder / "second", folder / "data", **more), *configs)
    _run("export", folder / "second" / "checkpoints" / "last.ckpt", "--output", folder / "model")
    return folder / "model"


def _report(dataset: str, model: Path, folder: Path) -> None:
    """`folder`/report."""
    options = ["--settings", "dpmpp_2m:1/1", "--num-videos", 2, "--quick", "--device", "cpu"]
    _run("benchmark", dataset, "--root", folder / "data", "--model", model, "--output", folder / "report", *options)


def test_each_figure_has_a_value_or_a_reason(benchmarked):
    figures = benchmarked.results["figures"]
    for figure in figures:
        assert (figure["value"] is None) == bool(figure["missing"]), figure
        assert figure["value"] is None or math.isfinite(figure["value"]), figure
    found = {(figure["id"], figure["part"]) for figure in figures}
    inception = {("is", None)} if benchmarked.dataset == "ucf101" else set()
    parts = {(id, part) for id in OF_PARTS for part in ("train", "test")}
    assert found == {(id, None) for id in OF_SAMPLES} | parts | inception and len(found) == len(figures)


def test_both_parts_are_reconstructed(benchmarked):
    for part, videos in (("train", benchmarked.training), ("test", benchmarked.test)):
        for id in MEASURED_WHEN_QUICK:
            figure = benchmarked.figure(id, part)
            assert figure["value"] is not None and figure["missing"] is None, id
            assert (figure["counts"]["real"], figure["counts"]["fake"]) == (videos, videos)
        assert benchmarked.figure("rfvd", part)["value"] > 0
        assert len(benchmarked.results["curves"]["psnr_per_frame"][part]) == 16
    assert "--quick fetches nothing; give its path as --lpips-weights" in benchmarked.figure("lpips", "test")["missing"]
    assert "a run without --quick" in benchmarked.figure("st_rred", "test")["missing"]


def test_samples_are_measured_beside_training_videos(benchmarked):
    for id in ("fvd16", "fvd16_random", "warping_error", "diversity"):
        figure = benchmarked.figure(id)
        assert figure["value"] is not None and figure["setting"] == "1/1" and figure["sampler"] == "dpmpp_2m"
        assert figure["few"] and figure["protocol"] == "custom" and figure["based_on"]
        counts = figure["counts"]
        assert (counts["fake"], counts["real"]) == (2, benchmarked.training)
        assert (counts["real_available"], counts["dropped_short"]) == (benchmarked.training, 0)


def test_the_model_is_the_one_that_was_trained(benchmarked):
    model = benchmarked.results["model"]
    assert (model["frames"], model["height"], model["width"], model["training_step"]) == (FRAMES, 16, 16, 2)
    config = json.loads((benchmarked.report.parent / "model" / "config.json").read_text(encoding="utf-8"))
    assert model["fps"] == (config["fps"] or 25) and len(model["sha256"]) == 64


def test_files_are_what_the_results_say(benchmarked):
    assert len(benchmarked.videos("generated")) == len(benchmarked.videos("extended", 128)) == 2
    assert len(benchmarked.videos("real")) == len(benchmarked.videos("reconstructed")) == 4
    for video in benchmarked.results["videos"]:
        info = probe(benchmarked.report / video["file"])
        assert (info.frames, info.height, info.width) == (video["frames"], 16, 16)
    assert [(benchmarked.report / pair["picture"]).is_file() for pair in benchmarked.results["nearest"]] == [True] * 2


def test_the_page_says_what_it_is_of(benchmarked):
    title = {"ucf101": "UCF101", "skytimelapse": "SkyTimelapse"}[benchmarked.dataset]
    said, remark = benchmarked.page.said, benchmarked.results["remark"]
    assert said.startswith(f"pvdm benchmark: {title} ")
    assert "a subset of the data" in remark and "must not be compared" in remark and remark in said
    [row] = [row for row in benchmarked.page.rows if row[:2] == ["R-FVD", "test"]]
    assert float(row[2]) == pytest.approx(benchmarked.figure("rfvd", "test")["value"], rel=1e-3)
    assert f"real {benchmarked.test}, fake {benchmarked.test}" in row[-1]
    kinds = Counter(clip["data-kind"] for clip in benchmarked.clips)
    assert kinds == Counter(video["kind"] for video in benchmarked.results["videos"])


@pytest.mark.parametrize("benchmarked", ["ucf101"], indirect=True)
def test_the_wall_shows_the_classes_of_real_clips(benchmarked):
    for frames in (16, 128):
        assert {video["label"] for video in benchmarked.videos("real", frames)} == set(CLASSES)
    shown = {clip["data-class"] for clip in benchmarked.clips if clip["data-kind"] == "real"}
    assert shown == set(CLASSES)
    assert "--quick fetches nothing; give its path as --c3d" in benchmarked.figure("is")["missing"]
    assert benchmarked.figure("fvd128")["counts"]["dropped_short"] == 2, "of the six, 77 and 51 frames long"


@pytest.mark.parametrize("benchmarked", ["skytimelapse"], indirect=True)
def test_what_short_videos_cannot_give_is_said(benchmarked):
    for id in ("fvd128", "fvd128_random"):
        assert "give data with longer videos" in benchmarked.figure(id)["missing"]
    assert benchmarked.videos("real", 128) == []
    assert {video["label"] for video in benchmarked.videos("real")} == {None}

"""Two selections, one small model each, to pairs, votes and ratings; and what is refused before anything is trained."""

from __future__ import annotations

import argparse
import itertools
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from data.catalogue.small_catalogues import write_catalogue

from pvdm.cli import main
from pvdm.commands.studies.selection_comparison import (
    add_compare_arguments,
    add_elo_arguments,
    run_compare,
    run_elo,
)
from pvdm.data.catalogue.clip_table import read_clips, write_clips
from pvdm.data.catalogue.selection import select
from pvdm.errors import InputError
from pvdm.evaluation.preferences.study_store import StudyStore
from pvdm.training.cli.budgeted_training import BudgetedRun
from pvdm.video import read_video, write_video

SMALL = {"data.batch_size": 1, "data.height": 32, "data.width": 32, "data.frames": 8}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A recipe, and two selections of one catalogue."""
    folder, random = tmp_path_factory.mktemp("compare"), np.random.default_rng(0)
    spans = {}
    for index in range(4):
        clip = torch.from_numpy(random.integers(0, 256, (3, 20, 32, 32), dtype=np.uint8))
        write_video(folder / "videos" / f"{index}.mp4", clip, fps=8)
        spans[f"{index}.mp4"] = [(0, 19, {"motion": float(index)})]
    catalogue = read_clips(write_catalogue(folder / "catalogue", folder / "videos", spans))
    for name, where in (("calm", "motion < 3"), ("lively", "motion >= 1")):
        kept = select(catalogue, where=where).clips
        write_clips(folder / f"{name}.parquet", kept.table, kept.metadata)
    stages = [
        {"name": name, "config": [f"configs/{name}.yaml", f"configs/sizes/{name}-tiny.yaml"], "overrides": {**SMALL}}
        for name in ("autoencoder", "diffusion")
    ]
    stages[1]["overrides"]["model.autoencoder"] = "{output}/autoencoder/checkpoints/last.ckpt"
    (folder / "small.yaml").write_text(yaml.safe_dump({"stages": stages}))
    return folder


@pytest.fixture
def in_process(monkeypatch) -> list[dict[str, str]]:
    """Trainings run in this process, since importing everything takes longer; the arguments of each.

    Budgets are not measured (tests/benchmark/test_learning.py does), but allow 2 and 1 updates of the stages.
    """
    called = []

    def call(self, arguments, log, stage):
        called.append(dict(pairwise(arguments)))
        assert main(list(arguments)) == 0

    def calibrated(self, stage, budget):
        assert budget == 5 and self.folder.name == "calm"  # the others do as many updates
        return {"calibration": None, "updates": {"autoencoder": 2, "diffusion": 1}[stage.name]}

    monkeypatch.setattr(BudgetedRun, "_call", call)
    monkeypatch.setattr(BudgetedRun, "_calibrated", calibrated)
    return called


def compare(place: Path, output: Path, *more: str) -> None:
    parser = argparse.ArgumentParser()
    add_compare_arguments(parser)
    selections = [str(place / name) for name in ("calm.parquet", "lively.parquet")]
    small = ["--recipe", str(place / "small.yaml"), "--budget", "5", "5", "--pairs", "2", "--steps", "2"]
    run_compare(parser.parse_args([*selections, *small, "--device", "cpu", "--output", str(output), *more]))


def test_from_selections_to_ratings(place, tmp_path, in_process, caplog):
    compare(place, tmp_path / "out")
    paths = [Path(given["--data.path"]).stem for given in in_process]
    assert paths == ["calm"] * 2 + ["lively"] * 2
    assert {given["--data.layout"] for given in in_process} == {"catalogue"}
    assert [given["--trainer.max_steps"] for given in in_process] == ["2", "1"] * 2
    with StudyStore(tmp_path / "out") as store:
        assert store.settings.sources == ("calm", "lively") and [pair.sample for pair in store.pairs.values()] == [0, 1]
        _, tasks = store.tasks("")
        for task, (side, name) in itertools.product(tasks, (("left", "one"), ("right", "other"))):
            pair = store.pairs[task.pair]
            source = pair.other if (name == "other") != task.is_mirrored else pair.one
            samples = np.load(tmp_path / "out" / "runs" / source / "samples.npy")[pair.sample]
            assert np.abs(read_video(store.video(task, side)).numpy().astype(float) - samples).mean() < 25
    in_process.clear()
    compare(place, tmp_path / "out")
    assert not in_process  # everything was there

    parser = argparse.ArgumentParser()
    add_elo_arguments(parser)
    options = parser.parse_args([str(tmp_path / "out")])
    with pytest.raises(InputError, match="has no votes yet; vote first: pvdm curate vote"):
        run_elo(options)
    with StudyStore(tmp_path / "out") as store:
        for task in tasks:
            store.add_vote(1, task.place, "real", "left" if task.is_mirrored else "right", 1.0)
    run_elo(options)
    assert "| lively | at least 2000 |" in caplog.text and "1 person, 2 pairs judged" in caplog.text
    assert "| lively | at least 2000 |" in (tmp_path / "out" / "elo.md").read_text()
    with pytest.raises(InputError, match="a comparison of other pairs"):
        compare(place, tmp_path / "out", "--pairs", "3")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--budget", "1"], "small has 2 stages, and --budget has 1; give one for each stage"),
        (["--set", "data.lop=true"], "data.lop"),
        (["--recipe", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(place, tmp_path, in_process, more, message):
    with pytest.raises(InputError, match=message):
        compare(place, tmp_path / "out", *more)
    assert not in_process and not (tmp_path / "out").exists()


def test_one_selection_is_no_comparison(place, tmp_path):
    parser = argparse.ArgumentParser()
    add_compare_arguments(parser)
    path, common = str(place / "calm.parquet"), ["--budget", "1", "1", "--recipe", str(place / "small.yaml")]
    with pytest.raises(InputError, match="there is only one selection"):
        run_compare(parser.parse_args([path, path, *common, "--device", "cpu", "--output", str(tmp_path / "out")]))
    assert not (tmp_path / "out").exists()

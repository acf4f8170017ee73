"""A demo of a few seconds: each step writes its files and is not repeated, and what starts it must be there."""

from __future__ import annotations

import json
import logging
import re
import shutil

import pytest
import torch

from pvdm import VideoGenerator
from pvdm.cli import main
from pvdm.demo import stages
from pvdm.demo.demo_folder import Demo
from pvdm.demo.page_figures import mean_psnr
from pvdm.demo.stages import STEPS, run
from pvdm.generation import packaged_models as packaged
from pvdm.video import probe, read_frames


def test_every_step_writes_its_files(demo):
    assert all(step.is_done(demo) for step in STEPS)
    assert probe(demo.media / "long.mp4").frames == probe(demo.media / "continued.mp4").frames == 40
    assert probe(demo.media / "samples.mp4").frames == 2 * 16 - 2
    assert probe(demo.media / "stage.mp4").frames == 16
    assert {path.stem for path in (demo.media / "reconstructions").glob("*.mp4")} == set(demo.results["psnr"])
    model = VideoGenerator.from_pretrained(demo.model)
    assert model.fps == demo.fps and model.classes == ("bigbuckbunny", "bikes", "carphone")


def test_training_starts_from_the_given_autoencoder(demo, settings):
    start, trained = (VideoGenerator.from_pretrained(path).autoencoder for path in (settings.start, demo.autoencoder))
    assert start.config == trained.config
    before, after = start.state_dict(), trained.state_dict()
    moved = [(after[name] - value).abs().max().item() for name, value in before.items()]
    assert 0 < max(moved) < 0.05  # two updates of a learning rate of 1e-3 or so


def test_the_continuation_begins_with_the_held_out_real_clip(demo):
    real = torch.from_numpy(read_frames(demo.clips / "val" / "carphone" / "frames", range(16))).float()
    found = torch.from_numpy(read_frames(demo.media / "continued.mp4", range(16))).float()
    times = found.shape[1] // real.shape[1]
    coarse = found.unfold(1, times, times).unfold(2, times, times).mean((-2, -1))
    assert (coarse - real).abs().mean() < 6  # of 255: loss of H.264


def test_training_and_held_out_frames_are_all_of_the_video(demo):
    parts = [len(list((demo.clips / part / "bikes" / "frames").glob("*.png"))) for part in ("train", "val")]
    assert parts == [250 - 32, 32]


def test_mean_psnr_is_that_of_all_clips(demo):
    psnr = demo.results["psnr"]
    values = [value for parts in psnr.values() for part in parts.values() for value in part]
    assert mean_psnr(psnr) == pytest.approx(sum(values) / len(values))
    assert len(values) == sum(-(-frames // 16) for frames in (218, 32, 88, 32, 100, 32))


def test_a_second_run_repeats_nothing(demo, settings, stamps, caplog):
    before = stamps(demo.folder)
    with caplog.at_level(logging.INFO, logger="pvdm"):
        run(Demo(demo.folder, settings))
    assert caplog.text.count("already done") == len(STEPS)
    changed = {path.name for path, stamp in stamps(demo.folder).items() if before.get(path) != stamp}
    assert changed == {"results.json"}


def test_a_folder_of_something_else_is_refused(tmp_path, caplog):
    (tmp_path / "precious.txt").write_text("mine")
    assert main(["demo", "--output", str(tmp_path), "--fresh"]) == 2
    assert "something other than a demo" in caplog.text
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_a_demo_of_other_settings_is_refused(tmp_path, caplog):
    (tmp_path / "pvdm-demo.json").write_text(json.dumps({"autoencoder_steps": 1}))
    assert main(["demo", "--output", str(tmp_path)]) == 2
    assert "--fresh" in caplog.text


def test_the_page_is_there_before_anything_is_trained(tmp_path, settings, caplog, monkeypatch):
    """By the command, with the stand-ins under the names of the package's models."""
    folder = tmp_path / "manifest"
    entries = {}
    for name, path in (("sprites-64", settings.shown), ("autoencoder-64", settings.start)):
        shutil.copytree(path, folder / name)
        entries[name] = {"makes": "noise", "license": "mit", "data": "none", "figures": {}, "sha256": {}}
    (folder / packaged.MANIFEST).write_text(json.dumps(entries))
    monkeypatch.setattr(packaged, "FOLDER", folder)
    monkeypatch.setattr(stages, "STEPS", STEPS[:1])
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--output", "demo"]) == 0
    text = (tmp_path / "demo" / "index.html").read_text(encoding="utf-8")
    assert re.search(r"a model of [\d.]+ MB that came with the package: <code>pvdm/sprites-64</code>", text)
    assert text.count("Waiting:") == 3  # for what is trained here


def test_a_missing_model_is_said_in_one_sentence(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(packaged, "FOLDER", tmp_path / "empty")
    assert main(["demo", "--output", str(tmp_path / "demo")]) == 2
    assert "pvdm/sprites-64, from which the demo starts, is missing; reinstall pvdm, which comes with it" in caplog.text

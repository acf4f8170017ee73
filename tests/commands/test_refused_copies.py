"""`pvdm sample --refuse-copies`: clips that copy the training data are left out, and the record says which."""

import json
import logging
from pathlib import Path

import pytest
import torch

from pvdm.diffusion import SamplerConfig
from pvdm.video import write_video


@pytest.fixture(scope="module")
def samples(generator) -> torch.Tensor:
    """(23, 3, 8, 32, 32) uint8: what the command samples first, and more."""
    videos = [(0, index) for index in range(23)]
    return torch.cat(list(generator.batches(videos, batch_size=3, sampler=SamplerConfig(steps=1))))


@pytest.fixture
def training(tmp_path, samples) -> Path:
    """A folder of videos that are like the first samples, but no copies of them."""
    for index, clip in enumerate(samples[3:]):
        write_video(tmp_path / "training" / f"video{index:02}", clip, fps=8)
    return tmp_path / "training"


def test_a_copy_is_left_out_and_recorded(pvdm, model, training, samples, tmp_path, caplog):
    write_video(training / "memorized", samples[1], fps=8)
    options = ["--num-videos", 3, "--steps", 1, "--batch-size", 3, "--refuse-copies", training]
    with caplog.at_level(logging.INFO):
        pvdm("sample", model, *options, "--output", tmp_path / "out")
    names = ["sample_000000_seed0.mp4", "sample_000002_seed0.mp4"]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.mp4")) == names
    record = json.loads((tmp_path / "out" / "samples.json").read_text())
    assert [video["file"] for video in record["videos"]] == names
    (refused,) = record["copies"]["refused"]
    assert (refused["seed"], refused["index"], refused["training"]) == (0, 1, "memorized")
    assert refused["ratio"] < record["copies"]["ratio"] < 0.34
    assert "1 of 3 clips refused as copies" in caplog.text and "2 clips in" in caplog.text
    pvdm("sample", model, *options, "--output", tmp_path / "grid.mp4")
    assert len(json.loads((tmp_path / "grid.mp4.json").read_text())["videos"]) == 2


def test_if_all_are_copies_nothing_is_written(refusal, model, training, samples, tmp_path):
    write_video(training / "memorized", samples[0], fps=8)
    options = ["--num-videos", 1, "--steps", 1, "--device", "cpu", "--refuse-copies", training]
    text = refusal("sample", model, *options, "--output", tmp_path / "out")
    assert "all 1 clips copy the training data, the first memorized, and none was written; give another --seed" in text
    assert not (tmp_path / "out").exists()
    assert "--copy-ratio is 2; give a number between 0 and 1" in refusal(
        "sample", model, *options, "--output", tmp_path / "out", "--copy-ratio", 2
    )
    text = refusal("sample", model, "--output", tmp_path / "out", "--copy-ratio", 0.5)
    assert "--copy-ratio is for --refuse-copies; leave it out, or give the training data" in text

"""`pvdm repair`: the frames that are named, those that are found, and what cannot be repaired."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from generation.small_models import hinted_generator
from PIL import Image

from pvdm.cli import main
from pvdm.errors import InputError
from pvdm.generation.tasks.missing_frames import in_words, spans_of
from pvdm.video import read_video


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Clips of 8 frames of 32x32."""
    folder = tmp_path_factory.mktemp("repair") / "model"
    hinted_generator().save_pretrained(folder)
    return folder


@pytest.fixture
def frames(tmp_path) -> Path:
    """A folder of 12 different frames."""
    folder = tmp_path / "frames"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(12):
        Image.fromarray(random.integers(256, size=(32, 32, 3), dtype=np.uint8)).save(folder / f"{index:02}.png")
    return folder


def command(model: Path, source: Path, *more: str) -> list[str]:
    fast = ["--sampler", "ddim", "--steps", "2", "--device", "cpu"]
    return ["repair", str(model), str(source), "--output", str(source.parent / "whole"), *fast, *more]


def changed(source: torch.Tensor, folder: Path) -> list[int]:
    found = read_video(folder)
    assert found.shape == source.shape
    return [index for index in range(source.shape[1]) if not torch.equal(found[:, index], source[:, index])]


def test_named_frames_are_made_anew_and_no_others(model, frames, tmp_path):
    source = read_video(frames)
    assert main(command(model, frames, "--missing", "3-4", "9")) == 0
    assert changed(source, tmp_path / "whole") == [3, 4, 9]


def test_repeated_and_damaged_frames_are_found(model, frames, tmp_path, caplog):
    (frames / "05.png").write_bytes((frames / "04.png").read_bytes())
    source = read_video(frames)
    (frames / "08.png").write_bytes(b"not a picture, but as long as one may be")
    with caplog.at_level(logging.INFO):
        assert main(command(model, frames)) == 0
    assert "making 2 frames anew: 5 8" in caplog.text
    assert changed(source, tmp_path / "whole") == [5, 8]


def test_damaged_frames_are_made_anew_beside_named_ones(model, frames, tmp_path):
    source = read_video(frames)
    (frames / "08.png").write_bytes(b"broken")
    assert main(command(model, frames, "--missing", "2")) == 0
    assert changed(source, tmp_path / "whole") == [2, 8]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "lacks no frame; say which to make anew by --missing, such as 40-47 60"),
        (["--missing", "12"], "there is no frame 12 in"),
        (["--missing", "3-99999999999999"], "there is no frame 99999999999999 in"),
        (["--missing", "5-3"], "the span of missing frames is 5-3; give --missing such as 40-47 60"),
        (["--missing", "a"], "the span of missing frames is a; give"),
        (["--missing", "0-11"], "none of frames 0 to 7 is there"),
    ],
)
def test_what_cannot_be_repaired_is_one_sentence(model, frames, tmp_path, caplog, more, message):
    assert main(command(model, frames, *more)) == 2
    assert message in caplog.text and not (tmp_path / "whole").exists()


def test_a_video_without_a_readable_frame(model, frames, caplog):
    for path in list(frames.iterdir())[1:]:
        path.unlink()
    assert main(command(model, frames, "--missing", "0")) == 2
    assert "none of frames 0 to 7 is there" in caplog.text


def test_spans_count_both_ends():
    assert spans_of(["40-43", "60", "7"]) == [range(40, 44), range(60, 61), range(7, 8)]
    assert in_words({1, 2, 3, 7, 9, 10}) == "1-3 7 9-10"
    assert in_words(set(range(0, 40, 2))).endswith("and 10 more spans")
    with pytest.raises(InputError, match="missing frames is 4-"):
        spans_of(["4-"])

"""The programs of the guides do what these say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pvdm import VideoGenerator, read_video

GUIDES = Path(__file__).parents[1] / "docs" / "guides"


def programs(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (GUIDES / f"{name}.md").read_text(encoding="utf-8"), flags=re.DOTALL)


class Sprites:
    """Bright bodies with a dark hole, on noise that is nearly black."""

    def sample(self, count: int, **options) -> torch.Tensor:
        clips = torch.randint(12, (count, 3, 16, 64, 64), dtype=torch.uint8)
        clips[..., 20:50, 24:40] = 200
        clips[..., 30:34, 28:34] = 0
        return clips


def test_a_sheet_is_transparent_around_characters_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(VideoGenerator, "from_pretrained", lambda name: Sprites())
    (program,) = programs("game_assets")
    exec(program, {})
    cells = np.asarray(Image.open("orc_walk.png")).reshape(4, 64, 8, 64, 4).swapaxes(1, 2)
    body = np.zeros((64, 64), bool)
    body[20:50, 24:40] = True
    assert (cells[..., 3] == np.where(body, 255, 0)).all()


@pytest.mark.filterwarnings("ignore")
def test_waves_are_series_of_floats(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(programs("image_series")[0].replace("range(40)", "range(1)"), {})
    waves, video = np.load("waves/00.npy"), read_video("waves/00.npy")
    assert waves.shape == (64, 64, 64) and waves.dtype == np.float32 and np.ptp(waves[-1]) < np.ptp(waves[0])
    assert video.shape == (3, 64, 64, 64) and video.dtype == torch.float32

"""`pvdm convert`: a folder that the other commands take."""

import pytest
import torch
from reference import released_shapes

from pvdm import VideoGenerator


@pytest.fixture
def checkpoints(tmp_path):
    """The options that name the authors' two files, here of 4 frames of 16x24 pixels and a single layer, at zero."""
    first, second = released_shapes("tiny_autoencoder"), released_shapes("tiny_unet")
    first = {key: shape for key, shape in first.items() if not any(f"layers.{n}." in key for n in range(1, 8))}
    first |= {"xy_pos_embedding": [1, 5, 64], "yt_pos_embedding": [1, 3, 64], "xt_pos_embedding": [1, 4, 64]}
    second["diffusion_model.zeros"] = [1, 4, 2 * 3 + 4 * 3 + 4 * 2]
    for name, shapes in (("autoencoder", first), ("diffusion", second)):
        torch.save({key: torch.zeros(shape) for key, shape in shapes.items()}, tmp_path / f"{name}.pth")
    return ["--autoencoder", tmp_path / "autoencoder.pth", "--diffusion", tmp_path / "diffusion.pth"]


def test_the_folder_is_a_model(pvdm, checkpoints, frames, tmp_path):
    pvdm("convert", *checkpoints, "--output", tmp_path / "model", "--fps", 12.5)
    generator = VideoGenerator.from_pretrained(tmp_path / "model")
    assert generator.fps == 12.5 and tuple(generator.denoiser.shape) == (4, 2, 3, 1)
    pvdm("extend", tmp_path / "model", "--frames", 6, "--steps", 1, "--output", tmp_path / "out")
    assert frames(tmp_path / "out").shape == (3, 6, 16, 24)


def test_half_precision_is_half_the_size(pvdm, checkpoints, tmp_path):
    pvdm("convert", *checkpoints, "--output", tmp_path / "model")
    pvdm("convert", *checkpoints, "--output", tmp_path / "half", "--half-precision")
    whole, half = ((tmp_path / name / "model.safetensors").stat().st_size for name in ("model", "half"))
    assert half < 0.6 * whole


def test_refusals_leave_nothing(refusal, checkpoints, tmp_path):
    output = ["--output", tmp_path / "model"]
    swapped = ["--autoencoder", checkpoints[3], "--diffusion", checkpoints[1]]
    message = refusal("convert", *swapped, *output)
    assert "diffusion.pth is not the state dict of a released PVDM autoencoder" in message
    assert "there is no file" in refusal("convert", "--autoencoder", tmp_path / "none.pth", *output)
    assert not (tmp_path / "model").exists()
    (tmp_path / "model").mkdir()
    assert "model exists already" in refusal("convert", *checkpoints, *output)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["autoencoder.pth", "diffusion.pth", "model"]

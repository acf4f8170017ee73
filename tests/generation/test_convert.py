"""Released checkpoints: all names, sizes told from shapes alone, and every way in which a file can be wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from reference import BUFFERS, released_shapes
from torch import Tensor, nn

from pvdm import VideoGenerator
from pvdm.autoencoder import AutoencoderConfig, ProjectedAutoencoder
from pvdm.cli import main
from pvdm.diffusion import SamplerConfig, TriplaneUNet, UNetConfig
from pvdm.errors import InputError
from pvdm.generation.released import (
    AUTOENCODER_RULES,
    UNET_RULES,
    convert_released,
    infer_autoencoder,
    infer_unet,
    load_released,
)

STEPS = SamplerConfig(steps=1)
Shapes = dict[str, list[int]]


def on_meta(shapes: Shapes) -> dict[str, Tensor]:
    """A state dict without memory."""
    return {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}


def loaded_on_meta(autoencoder: Shapes, unet: Shapes) -> tuple[ProjectedAutoencoder, TriplaneUNet]:
    """Both networks of the sizes told from the shapes, into which every key has gone."""
    first, second = on_meta(autoencoder), on_meta(unet)
    sizes = infer_autoencoder(first)
    with torch.device("meta"):
        networks = ProjectedAutoencoder(sizes), TriplaneUNet(infer_unet(second, sizes))
    load_released(networks[0], first, AUTOENCODER_RULES)
    load_released(networks[1], second, UNET_RULES)
    return networks


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def count_released(shapes: Shapes) -> int:
    return sum(torch.Size(shape).numel() for key, shape in shapes.items() if not key.endswith(tuple(BUFFERS)))


def halved(shapes: Shapes) -> Shapes:
    """The released U-Net at half its width: PVDM-S."""
    return {
        key: shape if key.endswith("zeros") else [size // 2 if size >= 256 else size for size in shape]
        for key, shape in shapes.items()
    }


def resized(shapes: Shapes, *, frames: int, rows: int, columns: int) -> Shapes:
    """A released autoencoder of other video sizes: xy runs over t, yt over h, xt over w."""
    positions = {"xy_pos_embedding": frames, "yt_pos_embedding": rows, "xt_pos_embedding": columns}
    return {key: [1, positions[key] + 1, shape[2]] if key in positions else shape for key, shape in shapes.items()}


def test_released_networks_take_every_key():
    shapes = released_shapes("released_autoencoder"), released_shapes("released_unet")
    autoencoder, unet = loaded_on_meta(*shapes)
    assert autoencoder.config == AutoencoderConfig()
    assert unet.config == UNetConfig(attention_factors=(1, 2, 4))
    assert count(autoencoder) == count_released(shapes[0]) and round(count(autoencoder) / 1e6, 2) == 62.06
    assert count(unet) == count_released(shapes[1]) and round(count(unet) / 1e6, 2) == 528.27


def test_half_the_width_is_recognised():
    _, unet = loaded_on_meta(released_shapes("released_autoencoder"), halved(released_shapes("released_unet")))
    assert unet.config == UNetConfig(channels=128, attention_factors=(1, 2, 4))


def test_sizes_of_small_networks():
    autoencoder, unet = loaded_on_meta(released_shapes("tiny_autoencoder"), released_shapes("tiny_unet"))
    assert autoencoder.config == AutoencoderConfig(channels=64, projection_head_dim=8)
    assert unet.config == UNetConfig(
        channels=64, channel_multipliers=(1, 2), blocks_per_level=1, attention_factors=(1, 2)
    )


def test_video_that_is_not_square():
    shapes = resized(released_shapes("tiny_autoencoder"), frames=8, rows=12, columns=20)
    config = infer_autoencoder(on_meta(shapes))
    assert (config.frames, config.height, config.width) == (8, 96, 160)
    with torch.device("meta"):
        autoencoder = ProjectedAutoencoder(config)
    load_released(autoencoder, on_meta(shapes), AUTOENCODER_RULES)


@pytest.fixture(scope="module")
def released() -> dict[str, dict[str, Tensor]]:
    """State dicts of a small video size and a single layer, in the original's format, at zero."""
    shapes = resized(released_shapes("tiny_autoencoder"), frames=4, rows=2, columns=3)
    first = {key: shape for key, shape in shapes.items() if not any(f"layers.{n}." in key for n in range(1, 8))}
    second = {**released_shapes("tiny_unet"), "diffusion_model.zeros": [1, 4, 2 * 3 + 4 * 3 + 4 * 2]}
    return {
        name: {key: torch.zeros(shape) for key, shape in shapes.items()}
        for name, shapes in (("autoencoder", first), ("diffusion", second))
    }


@pytest.fixture
def save(released, tmp_path) -> Callable[..., Path]:
    """`save("autoencoder", {key: tensor or None})` -> path of the checkpoint with these keys replaced or left out."""

    def write(name: str, changes: dict[str, Tensor | None] | None = None, **options) -> Path:
        state = {**released[name], **(changes or {})}
        path = tmp_path / f"{name}.pth"
        torch.save({key: value for key, value in state.items() if value is not None}, path, **options)
        return path

    return write


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_both_forms_of_torch_save(save, options):
    generator = convert_released(save("autoencoder", **options), save("diffusion", **options))
    assert tuple(generator.denoiser.shape) == (4, 2, 3, 1)
    assert not generator.training
    assert generator.sample(1, sampler=STEPS).shape == (1, 3, 4, 16, 24)


def test_half_precision_checkpoints_become_float32(save, released):
    halves = {key: value.half() for key, value in released["autoencoder"].items()}
    generator = convert_released(save("autoencoder", halves))
    assert {parameter.dtype for parameter in generator.parameters()} == {torch.float32}


def test_the_autoencoder_alone_reconstructs_and_refuses_to_sample(save, tmp_path):
    assert main(["convert", "--autoencoder", str(save("autoencoder")), "--output", str(tmp_path / "model")]) == 0
    generator = VideoGenerator.from_pretrained(tmp_path / "model")
    video = torch.zeros(1, 3, 4, 16, 24, dtype=torch.uint8)
    assert generator.reconstruct(video).shape == video.shape
    with pytest.raises(InputError, match="this model is a stage-1 autoencoder without a denoiser; train stage 2"):
        generator.sample(1)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("autoencoder", {"pre_xt.bias": None}, r"weights are missing \(1\), first projections.th.to_latent.bias"),
        ("autoencoder", {"yt_pos_embedding": None}, "weights are missing, first yt_pos_embedding"),
        ("autoencoder", {"encoder.to_patch_embedding.weight": None}, r"\(no encoder.to_patch_embedding.weight\)"),
        ("autoencoder", {"encoder.head.weight": torch.zeros(2)}, r"unknown \(1\), first encoder.head.weight"),
        ("autoencoder", {"embed_patches.weight": torch.zeros(64, 192)}, "unknown .* first e"),
        ("autoencoder", {"pre_xy.bias": torch.zeros(5)}, r"pre_xy.bias has shape \(5,\) where \(4,\) was expected"),
        ("autoencoder", {"xy_pos_embedding": torch.zeros(4)}, "not of the sizes of a PVDM"),
        ("autoencoder", {"to_pixel.1.bias": "three"}, "holds to_pixel.1.bias, which is not a tensor"),
        ("diffusion", {"diffusion_model.mid_attn.qkv.bias": None}, "first middle.across.qkv.bias"),
        ("diffusion", {"diffusion_model.zeros": None}, "first diffusion_model.zeros"),
        ("diffusion", {"diffusion_model.input_blocks.0.0.weight": None}, "first input_blocks.0.0.weight"),
        ("diffusion", {"model_ema.decay": torch.zeros(())}, "unknown .* first model_ema.decay"),
        (
            "diffusion",
            {"diffusion_model.output_attns.1.qkv.weight": torch.zeros(192, 64, 1)},
            r"output_attns.1.qkv.weight has shape \(192, 64, 1\) where \(384, 128\) was expected",
        ),
        (
            "diffusion",
            {"diffusion_model.zeros": torch.zeros(1, 4, 2048)},
            "for latents of 2048 positions, but the autoencoder's have 26",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_named(save, name, changes, message):
    paths = {other: save(other, changes if other == name else None) for other in ("autoencoder", "diffusion")}
    with pytest.raises(InputError, match=message) as error:
        convert_released(**paths)
    assert str(error.value).startswith(str(paths[name]))


def test_swapped_files(save):
    with pytest.raises(InputError, match=r"diffusion.pth is not the state dict of a released PVDM autoencoder"):
        convert_released(save("diffusion"), save("autoencoder"))
    with pytest.raises(InputError, match=r"autoencoder.pth is not the state dict of a released PVDM diffusion model"):
        convert_released(save("autoencoder"), save("autoencoder"))


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_truncated_files(save, options):
    path = save("autoencoder", **options)
    whole = path.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"autoencoder.pth cannot be read as a checkpoint: it is incomplete"):
            convert_released(path)


def test_code_is_not_run(code, tmp_path):
    torch.save({"encoder.to_patch_embedding.weight": code(tmp_path / "made")}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match=r"evil.pth cannot be read as a checkpoint: .* or holds code"):
        convert_released(tmp_path / "evil.pth")
    assert not (tmp_path / "made").exists()


def test_no_file(tmp_path):
    with pytest.raises(InputError, match=r"there is no file .*none.pth; check the path"):
        convert_released(tmp_path / "none.pth")


def test_the_command_says_it_in_one_line_and_leaves_nothing(save, tmp_path, caplog):
    path = save("autoencoder", {"pre_xt.bias": None})
    with caplog.at_level(logging.ERROR):
        assert main(["convert", "--autoencoder", str(path), "--output", str(tmp_path / "model")]) == 2
    (message,) = caplog.messages
    assert str(path) in message and "pre_xt" not in message and "\n" not in message
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["autoencoder.pth"]

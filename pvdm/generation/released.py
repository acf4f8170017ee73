"""Converts the checkpoints that the authors published: weight names by tables, sizes from shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor, nn

from pvdm.autoencoder import AutoencoderConfig, TriplaneShape
from pvdm.diffusion import UNetConfig
from pvdm.errors import InputError
from pvdm.files.pickles import read_pickle
from pvdm.generation.generator import VideoGenerator
from pvdm.runtime.finite import check_finite

Rules = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]

HEADS, PROJECTION_HEADS = 8, 4
"""Numbers of heads, which no shape reveals: of encoder, decoder and U-Net, and of the projections."""

AS_PUBLISHED = "give a checkpoint as the authors of PVDM published it"
"""The remedy for checkpoints of another kind."""

# "xy", "yt" and "xt" mislead: xy keeps (h, w), yt keeps (t, w), xt keeps (t, h).
AUTOENCODER_RULES: Rules = (
    (r"^encoder\.to_patch_embedding\.", "embed_patches."),
    (r"^to_pixel\.1\.", "to_pixels."),
    (r"^xy_(token|pos_embedding|quant_attn)", r"projections.hw.\1"),
    (r"^yt_(token|pos_embedding|quant_attn)", r"projections.tw.\1"),
    (r"^xt_(token|pos_embedding|quant_attn)", r"projections.th.\1"),
    (r"^pre_xy\.", "projections.hw.to_latent."),
    (r"^pre_yt\.", "projections.tw.to_latent."),
    (r"^pre_xt\.", "projections.th.to_latent."),
    (r"^post_xy\.", "from_latent.hw."),
    (r"^post_yt\.", "from_latent.tw."),
    (r"^post_xt\.", "from_latent.th."),
    (r"\.token$", ".summary"),
    (r"\.pos_embedding$", ".position"),
    (r"\.quant_attn\.layers\.(\d+)\.0\.", r".attention.\1."),
    (r"\.quant_attn\.layers\.(\d+)\.1\.", r".mlp.\1."),
    (r"\.layers\.(\d+)\.0\.", r".layers.\1.time."),
    (r"\.layers\.(\d+)\.1\.", r".layers.\1.space."),
    (r"\.layers\.(\d+)\.2\.", r".layers.\1.mlp."),
    (r"\.fn\.to_qkv\.", ".qkv."),
    (r"\.fn\.to_out\.0\.", ".out."),
    (r"\.fn\.net\.0\.", ".up."),
    (r"\.fn\.net\.3\.", ".down."),
)

UNET_RULES: Rules = (
    (r"^diffusion_model\.", ""),
    (r"^time_embed\.", "embed_time."),
    (r"^input_blocks\.0\.0\.", "conv_in."),
    # Our down path counts from the first residual block, theirs from the first convolution.
    (r"^input_blocks\.(\d+)\.(\d+)\.", lambda m: f"down.{int(m[1]) - 1}.blocks.{m[2]}."),
    (r"^input_attns\.(\d+)\.", lambda m: f"down.{int(m[1]) - 1}.across."),
    (r"^middle_block\.(\d+)\.", r"middle.blocks.\1."),
    (r"^mid_attn\.", "middle.across."),
    (r"^output_blocks\.(\d+)\.(\d+)\.", r"up.\1.blocks.\2."),
    (r"^output_attns\.(\d+)\.", r"up.\1.across."),
    (r"^out\.0\.", "norm_out."),
    (r"^out\.2\.", "conv_out."),
    (r"\.in_layers\.0\.", ".norm_in."),
    (r"\.in_layers\.2\.", ".conv_in."),
    (r"\.emb_layers\.1\.", ".modulation."),
    (r"\.out_layers\.0\.", ".norm_out."),
    (r"\.out_layers\.3\.", ".conv_out."),
    (r"\.skip_connection\.", ".skip."),
    (r"\.proj_out\.", ".out."),
)

DERIVED = re.compile(
    r"coords|(encoder|decoder)\.(frame_rot_emb\.inv_freqs|image_rot_emb\.scales)|diffusion_model\.zeros"
)
"""Buffers of the released checkpoints that are computed here instead of loaded."""


def convert_released(autoencoder: str | Path, diffusion: str | Path | None = None) -> VideoGenerator:
    """The model in the authors' two files (state dicts by torch.save); without `diffusion`, the autoencoder alone.

    All keys must be known and all weights present; else InputError, as for files of another kind.
    """
    first = _state_dict(autoencoder, "encoder.to_patch_embedding.weight", "PVDM autoencoder")
    with _errors_name(autoencoder):
        sizes = infer_autoencoder(first)
        stage_1 = VideoGenerator(sizes)
        load_released(stage_1.autoencoder, first, AUTOENCODER_RULES)
    if diffusion is None:
        return stage_1.eval()
    second = _state_dict(diffusion, "diffusion_model.out.2.weight", "PVDM diffusion model")
    with _errors_name(diffusion):
        unet = infer_unet(second, sizes)
        _check_positions(second, unet)
        generator = VideoGenerator(sizes, unet)
        generator.autoencoder = stage_1.autoencoder
        load_released(generator.denoiser, second, UNET_RULES)
    return generator.eval()


def rename(name: str, rules: Rules) -> str:
    """The name of a released parameter in this project."""
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def load_released(network: nn.Module, released: Mapping[str, Tensor], rules: Rules) -> None:
    """Fills `network` from a released state dict; InputError for missing, unknown or misshapen weights."""
    weights = {key: value for key, value in released.items() if not DERIVED.fullmatch(key)}
    keys = {rename(key, rules): key for key in weights}
    wanted = network.state_dict()
    if missing := sorted(wanted.keys() - keys.keys()):
        raise InputError(f"weights are missing ({len(missing)}), first {missing[0]}", AS_PUBLISHED)
    if unknown := sorted(weights.keys() - {keys[name] for name in wanted}):
        raise InputError(f"weights are unknown ({len(unknown)}), first {unknown[0]}", AS_PUBLISHED)
    network.load_state_dict({name: _fitted(keys[name], weights[keys[name]], wanted[name]) for name in wanted})


def _fitted(key: str, value: Tensor, wanted: Tensor) -> Tensor:
    """The value without the axes of length one that released tokens, positions and attention weights have."""
    if value.squeeze().shape != wanted.squeeze().shape:
        raise InputError(f"{key} has shape {tuple(value.shape)} where {tuple(wanted.shape)} was expected", AS_PUBLISHED)
    return value.reshape(wanted.shape)


def infer_autoencoder(released: Mapping[str, Tensor]) -> AutoencoderConfig:
    """Sizes of a released autoencoder from the shapes of its weights; KeyError where one is absent."""
    shape = {key: tuple(value.shape) for key, value in released.items()}
    channels, patch_values = shape["encoder.to_patch_embedding.weight"]
    patch = round((patch_values / 3) ** 0.5)
    return AutoencoderConfig(
        frames=shape["xy_pos_embedding"][1] - 1,
        height=(shape["yt_pos_embedding"][1] - 1) * patch,
        width=(shape["xt_pos_embedding"][1] - 1) * patch,
        patch_size=patch,
        channels=channels,
        latent_channels=shape["pre_xy.weight"][0],
        depth=_count(released, r"encoder\.layers\.(\d+)\..*"),
        heads=HEADS,
        head_dim=shape["encoder.layers.0.0.fn.to_qkv.weight"][0] // (3 * HEADS),
        projection_depth=_count(released, r"xy_quant_attn\.layers\.(\d+)\..*"),
        projection_heads=PROJECTION_HEADS,
        projection_head_dim=shape["xy_quant_attn.layers.0.0.fn.to_qkv.weight"][0] // (3 * PROJECTION_HEADS),
        projection_mlp_dim=shape["xy_quant_attn.layers.0.1.fn.net.0.weight"][0],
    )


def infer_unet(released: Mapping[str, Tensor], autoencoder: AutoencoderConfig) -> UNetConfig:
    """Sizes of a released U-Net from its weights; its latent's from the autoencoder's; KeyError as above."""
    shape = {key.removeprefix("diffusion_model."): tuple(value.shape) for key, value in released.items()}
    channels = shape["input_blocks.0.0.weight"][0]
    stages = _count(shape, r"output_blocks\.(\d+)\..*")
    # Only a stage that doubles the planes has a second residual block; every level but the last has one such.
    levels = 1 + sum(re.fullmatch(r"output_blocks\.\d+\.[12]\.in_layers\.0\.weight", key) is not None for key in shape)
    first = [1 + level * (stages // levels) for level in range(levels)]
    return UNetConfig(
        latent_channels=shape["out.2.weight"][0],
        latent_shape=autoencoder.latent_shape,
        channels=channels,
        channel_multipliers=tuple(shape[f"input_blocks.{n}.0.out_layers.3.weight"][0] // channels for n in first),
        blocks_per_level=stages // levels - 1,
        attention_factors=tuple(2**level for level, n in enumerate(first) if f"input_blocks.{n}.1.qkv.weight" in shape),
        heads=HEADS,
    )


def _count(names: Mapping[str, object], pattern: str) -> int:
    """Number of distinct values of the pattern's group among the names."""
    return len({match[1] for name in names if (match := re.fullmatch(pattern, name))})


def _state_dict(path: str | Path, landmark: str, kind: str) -> Mapping[str, Tensor]:
    state = read_pickle(path)
    if landmark not in state:
        raise InputError(f"{path} is not the state dict of a released {kind} (no {landmark})", "check which file it is")
    if odd := [key for key, value in state.items() if not isinstance(value, Tensor)]:
        raise InputError(
            f"{path} holds {odd[0]}, which is not a tensor", f"give the released {kind} as it was published"
        )
    check_finite(state, path, "download it again")
    return state


@contextmanager
def _errors_name(path: str | Path) -> Iterator[None]:
    """Adds the file's name to errors, and turns failures to infer its sizes into InputErrors."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error.problem}", error.template, option=error.option) from error
    except KeyError as error:
        raise InputError(f"{path}: weights are missing, first {error.args[0]}", AS_PUBLISHED) from error
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise InputError(f"{path}: its weights are not of the sizes of a PVDM ({error})", AS_PUBLISHED) from error


def _check_positions(released: Mapping[str, Tensor], unet: UNetConfig) -> None:
    """InputError if the U-Net, whose buffer of zeros has the length of its flat latent, is for another autoencoder."""
    found, shape = released["diffusion_model.zeros"].shape[-1], TriplaneShape(*unet.latent_shape)
    if found != shape.positions:
        problem = f"it is for latents of {found} positions, but the autoencoder's have {shape.positions}"
        raise InputError(problem, "give the two files of one model")

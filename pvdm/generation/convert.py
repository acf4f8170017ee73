"""Released checkpoints to a `VideoGenerator`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from pvdm.diffusion import UNetConfig
from pvdm.errors import InputError
from pvdm.generation import files
from pvdm.generation.generator import VideoGenerator
from pvdm.generation.released import (
    AUTOENCODER_RULES,
    UNET_RULES,
    infer_autoencoder,
    infer_unet,
    load_released,
)


def convert_released(autoencoder: str | Path, diffusion: str | Path | None = None) -> VideoGenerator:
    """The model in the authors' two files (state dicts by torch.save); without `diffusion`, the autoencoder alone.

    All keys must be known and all weights present; else InputError, as for files of another kind.
    """
    first = _state_dict(autoencoder, "encoder.to_patch_embedding.weight", "PVDM autoencoder")
    sizes = infer_autoencoder(first)
    second = (
        None if diffusion is None else _state_dict(diffusion, "diffusion_model.out.2.weight", "PVDM diffusion model")
    )
    unet = None if second is None else infer_unet(second, sizes)
    generator = VideoGenerator(sizes, unet)
    load_released(generator.autoencoder, first, AUTOENCODER_RULES)
    if second is not None and unet is not None:
        _check_positions(second, unet)
        load_released(generator.denoiser, second, UNET_RULES)
    return generator.eval()


def _state_dict(path: str | Path, landmark: str, kind: str) -> Mapping[str, Tensor]:
    state = files.read_pickle(path)
    if not isinstance(state, Mapping) or landmark not in state:
        raise InputError(f"{path} is not the state dict of a released {kind} (no {landmark}); check which file it is")
    return state


def _check_positions(released: Mapping[str, Tensor], unet: UNetConfig) -> None:
    """The released U-Net records the length of its flat latent in a buffer of zeros."""
    found, (t, h, w) = released["diffusion_model.zeros"].shape[-1], unet.latent_shape
    if found != h * w + t * w + t * h:
        raise InputError(
            f"the diffusion checkpoint is for latents of {found} positions, the autoencoder's are {t}x{h}x{w}"
        )

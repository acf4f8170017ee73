"""Released checkpoints to a `VideoGenerator`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor

from pvdm.autoencoder import TriplaneShape
from pvdm.diffusion import UNetConfig
from pvdm.errors import InputError
from pvdm.files.pickles import read_pickle
from pvdm.generation.generator import VideoGenerator
from pvdm.generation.released import (
    AUTOENCODER_RULES,
    UNET_RULES,
    infer_autoencoder,
    infer_unet,
    load_released,
)
from pvdm.runtime.finite import check_finite


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


def _state_dict(path: str | Path, landmark: str, kind: str) -> Mapping[str, Tensor]:
    state = read_pickle(path)
    if landmark not in state:
        raise InputError(f"{path} is not the state dict of a released {kind} (no {landmark})", "check which file it is")
    if odd := [key for key, value in state.items() if not isinstance(value, Tensor)]:
        raise InputError(f"{path} holds {odd[0]}, which is no tensor", f"give the released {kind} as it was published")
    check_finite(state, path, "download it again")
    return state


@contextmanager
def _errors_name(path: str | Path) -> Iterator[None]:
    """Says in which file an error lies; that sizes cannot be told from its weights is one, too."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except KeyError as error:
        raise InputError(f"{path}: weights are missing, first {error.args[0]}: is it complete?") from error
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise InputError(f"{path}: its weights are not of the sizes of a PVDM ({error})") from error


def _check_positions(released: Mapping[str, Tensor], unet: UNetConfig) -> None:
    """The released U-Net records the length of its flat latent in a buffer of zeros."""
    found, shape = released["diffusion_model.zeros"].shape[-1], TriplaneShape(*unet.latent_shape)
    if found != shape.positions:
        raise InputError(f"it is for latents of {found} positions, but the autoencoder's have {shape.positions}")

"""Joins two models of the same latents: the denoiser of one, and the other's autoencoder with its further decoder.

join.py MODEL DECODER OUTPUT    exported folders; MODEL has the denoiser
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from pvdm.generation import VideoGenerator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "decoder", "output"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    generator, other = (VideoGenerator.from_pretrained(path) for path in (options.model, options.decoder))
    ours, theirs = generator.autoencoder, other.autoencoder
    if ours.config != theirs.config or not all(map(torch.equal, _encoder(ours), _encoder(theirs))):
        parser.error(f"{options.decoder} has another encoder; give a model that was trained with model.freeze_encoder")
    ours.load_state_dict(theirs.state_dict())
    generator.save_pretrained(options.output, half_precision=True)


def _encoder(autoencoder: torch.nn.Module) -> list[torch.Tensor]:
    """The tensors that the latent of a video depends on."""
    parts = (getattr(autoencoder, name) for name in autoencoder.encoder_parts)
    return [value for part in parts for value in part.state_dict().values()]


if __name__ == "__main__":
    main()

"""Would a smaller decoder do? What the decoder of a spectral autoencoder costs, and what cheaper ones can reach.

    python docs/benchmarks/parallel/small_decoder.py MODEL DATA LAYOUT OUTPUT.json [--loop]

PSNR (dB) against clips that training did not see: of the full decoder, of the linear code alone, of the linear code
with a correction that is fitted by least squares to the network's from the 3x3 latents around a patch, in as many
directions as stated, and of the network's own correction, kept in as many directions: the most that a network with so
many features before its last, linear layer can reach.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from einops import rearrange, repeat
from torch import Tensor
from torch.nn import functional

from pvdm.autoencoder import SpectralAutoencoder, Triplane
from pvdm.autoencoder.spectral.linear_code import Code
from pvdm.benchmark.speed.flops import counted
from pvdm.data import SampleKey
from pvdm.data.data_options import parse_options
from pvdm.data.mixing.mixed_collection import collection_of
from pvdm.evaluation.metrics.fidelity import Fidelity
from pvdm.evaluation.results import versions
from pvdm.generation import VideoGenerator
from pvdm.video import to_float, to_uint8

TRAINING, TEST, BATCH = 176, 64, 8
RANKS = (16, 24, 48, 96, 128)


class Parts:
    """What a decoder adds up: the linear code's spectrum and the network's correction, (b, h, w, k, values) each."""

    def __init__(self, network: SpectralAutoencoder, clips: Tensor) -> None:
        planes = [network.encode(to_float(part)) for part in clips.split(BATCH)]
        found = [_parts(network, triplane) for triplane in planes]
        self.latents, self.linear, self.correction = (torch.cat(each) for each in zip(*found, strict=True))


def _parts(network: SpectralAutoencoder, triplane: Triplane) -> tuple[Tensor, Tensor, Tensor]:
    """As in `SpectralAutoencoder.decode`."""
    hw, tw, th = (own.inverse(plane) for own, plane in zip(network.normalize.values(), triplane, strict=True))
    spectrum, (h, w) = network.spectrum, hw.shape[2:]
    code = Code(rearrange(hw, "b c h w -> b h w c"), spectrum.of_plane(tw), spectrum.of_plane(th))
    rows, columns = repeat(code.tw, "b w k c -> b (k c) h w", h=h), repeat(code.th, "b h k c -> b (k c) h w", w=w)
    latents = torch.cat((hw, rows, columns), dim=1)
    features = rearrange(network.from_code(latents), "b c h w -> b h w c")
    correction = network.to_spectrum(network.decoder(features)).unflatten(3, (network.config.frames, -1))
    return latents, network.linear.decode(code), network.linear.residual_scale * correction


def psnr(network: SpectralAutoencoder, spectra: Tensor, clips: Tensor) -> float:
    """Of the videos of spectra, amplified as decoding does."""
    fidelity = Fidelity()
    videos = []
    for part in spectra.split(BATCH):
        pictures = network.spectrum.pictures(part)
        pictures = pictures if network.amplitudes is None else network.amplitudes(pictures)
        videos.append(to_uint8(network.spectrum.to_video(pictures).clamp(-1, 1)))
    fidelity.update(range(len(clips)), torch.cat(videos), clips)
    return round(float(fidelity.compute()["psnr"]), 2)


def rows(latents: Tensor) -> Tensor:
    """The 3x3 latents around each patch and a one: (b h w, 9 c + 1) float64."""
    around = rearrange(functional.unfold(latents, 3, padding=1), "b c n -> (b n) c")
    return torch.cat((around, torch.ones(len(around), 1)), dim=1).double()


def fitted(training: Parts, test: Parts) -> tuple[Tensor, Tensor]:
    """The least squares correction of the test clips, (b h w, k values), and its directions by their variance."""
    known, wanted = rows(training.latents), training.correction.flatten(3).flatten(0, 2).double()
    products = known.T @ known
    products += 1e-5 * products.diagonal().mean() * torch.eye(len(products))
    weights = torch.linalg.solve(products, known.T @ wanted)
    return rows(test.latents) @ weights, directions(known @ weights)


def directions(values: Tensor) -> Tensor:
    """(d, d), those of largest variance first; values: (n, d)."""
    return torch.linalg.eigh(values.T @ values)[1].flip(1)


@torch.no_grad()
def measured(network: SpectralAutoencoder, training: Tensor, test: Tensor) -> dict:
    """Operations and PSNR."""
    seen, held = Parts(network, training), Parts(network, test)
    found, best = fitted(seen, held)
    own, own_best = (
        held.correction.flatten(3).flatten(0, 2).double(),
        directions(seen.correction.flatten(3).flatten(0, 2).double()),
    )

    def kept(values: Tensor, basis: Tensor, rank: int) -> float:
        part = (values @ basis[:, :rank] @ basis[:, :rank].T).float().view_as(held.correction)
        return psnr(network, held.linear + part, test)

    triplane = network.encode(to_float(test[:1]))
    with counted() as whole:
        network.decode(triplane)
    with counted() as transform:
        network.spectrum.to_video(network.spectrum.pictures(held.linear[:1]))
    last = network.to_spectrum.weight.shape
    patches = held.linear.shape[1] * held.linear.shape[2]
    return {
        "operations": {
            "decoder": whole.flops,
            "of it, transforms": transform.flops,
            "of it, last layer": 2 * last.numel() * patches,
            "last layer for each feature": 2 * last[0] * patches,
        },
        "psnr": {
            "full": psnr(network, held.linear + held.correction, test),
            "linear": psnr(network, held.linear, test),
            "fitted": {rank: kept(found, best, rank) for rank in RANKS},
            "kept of the network's": {rank: kept(own, own_best, rank) for rank in RANKS},
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("layout")
    parser.add_argument("output", type=Path)
    parser.add_argument("--loop", action="store_true")
    options = parser.parse_args()
    generator = VideoGenerator.load(options.model).eval()
    config = generator.autoencoder.config
    sizes = {"frames": config.frames, "height": config.height, "width": config.width, "clips": 1}
    sizes |= {"loop": options.loop, "validation_clips": TEST}
    videos = collection_of(parse_options({"path": options.data, "layout": options.layout, **sizes}))
    videos.setup()
    chosen = np.random.default_rng(0).permutation(len(videos.training))[:TRAINING]  # of all classes
    training = torch.stack([videos.training[SampleKey(0, int(index))]["video"] for index in chosen])
    test = torch.stack([videos.validation[int(index)]["video"] for index in videos.validated])
    found = {"model": options.model, "versions": versions(), **measured(generator.autoencoder, training, test)}
    options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

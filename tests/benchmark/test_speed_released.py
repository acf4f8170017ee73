"""The plain computation at the released sizes has the operations that docs/speed.md names; nothing is computed."""

import torch

from pvdm.autoencoder import ProjectedAutoencoder
from pvdm.benchmark.speed.measured_model import sizes
from pvdm.benchmark.speed.reference_networks import reference_decode, reference_denoise, reference_encode
from pvdm.benchmark.speed.roofline import counted
from pvdm.diffusion import TriplaneUNet


def test_operations_and_parameters_of_the_released_sizes():
    autoencoder, denoiser = sizes("released")
    with torch.device("meta"), torch.no_grad():
        first, second = ProjectedAutoencoder(autoencoder), TriplaneUNet(denoiser)
        with counted() as encode:
            planes = reference_encode(first, torch.empty(1, 3, 16, 256, 256))
        with counted() as decode:
            reference_decode(first, planes)
        with counted() as denoise:
            reference_denoise(second, planes.flatten(), torch.zeros(1, dtype=torch.int64))
    assert [round(work.flops / 1e9) for work in (encode, decode, denoise)] == [1444, 1158, 243]
    millions = [sum(value.numel() for value in network.parameters()) / 1e6 for network in (first, second)]
    assert [round(count, 2) for count in millions] == [62.06, 528.27]

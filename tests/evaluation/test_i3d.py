"""I3D matches the published network, and the version with random weights is the same everywhere."""

import zlib

import numpy as np
import pytest
import torch
from reference import golden, largest_error, released_shapes, released_state_dict, video
from torch import Tensor, nn
from torch.nn import functional

from pvdm.evaluation.features.i3d import BRANCH_POOL, I3D, POOL_4, POOL_5, SPATIAL_POOL, pool, random_i3d


@pytest.fixture(scope="module")
def network() -> I3D:
    """With the weights of the numeric reference."""
    network = I3D()
    network.load_state_dict(released_state_dict("i3d"))
    return network


@torch.no_grad()
def test_golden(network):
    assert largest_error(network(video(7, 2, 16, 224, 224)), golden()["i3d_logits"]) < 1e-6


def test_the_keys_are_those_of_the_published_file():
    found = {key: list(value.shape) for key, value in I3D().state_dict().items()}
    assert found == released_shapes("i3d")


def test_it_stays_in_evaluation_mode(network):
    parent = nn.Sequential(network).train()
    assert parent.training
    assert not any(module.training for module in network.modules())


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 16, 16), (5, 33, 20), (3, 112, 112), (2, 16, 240)])
def test_any_size_gives_logits(network, size):
    assert network(video(0, 2, *size)).shape == (2, 400)


def padded_pool(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """As in the published port: zero padding, then valid windows."""
    pads = []
    for size, width, step in zip(x.shape[:1:-1], kernel[::-1], stride[::-1], strict=True):
        lacking = max(width - (size % step or step), 0)
        pads += [lacking // 2, lacking - lacking // 2]
    return functional.max_pool3d(functional.pad(x, pads), kernel, stride)


@pytest.mark.parametrize(("kernel", "stride"), [SPATIAL_POOL, POOL_4, POOL_5, BRANCH_POOL])
def test_pools_pad_as_published(kernel, stride):
    generator = torch.Generator().manual_seed(0)
    for size in ((1, 2, 3), (4, 5, 6), (7, 8, 14), (2, 1, 9)):
        x = torch.rand(1, 2, *size, generator=generator)
        torch.testing.assert_close(pool(x, kernel, stride), padded_pool(x, kernel, stride), rtol=0, atol=0)


def test_random_weights_are_a_function_of_their_keys():
    found = random_i3d().state_dict()
    for key, fan_in in (("Mixed_4c.b1b.conv3d.weight", 112 * 27), ("logits.conv3d.weight", 1024)):
        seed = zlib.crc32(f"pvdm/i3d-random/{key}".encode())
        normal = np.random.default_rng(seed).standard_normal(found[key].shape, dtype=np.float32)
        torch.testing.assert_close(found[key], torch.from_numpy(normal) * (2 / fan_in) ** 0.5)
    assert found["logits.conv3d.bias"].abs().sum() == 0
    assert (found["Mixed_4c.b1b.bn.running_var"] == 1).all()


@pytest.mark.parametrize(
    "wrong", [torch.zeros(1, 3, 16, 64, 64).byte(), torch.zeros(1, 16, 3, 64, 64), torch.zeros(3, 9, 64, 64)]
)
def test_only_floats_in_their_layout_are_taken(wrong):
    with pytest.raises(ValueError, match=r"I3D takes floats in \[-1, 1\], \(b, 3, t, h, w\)"):
        I3D()(wrong)

"""Operations are those that one counts by hand, and PyTorch's own counter where it can count."""

import pytest
import torch
from generation.small_models import small_generator
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from pvdm.benchmark.speed.flops import counted


def test_a_matrix_product():
    a, b = torch.rand(3, 5), torch.rand(5, 7)
    with counted() as work:
        a @ b
    assert work.flops == 2 * 3 * 5 * 7


def test_a_tiny_network_forward_and_backward():
    network = torch.nn.Sequential(torch.nn.Linear(4, 8, bias=False), torch.nn.ReLU(), torch.nn.Linear(8, 2, bias=False))
    x = torch.rand(3, 4)
    with counted() as work:
        loss = network(x).sum()
    forward = 2 * 3 * (4 * 8 + 8 * 2)
    assert work.flops == forward
    with counted() as work:
        loss.backward()
    assert work.flops == 2 * forward - 2 * 3 * 4 * 8, "the input wants no gradient"


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution(stride):
    x, weight = torch.rand(2, 3, 8, 8), torch.rand(5, 3, 3, 3)
    with counted() as work:
        functional.conv2d(x, weight, stride=stride, padding=1)
    assert work.flops == 2 * 2 * (8 // stride) ** 2 * 5 * 3 * 9


def test_attention_in_both_directions():
    q, k, v = (torch.rand(2, 4, 16, 8, requires_grad=True) for _ in "qkv")
    with counted() as work:
        found = functional.scaled_dot_product_attention(q, k, v)
    product = 2 * 2 * 4 * 16 * 16 * 8
    assert work.flops == 2 * product
    with counted() as work:
        found.sum().backward()
    assert work.flops == 5 * product, "the map is computed again, and then four gradients"


def test_attention_in_inference_mode():
    with torch.inference_mode():
        q = torch.rand(1, 2, 8, 4)
        with counted() as work:
            functional.scaled_dot_product_attention(q, q, q)
    assert work.flops == 2 * 2 * 2 * 8 * 8 * 4


def test_what_is_computed_again_is_not_counted():
    layer, x = torch.nn.Linear(16, 16), torch.rand(4, 16, requires_grad=True)
    counts = []
    for run in (layer, lambda x: checkpoint(layer, x, use_reentrant=False)):
        with counted() as work:
            run(x).square().sum().backward()
        counts.append(work)
    assert counts[0].flops == counts[1].flops == 3 * 2 * 4 * 16 * 16


def test_networks_are_counted_as_by_pytorch():
    generator = small_generator()
    z, t = torch.rand(2, 4, generator.denoiser.shape.positions), torch.tensor([1, 2])
    with torch.device("meta"), FlopCounterMode(display=False) as theirs:
        generator.denoiser.to("meta")(z.to("meta"), t.to("meta"))
    with torch.no_grad(), counted() as ours:
        small_generator().denoiser(z, t)
    assert ours.flops == theirs.get_total_flops() > 0

"""Muon: orthogonal updates of matrices, AdamW's of all else, and one state for both."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.optim import AdamW

from pvdm.runtime.muon import ADAMW_SCALE, MOMENTUM, Muon, is_matrix, orthogonal


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(40, 64), nn.GELU(), nn.Linear(64, 36), nn.LayerNorm(36), nn.Linear(36, 3))


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, first: int = 0) -> None:
    for step in range(first, first + steps):
        x = torch.randn(16, 40, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        (model(x) - x[:, :3]).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("shape", [(48, 48), (40, 200), (200, 40)])
def test_singular_values_become_about_one_and_directions_stay(shape):
    matrix = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    found = orthogonal(matrix)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.6 and values.max() < 1.25
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    middle = u.mT @ found @ v.mT
    off = middle - torch.diag_embed(middle.diagonal(dim1=1, dim2=2))
    assert off.abs().max() < 0.02  # in bfloat16; 1e-3 in float32


def test_the_first_update_is_its_formula():
    weight = nn.Parameter(torch.randn(40, 64, generator=torch.Generator().manual_seed(0)))
    before, weight.grad = weight.detach().clone(), torch.randn(40, 64, generator=torch.Generator().manual_seed(1))
    Muon([weight], lr=0.1, weight_decay=0.3).step()
    momentum = (1 - MOMENTUM) * weight.grad
    ahead = (1 - MOMENTUM) * weight.grad + MOMENTUM * momentum
    wanted = before * (1 - 0.1 * 0.3) - 0.1 * ADAMW_SCALE * 64**0.5 * orthogonal(ahead[None])[0]
    torch.testing.assert_close(weight.detach(), wanted)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this PyTorch has no Muon")
def test_matrices_move_as_those_of_pytorch():
    """Which iterates in bfloat16."""
    ours, theirs = (nn.Parameter(torch.randn(40, 64, generator=torch.Generator().manual_seed(0))) for _ in range(2))
    options = {"lr": 0.1, "weight_decay": 0.1}
    pairs = [
        (ours, Muon([ours], **options)),
        (theirs, torch.optim.Muon([theirs], momentum=MOMENTUM, adjust_lr_fn="match_rms_adamw", **options)),
    ]
    for step in range(3):
        for weight, optimizer in pairs:
            weight.grad = torch.randn(40, 64, generator=torch.Generator().manual_seed(step + 1))
            optimizer.step()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0.02)


def test_a_convolution_moves_as_the_matrix_of_its_output_channels():
    generator = torch.Generator().manual_seed(0)
    kernel, gradient = (torch.randn(40, 8, 3, 3, generator=generator) for _ in range(2))
    as_kernel, as_matrix = nn.Parameter(kernel.clone()), nn.Parameter(kernel.flatten(1).clone())
    as_kernel.grad, as_matrix.grad = gradient, gradient.flatten(1)
    for weight in (as_kernel, as_matrix):
        Muon([weight], lr=0.1).step()
    torch.testing.assert_close(as_kernel.flatten(1), as_matrix)


def test_what_is_no_matrix_moves_by_adamw():
    assert [is_matrix(torch.zeros(shape)) for shape in [(32, 32), (64, 4, 3, 3), (64, 1, 5, 5), (3, 36), (64,)]] == [
        *(True, True),
        *(False, False, False),
    ]
    options = {"lr": 0.1, "weight_decay": 0.2, "betas": (0.5, 0.9)}
    ours, theirs = (nn.Parameter(torch.linspace(-1, 1, 8).reshape(2, 4)) for _ in range(2))
    for weight, optimizer in ((ours, Muon([ours], **options)), (theirs, AdamW([theirs], **options))):
        for _ in range(3):
            optimizer.zero_grad()
            weight.pow(3).sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_it_goes_on_from_its_saved_state():
    whole = network()
    optimizer = Muon(whole.parameters(), lr=0.01)
    train(whole, optimizer, 3)
    again = copy.deepcopy(whole)
    resumed = Muon(again.parameters(), lr=0.01)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(whole, optimizer, 3, first=3)
    train(again, resumed, 3, first=3)
    for name, value in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name

"""Inference in chunks: the same numbers as in one piece, and the tokens that are given stay as they were."""

from __future__ import annotations

import pytest
import torch
from generation.small_models import randomized, small_autoencoder
from reference import video
from torch import Tensor

from pvdm.autoencoder import ProjectedAutoencoder
from pvdm.autoencoder import chunks as chunking
from pvdm.autoencoder.chunks import chunks, residual


def twice(x: Tensor) -> Tensor:
    return 2 * x


@pytest.mark.parametrize("tokens", [1, 7, 40, 1000])
def test_the_autoencoder_computes_the_same_in_chunks(monkeypatch, tokens):
    autoencoder = randomized(ProjectedAutoencoder(small_autoencoder(frames=3, height=32, width=40)))
    clip = video(0, 2, 3, 32, 40)
    wanted = autoencoder(clip).detach()  # with gradients, so in one piece
    latent = autoencoder.encode(clip).flatten().detach()
    monkeypatch.setattr(chunking, "CPU_TOKENS", tokens)
    with torch.no_grad():
        torch.testing.assert_close(autoencoder.encode(clip).flatten(), latent, rtol=0, atol=2e-6)
        torch.testing.assert_close(autoencoder(clip), wanted, rtol=0, atol=5e-6)


def test_a_layer_leaves_its_input_as_it_was(monkeypatch):
    monkeypatch.setattr(chunking, "CPU_TOKENS", 7)
    transformer = randomized(ProjectedAutoencoder(small_autoencoder())).encoder
    tokens = torch.randn(2, 8, 4, 4, 32)
    before = tokens.clone()
    with torch.no_grad():
        transformer(tokens)
    torch.testing.assert_close(tokens, before, rtol=0, atol=0)


def test_chunks_hold_no_more_tokens_than_wanted_and_at_least_one_entry(monkeypatch):
    monkeypatch.setattr(chunking, "CPU_TOKENS", 12)
    with torch.no_grad():
        assert [len(part) for part in chunks(torch.zeros(7, 4, 5), 0)] == [3, 3, 1]
        assert [part.shape[1] for part in chunks(torch.zeros(2, 3, 9, 5), 1)] == [1, 1, 1]


def test_with_gradients_nothing_is_cut(monkeypatch):
    monkeypatch.setattr(chunking, "CPU_TOKENS", 1)
    assert len(chunks(torch.zeros(7, 4, 5), 0)) == 1
    x = torch.ones(3, 4, requires_grad=True)
    residual(x, twice, axis=0, in_place=True).sum().backward()
    assert (x.grad == 3).all()


@pytest.mark.parametrize("in_place", [False, True])
def test_the_layout_in_memory_is_kept(monkeypatch, in_place):
    monkeypatch.setattr(chunking, "CPU_TOKENS", 4)
    x = torch.arange(24.0).view(2, 3, 4).transpose(0, 1)
    with torch.no_grad():
        wanted = 3 * x
        found = residual(x, twice, axis=0, in_place=in_place)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)
    assert found.stride() == x.stride() and (found.data_ptr() == x.data_ptr()) == in_place

"""Counting of bytes, by hand for networks of two layers, and what fits beside what."""

from __future__ import annotations

import torch
from generation.small_models import small_autoencoder, small_unet
from torch import nn
from torch.nn import functional

from pvdm.autoencoder import ProjectedAutoencoder
from pvdm.autoencoder.attention import SelfAttention
from pvdm.benchmark.speed.kept import Kept, Trade, kept
from pvdm.benchmark.speed.memory import CARD, autoencoder_trades, parameter_counts, stage
from pvdm.benchmark.speed.saved_tensors import LiveBytes, SavedBytes, imagined


def test_a_small_network_by_hand():
    network = nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.Linear(32, 4))
    x = torch.ones(10, 8)
    with SavedBytes(network.parameters()) as saved:
        result = network(x)
    # The input of the first product, that of GELU, and that of the second product.
    assert saved.total == 4 * 10 * (8 + 32 + 32)
    assert result.shape == (10, 4)


def test_a_storage_counts_once_and_whole():
    x = torch.ones(6, 4, requires_grad=True)
    whole = x * 2
    with SavedBytes() as saved:
        halves = [half.square() for half in whole.chunk(2)]
    assert len(halves) == 2 and saved.total == whole.nbytes


def test_nothing_is_kept_without_gradients():
    network = nn.Linear(8, 8)
    with torch.no_grad(), SavedBytes() as saved:
        network(torch.ones(2, 8))
    assert saved.total == 0


def test_bf16_on_an_imagined_gpu_by_hand():
    def run(network, batch):
        return network(torch.randn(batch, 100, 8))

    found = kept(lambda: nn.Linear(8, 32), run)
    assert (found.per_clip, found.fixed) == (2 * 100 * 8, 0)  # the input in bfloat16; its gradient is not asked for
    stacked = kept(lambda: nn.Sequential(nn.Linear(8, 32), nn.Linear(32, 4)), run)
    assert (stacked.per_clip, stacked.fixed) == (2 * 100 * (8 + 32), 2 * 32 * 4)  # and the second weight in bfloat16


def test_attention_keeps_no_map():
    n, channels, heads, head_dim = 64, 32, 2, 16

    def run(network, batch):
        return network(torch.randn(batch, n, channels, dtype=torch.bfloat16))

    width = heads * head_dim
    found = kept(lambda: SelfAttention(channels, heads, head_dim), run)
    statistics = 4 * n * (2 + heads)  # mean and deviation of the norm, the logarithm of attention's sums
    assert found.per_clip <= 2 * n * (2 * channels + 4 * width) + statistics


def test_what_lives_and_the_most_that_did():
    with LiveBytes() as live:
        x = torch.ones(256)
        y = torch.ones(256) + 1
        del y
        assert (live.now, live.peak) == (1024, 3072)
        del x
    assert live.now == 0


def test_imagination_ends_with_its_block():
    with imagined():
        x = functional.linear(torch.ones(2, 4), torch.ones(3, 4))
        assert (x.dtype, x.device.type) == (torch.bfloat16, "cuda")
    assert not torch.is_autocast_enabled("cuda") and torch.is_autocast_cache_enabled()
    assert torch.ones(1).device.type == "cpu" and torch.get_default_dtype() == torch.float32


def test_recomputing_everything_keeps_less_for_less_than_a_forward_pass():
    nothing, everything = autoencoder_trades(small_autoencoder(projection_depth=1), (False, True)).values()
    assert everything.kept.per_clip < everything.largest_part < nothing.kept.per_clip
    assert nothing.largest_part == nothing.flops_again == 0
    assert 0.1 < everything.flops_again < 1 / 3  # a forward pass is a third; the last product of a part is not repeated


def test_a_batch_fits_beside_what_is_held():
    losses = {"lpips": Kept(per_clip=30, fixed=5), "discriminators": Kept(per_clip=20, fixed=7)}
    trade = Trade(Kept(per_clip=100, fixed=3), largest_part=10, flops_again=0.1)
    room = 4 * (100 + 30)  # what is computed again, LPIPS and discriminators are not kept at once
    (found,) = stage({"mlp": trade}, CARD - 3 - 7 - room, losses)["settings"].values()
    assert (found["peak_per_clip"], found["batch_on_24_gib"]) == (130, 4)
    (found,) = stage({"mlp": trade}, CARD - 3 - 7 - room + 1, losses)["settings"].values()
    assert found["batch_on_24_gib"] == 3
    (found,) = stage({"mlp": trade}, CARD, {})["settings"].values()
    assert found["batch_on_24_gib"] == 0


def test_parameters_are_those_of_the_networks():
    autoencoder = small_autoencoder()
    counts = parameter_counts(autoencoder, small_unet(autoencoder))
    assert counts["autoencoder"] == sum(value.numel() for value in ProjectedAutoencoder(autoencoder).parameters())
    assert counts["vgg"] == 14_714_688 + 1_472  # VGG-16's convolutions, and LPIPS's five weightings

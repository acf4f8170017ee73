"""The autoencoder: what each plane depends on, what it changes, any size, mixed precision."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from einops import rearrange
from generation.small_models import randomized, small_autoencoder
from torch import Tensor, nn

from pvdm.autoencoder import PLANES, AutoencoderConfig, ProjectedAutoencoder, Triplane, TriplaneShape
from pvdm.autoencoder.autoencoder import ALONG
from pvdm.errors import InputError

SIZES = [(8, 128, 128), (32, 128, 128), (8, 96, 160), (32, 96, 160)]
UNEQUAL = {"frames": 3, "height": 32, "width": 40}
MISSING_AXIS = {"hw": 2, "tw": 3, "th": 4}
"""The axis of a video (b, 3, t, h, w) that each plane lacks."""


def network(**sizes: int) -> ProjectedAutoencoder:
    return randomized(ProjectedAutoencoder(small_autoencoder(**sizes)))


def without_transformers(**sizes: int) -> ProjectedAutoencoder:
    """Projections, broadcasting and pixels alone: encoder and decoder pass their tokens on."""
    autoencoder = network(**sizes)
    autoencoder.encoder.layers, autoencoder.decoder.layers = nn.ModuleList(), nn.ModuleList()
    return autoencoder


def clip(config: AutoencoderConfig, batch: int = 1, seed: int = 0) -> Tensor:
    """Noise in [-1, 1], (b, 3, t, h, w)."""
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(batch, 3, config.frames, config.height, config.width, generator=generator) - 1


def planes(config: AutoencoderConfig, seed: int = 0) -> Triplane:
    generator = torch.Generator().manual_seed(seed)
    flat = torch.randn(1, config.latent_channels, config.latent_shape.positions, generator=generator)
    return Triplane.split(flat.tanh(), config.latent_shape)


def only(triplane: Triplane, *kept: str) -> Triplane:
    """The same planes, at zero but for those kept."""
    return Triplane(*(plane if name in kept else plane * 0 for name, plane in zip(PLANES, triplane, strict=True)))


def logits(autoencoder: ProjectedAutoencoder, triplane: Triplane) -> Tensor:
    """What the last convolution gives, before 2 * sigmoid - 1."""
    with torch.no_grad():
        return torch.logit((autoencoder.decode(triplane) + 1) / 2)


def test_planes_have_the_sizes_of_their_axes():
    autoencoder = network(**UNEQUAL)
    with torch.no_grad():
        found = autoencoder.encode(clip(autoencoder.config, batch=2))
    assert found.shape == autoencoder.config.latent_shape == TriplaneShape(3, 4, 5)
    assert found.hw.shape == (2, 4, 4, 5)
    assert found.tw.shape == (2, 4, 3, 5)
    assert found.th.shape == (2, 4, 3, 4)
    assert found.flatten().abs().max() < 1


@pytest.mark.parametrize(
    ("plane", "position", "pixels"),
    [
        ("hw", (2, 3), (slice(None), slice(16, 24), slice(24, 32))),  # its patch, in every frame
        ("tw", (1, 3), (1, slice(None), slice(24, 32))),  # its column, in its frame
        ("th", (1, 2), (1, slice(16, 24), slice(None))),  # its row, in its frame
    ],
)
def test_a_position_of_a_plane_sums_up_exactly_its_line_of_the_video(plane, position, pixels):
    autoencoder = without_transformers(**UNEQUAL)
    video = clip(autoencoder.config).requires_grad_()
    row, column = position
    getattr(autoencoder.encode(video), plane)[0, :, row, column].sum().backward()
    wanted = torch.zeros(video.shape[2:], dtype=torch.bool)
    wanted[pixels] = True
    touched = (video.grad[0] != 0).any(dim=0)
    assert not touched[~wanted].any()
    assert touched[wanted].float().mean() > 0.99


@pytest.mark.parametrize(("plane", "first"), [("hw", (0,)), ("tw", (slice(None), 0)), ("th", (..., 0, slice(None)))])
def test_a_projection_reads_the_first_position_of_its_axis(plane, first):
    """Released weights depend on it: the summary token comes last, and yet index 0 is read."""
    autoencoder = network(**UNEQUAL)
    projection = autoencoder.projections[plane]
    for layer in (*projection.attention, *projection.mlp):
        layer.requires_grad_(False)
        for parameter in (layer.out if hasattr(layer, "out") else layer.down).parameters():
            parameter.zero_()
    tokens = torch.randn(1, 3, 4, 5, 32, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        found = projection(rearrange(tokens, ALONG[plane]))
        at_first = tokens[0][first] + projection.position[0]
        weight, bias = projection.to_latent.weight[:, :, 0, 0], projection.to_latent.bias
        expected = torch.tanh(rearrange(at_first @ weight.T + bias, "rows columns c -> 1 c rows columns"))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("plane", PLANES)
def test_decoding_lays_a_plane_along_the_axis_it_lacks(plane):
    autoencoder = without_transformers(**UNEQUAL)
    found = logits(autoencoder, only(planes(autoencoder.config), plane))
    cube = rearrange(found, "b c t (h p) (w q) -> b (c p q) t h w", p=8, q=8)
    along = MISSING_AXIS[plane]
    torch.testing.assert_close(cube, cube.narrow(along, 0, 1).expand_as(cube), rtol=1e-5, atol=1e-5)
    for axis in {2, 3, 4} - {along}:
        assert cube.diff(dim=axis).abs().amax() > 0.1


@pytest.mark.parametrize("plane", PLANES)
def test_a_change_of_one_plane_changes_tokens_equally_along_the_axis_it_lacks(plane):
    autoencoder = without_transformers(**UNEQUAL)
    before, other = planes(autoencoder.config), planes(autoencoder.config, seed=1)
    after = Triplane(*(getattr(other if name == plane else before, name) for name in PLANES))
    change = logits(autoencoder, after) - logits(autoencoder, before)
    cube = rearrange(change, "b c t (h p) (w q) -> b (c p q) t h w", p=8, q=8)
    assert change.abs().amax() > 0.1
    along = MISSING_AXIS[plane]
    torch.testing.assert_close(cube, cube.narrow(along, 0, 1).expand_as(cube), rtol=1e-5, atol=1e-5)


def test_the_decoder_takes_the_sum_of_the_planes():
    autoencoder = without_transformers(**UNEQUAL)
    triplane = planes(autoencoder.config)
    nothing = logits(autoencoder, only(triplane))
    parts = sum(logits(autoencoder, only(triplane, name)) - nothing for name in PLANES)
    torch.testing.assert_close(logits(autoencoder, triplane) - nothing, parts, rtol=1e-4, atol=1e-4)


def test_the_whole_encoder_and_decoder_see_the_whole_clip():
    autoencoder = network(**UNEQUAL)
    video = clip(autoencoder.config).requires_grad_()
    autoencoder.encode(video).hw[0, 0, 0, 0].backward()
    assert (video.grad != 0).float().mean() > 0.99
    triplane = planes(autoencoder.config).map(lambda plane: plane.requires_grad_())
    autoencoder.decode(triplane)[0, 0, 0, 0, 0].backward()
    assert all((plane.grad != 0).all() for plane in triplane)


def test_clips_of_a_batch_are_independent():
    autoencoder = network()
    video = clip(autoencoder.config, batch=3)
    with torch.no_grad():
        torch.testing.assert_close(autoencoder(video)[1:2], autoencoder(video[1:2]))


@pytest.mark.parametrize(("frames", "height", "width"), SIZES)
def test_any_size_trains(frames, height, width):
    autoencoder = network(frames=frames, height=height, width=width).train()
    video = clip(autoencoder.config)
    found = autoencoder(video)
    assert found.shape == video.shape and found.abs().max() <= 1
    loss = (found - video).square().mean()
    loss.backward()
    for name, parameter in autoencoder.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name
    torch.optim.SGD(autoencoder.parameters(), lr=0.1).step()
    with torch.no_grad():
        assert (autoencoder(video) - video).square().mean() < loss


def test_bf16_is_close():
    autoencoder = network()
    video = clip(autoencoder.config)
    with torch.no_grad():
        exact = autoencoder(video)
        with torch.autocast("cpu", torch.bfloat16):
            found = autoencoder(video)
    assert (found.float() - exact).abs().max() < 0.05
    assert (found.float() - exact).abs().mean() < 0.01


@pytest.mark.parametrize("shape", [(1, 3, 8, 32, 40), (1, 3, 7, 32, 32), (1, 1, 8, 32, 32), (3, 8, 32, 32)])
def test_another_size_is_refused(shape):
    with pytest.raises(ValueError, match=r"video has shape .*; this autoencoder takes \(b, 3, 8, 32, 32\)"):
        network().encode(torch.zeros(shape))


def test_pixels_are_floats_in_their_range():
    shape = (1, 3, 8, 32, 32)
    with pytest.raises(InputError, match=r"video is torch.uint8; this autoencoder takes floats in \[-1, 1\]"):
        network().encode(torch.zeros(shape, dtype=torch.uint8))
    for wrong, found in ((torch.full(shape, 255.0), "255 to 255"), (torch.full(shape, math.nan), "nan to nan")):
        with pytest.raises(InputError, match=f"video goes from {found}; this autoencoder takes floats"):
            network().encode(wrong)
    assert network().encode(torch.full(shape, 1.0001)).shape == network().config.latent_shape  # rounding is no error


def test_planes_are_floats_of_their_sizes():
    autoencoder = network()
    good = planes(autoencoder.config)
    for name in PLANES:
        for wrong in (getattr(good, name)[:, :, :-1], getattr(good, name)[:, :-1], getattr(good, name).long()):
            with pytest.raises(InputError, match=rf"plane {name} is torch.*; this autoencoder decodes floats \(b, 4, "):
                autoencoder.decode(replace(good, **{name: wrong}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"height": 100}, "height 100 is not divisible by the patch size 8; choose a multiple of 8"),
        ({"width": 250}, "width 250 is not divisible by the patch size 8"),
        ({"frames": 0}, "frames is 0; it must be at least 1"),
        ({"head_dim": 6}, "head_dim is 6; .* multiple of 4"),
    ],
)
def test_config_is_checked(fields, message):
    with pytest.raises(ValueError, match=message):
        AutoencoderConfig(**fields)


def test_regions_are_traced_without_breaks():
    torch.compiler.reset()  # forms that other tests compiled count towards the limit
    autoencoder = network()
    video = clip(autoencoder.config)
    with torch.no_grad():
        wanted = autoencoder(video)
        for region in autoencoder.regions():
            region.compile(backend="eager", fullgraph=True, dynamic=False)
        torch.testing.assert_close(autoencoder(video), wanted, rtol=1e-5, atol=1e-5)


def test_the_position_angles_are_no_weights():
    autoencoder = network()
    assert not [name for name in autoencoder.state_dict() if "over_" in name]
    assert autoencoder.to("meta").encoder.over_time.device.type == "meta"


def test_under_autocast_the_projections_stay_in_bfloat16_and_the_decoder_gets_its_tokens_in_order():
    autoencoder, found = network(**UNEQUAL), {}
    layers = {"mlp": autoencoder.projections["hw"].mlp[-1], "decoder": autoencoder.decoder}
    for name, layer in layers.items():
        layer.register_forward_pre_hook(lambda _, given, name=name: found.update({name: given[0]}))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        autoencoder.encode(clip(autoencoder.config))
        autoencoder.decode(planes(autoencoder.config))  # slices of a latent, as in sampling
    assert found["mlp"].dtype == torch.bfloat16
    assert found["decoder"].is_contiguous()

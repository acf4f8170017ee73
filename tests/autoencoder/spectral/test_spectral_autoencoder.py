"""The spectral autoencoder: its contract, its start as the best linear code, its statistics, what may be frozen."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from einops import rearrange
from generation.small_models import randomized
from scipy.fft import dct
from torch import Tensor

from pvdm.autoencoder import (
    PLANES,
    AutoencoderConfig,
    ProjectedAutoencoder,
    SpectralAutoencoder,
    SpectralConfig,
    Triplane,
    TriplaneShape,
    autoencoder_config,
    stored_fields,
)
from pvdm.benchmark.speed.flops import counted
from pvdm.errors import InputError
from pvdm.runtime.precision import bfloat16_weights
from pvdm.video import to_float

CONFIG = SpectralConfig(
    frames=6,
    height=16,
    width=24,
    patch=4,
    content_channels=(5, 3),
    motion_channels=2,
    features=16,
    encoder_depth=1,
    decoder_depth=1,
    expansion=2,
    kernel_size=3,
)


def clips(count: int, config: SpectralConfig = CONFIG) -> Tensor:
    """Smooth clips with a bright square that moves: (n, 3, t, h, w) uint8."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 2, 3, 3, generator=generator)
    video = torch.nn.functional.interpolate(coarse, (config.frames, config.height, config.width), mode="trilinear")
    for clip, x in zip(video, torch.randint(config.width - 6, (count,), generator=generator).tolist(), strict=True):
        for t in range(config.frames):
            clip[:, t, 4:8, x + t // 2 : x + t // 2 + 4] = 1
    return (255 * video).byte()


def network(config: SpectralConfig = CONFIG) -> SpectralAutoencoder:
    """No layer of it is zero."""
    return randomized(SpectralAutoencoder(config))


def fitted(config: SpectralConfig = CONFIG, count: int = 64) -> SpectralAutoencoder:
    torch.manual_seed(0)
    autoencoder = SpectralAutoencoder(config)
    autoencoder.fit(clips(count, config))
    return autoencoder.eval()


def error(autoencoder: SpectralAutoencoder, video: Tensor) -> float:
    with torch.no_grad():
        return (autoencoder(video) - video).square().mean().item()


def test_shrunk_planes_decode_to_half_the_size():
    """Colors that do not vary are the same at any size; the trained networks of the two sizes are one."""
    autoencoder, colors = fitted(), torch.rand(2, 3, 1, 1, 1)
    video = (0.8 * colors).expand(2, 3, *(getattr(CONFIG, name) for name in ("frames", "height", "width")))
    with torch.no_grad():
        found = autoencoder.decode_halved(autoencoder.encode(video))
        assert found.shape == (2, 3, 6, 8, 12)
        torch.testing.assert_close(found.mean((2, 3, 4)), video.mean((2, 3, 4)), atol=0.03, rtol=0)
        changed = network()
        planes = changed.encode(video)
        before = changed.decode_halved(planes)
        changed.to_spectrum.bias.add_(0.1)
        assert not torch.equal(changed.decode_halved(planes), before)
    assert not SpectralAutoencoder(replace(CONFIG, height=12)).can_halve and autoencoder.can_halve


@pytest.mark.parametrize("sizes", [{}, {"frames": 3, "height": 12}, {"content_channels": (4,), "motion_channels": 1}])
def test_shapes_follow_the_config(sizes):
    config = replace(CONFIG, **sizes)
    autoencoder = network(config)
    video = to_float(clips(2, config))
    with torch.no_grad():
        planes = autoencoder.encode(video)
        assert autoencoder.decode(planes).shape == video.shape
    t, h, w, c = config.frames, config.height // 4, config.width // 4, config.motion_channels
    assert planes.hw.shape == (2, sum(config.content_channels), h, w)
    assert (planes.tw.shape, planes.th.shape) == ((2, c, t, w), (2, c, t, h))
    assert planes.shape == config.latent_shape == TriplaneShape(t, h, w, sum(config.content_channels) // c)
    again = Triplane.split(planes.flatten(), config.latent_shape)
    for plane, found in zip(planes, again, strict=True):
        torch.testing.assert_close(found, plane, rtol=0, atol=0)


def test_with_as_many_channels_as_values_the_linear_code_loses_nothing():
    config = replace(CONFIG, frames=2, patch=2, content_channels=(12, 12), motion_channels=1)
    noise = torch.randint(256, (64, 3, 2, 16, 24), generator=torch.Generator().manual_seed(0)).byte()
    torch.manual_seed(0)
    autoencoder = SpectralAutoencoder(config)
    autoencoder.fit(noise)
    assert error(autoencoder.eval(), to_float(noise[:8])) < 1e-4


def test_it_starts_better_than_principal_components_of_patches():
    """Of the same frequencies and channels, computed here from the definition."""
    video = to_float(clips(64))
    autoencoder = fitted()
    frequencies = torch.from_numpy(dct(video.double().numpy(), axis=2, norm="ortho")).float()
    spectrum = rearrange(frequencies, "b c k (h p) (w q) -> b h w k (c p q)", p=4, q=4)
    kept = torch.zeros_like(spectrum)
    for k, channels in enumerate(CONFIG.content_channels):
        rows = spectrum[..., k, :].flatten(0, 2)
        mean = rows.mean(0)
        directions = torch.linalg.svd(rows - mean, full_matrices=False)[2][:channels]
        kept[..., k, :] = ((rows - mean) @ directions.T @ directions + mean).unflatten(0, spectrum.shape[:3])
    alone = (kept - spectrum).square().mean().item()  # of pixels, too, for the transform is orthonormal
    assert error(autoencoder, video) < 0.95 * alone


def test_latents_of_the_clips_it_was_fitted_to_are_normalized():
    autoencoder = fitted()
    with torch.no_grad():
        planes = autoencoder.encode(to_float(clips(64)))
    for plane in planes:
        torch.testing.assert_close(plane.mean((0, 2, 3)), torch.zeros(plane.shape[1]), rtol=0, atol=2e-3)
        torch.testing.assert_close(plane.std((0, 2, 3)), torch.ones(plane.shape[1]), rtol=0, atol=1e-2)


def test_a_power_scales_channels_by_their_weight_in_pixels():
    plain = fitted()
    scaled = fitted(replace(CONFIG, latent_power=0.5))
    video = to_float(clips(64))
    with torch.no_grad():
        planes, unit = scaled.encode(video), plain.encode(video)
        torch.testing.assert_close(scaled(video), plain(video), rtol=1e-4, atol=1e-4)
        weights = []
        for name, plane in zip(PLANES, unit, strict=True):  # what a channel does to pixels, found by moving it alone
            for channel in range(plane.shape[1]):
                alone = {other: torch.zeros_like(value) for other, value in zip(PLANES, unit, strict=True)}
                without = plain.train().decode(Triplane(**alone))
                alone[name][:, channel] = plane[:, channel]
                change = plain.decode(Triplane(**alone)) - without
                values = plane[0, channel].numel()
                weights.append((change.square().sum((1, 2, 3, 4)).mean() / values).sqrt())
    deviations = torch.cat([plane.std((0, 2, 3)) for plane in planes])
    torch.testing.assert_close(deviations / deviations[0], (torch.stack(weights) / weights[0]).sqrt(), rtol=0.1, atol=0)
    assert planes.flatten().square().mean().item() == pytest.approx(1, abs=0.01)


def test_the_network_starts_at_zero_and_the_statistics_do_not_change_a_reconstruction():
    autoencoder, video = fitted(), to_float(clips(4))
    with torch.no_grad():
        code, _ = autoencoder.linear.encode(autoencoder.spectrum(video))
        pictures = autoencoder.spectrum.pictures(autoencoder.linear.decode(code))
        linear = autoencoder.spectrum.to_video(pictures).clamp(-1, 1)
        torch.testing.assert_close(autoencoder(video), linear, rtol=1e-4, atol=1e-5)
        autoencoder.normalize["hw"].mean.add_(0.5)
        autoencoder.normalize["tw"].square.mul_(9)
        torch.testing.assert_close(autoencoder(video), linear, rtol=1e-4, atol=1e-5)


def test_statistics_follow_the_latents_in_training_and_stand_still_in_evaluation():
    autoencoder, video = fitted(), to_float(clips(16))
    with torch.no_grad():
        autoencoder.to_content.bias.fill_(2.0)
        before = autoencoder.normalize["hw"].mean.clone()
        autoencoder.eval()(video)
        assert torch.equal(autoencoder.normalize["hw"].mean, before)
        autoencoder.train()
        for _ in range(1500):
            autoencoder.normalize["hw"](autoencoder.normalize["hw"].inverse(autoencoder.encode(video).hw).detach())
        planes = autoencoder.eval().encode(video)
    torch.testing.assert_close(planes.hw.mean((0, 2, 3)), torch.zeros(8), rtol=0, atol=0.02)


def test_motion_planes_hold_what_the_content_plane_cannot():
    """A row of patches that flickers in the highest frequency reaches the motion plane, and no content channel."""
    autoencoder = fitted()
    flicker = torch.zeros(1, 3, 6, 16, 24)
    flicker[:, :, ::2, 4:8], flicker[:, :, 1::2, 4:8] = 0.5, -0.5
    with torch.no_grad():
        still, moving = autoencoder.encode(torch.zeros_like(flicker)), autoencoder.encode(flicker)
    change = moving.th - still.th
    assert change[:, :, :, 1].abs().mean() > 10 * change[:, :, :, 3].abs().mean()
    high = autoencoder.spectrum.of_plane(change)[0, 1].square().sum(-1)
    assert high.argmax() == 5


def test_mixed_precision_keeps_the_linear_code_exact():
    autoencoder, video = fitted(), to_float(clips(4))
    with torch.no_grad():
        exact = autoencoder(video)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(autoencoder(video), exact, rtol=0, atol=1e-4)
            halved = bfloat16_weights(autoencoder)
            torch.testing.assert_close(halved(video), exact, rtol=0, atol=1e-4)
    assert halved.embed.weight.dtype == torch.bfloat16 and halved.linear.tw.encoder.weight.dtype == torch.float32


def test_all_weights_are_trained():
    autoencoder = network().train()
    autoencoder(to_float(clips(2))).square().sum().backward()
    without = [name for name, value in autoencoder.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []


def test_a_frozen_encoder_leaves_latents_as_they_are():
    autoencoder, video = network().train(), to_float(clips(4))
    autoencoder.freeze_encoder()
    before = autoencoder.encode(video).flatten()
    trained = [value for value in autoencoder.parameters() if value.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1)
    found = autoencoder(video)
    found.square().mean().backward()
    optimizer.step()
    assert (autoencoder(video) - found).abs().max() > 1e-4
    torch.testing.assert_close(autoencoder.encode(video).flatten(), before, rtol=0, atol=0)
    state = autoencoder.encoder_state()
    assert {name.split(".")[0] for name in autoencoder.state_dict().keys() - state.keys()} == {
        "from_code",
        "decoder",
        "to_spectrum",
    }


def test_operations_can_be_counted_without_memory():
    with torch.device("meta"):
        autoencoder = SpectralAutoencoder(CONFIG)
        video = torch.empty(1, 3, 6, 16, 24)
    with torch.no_grad():
        assert autoencoder.decode(autoencoder.encode(video)).shape == video.shape


def test_video_and_planes_are_checked():
    autoencoder = network()
    with pytest.raises(ValueError, match=r"this autoencoder takes \(b, 3, 6, 16, 24\)"):
        autoencoder.encode(torch.zeros(1, 3, 6, 16, 16))
    planes = autoencoder.encode(torch.zeros(1, 3, 6, 16, 24))
    with pytest.raises(ValueError, match=r"plane hw .*this autoencoder decodes floats \(b, 8, 4, 6\)"):
        autoencoder.decode(Triplane(planes.hw[:, :4], planes.tw, planes.th))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"content_channels": ()}, "content_channels is (); it must be at least 1"),
        ({"content_channels": (3, 0)}, "content_channels is (3, 0); it must be at least 1"),
        ({"content_channels": (1,) * 7}, "content_channels has 7 frequencies, and a clip of 6 frames as many"),
        ({"content_channels": (5, 2)}, "7 channels of content are not divisible by 2 motion_channels"),
        ({"kernel_size": 4}, "kernel_size is 4; give an odd number"),
        ({"latent_power": 1.5}, "latent_power is 1.5; give a value from 0 to 1"),
        ({"height": 18}, "height 18 is not divisible by the patch size 4; choose a multiple of 4"),
    ],
)
def test_config_is_checked(fields, message):
    with pytest.raises(InputError) as caught:
        replace(CONFIG, **fields)
    assert message in str(caught.value)


def test_stored_fields_name_the_class():
    assert stored_fields(CONFIG)["class"] == "SpectralConfig"
    assert autoencoder_config(stored_fields(CONFIG)) == CONFIG
    with pytest.raises(InputError, match="class is 'Other'; give one of AutoencoderConfig, SpectralConfig"):
        autoencoder_config({"class": "Other"})


def test_it_takes_a_hundredth_of_the_released_operations():
    """At 16x256x256 with as many values; docs/usage.md has the figures."""

    def flops(kind: type, config: AutoencoderConfig | SpectralConfig) -> int:
        with torch.device("meta"), torch.no_grad(), counted() as counter:
            autoencoder = kind(config).eval()
            autoencoder.decode(autoencoder.encode(torch.empty(1, 3, config.frames, config.height, config.width)))
        return counter.flops

    released, spectral = AutoencoderConfig(), SpectralConfig()
    counts = [config.latent_shape.positions * config.latent_channels for config in (released, spectral)]
    assert counts[0] == counts[1] == 8192
    found = flops(ProjectedAutoencoder, released), flops(SpectralAutoencoder, spectral)
    assert [round(count / 1e9) for count in found] == [2548, 15]

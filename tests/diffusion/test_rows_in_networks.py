"""Vectors of frames, of cameras and sound, in the networks: where they go, and that without them nothing changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusion.test_hints import CONFIGS, SHAPE, T, built, latents
from generation.small_models import randomized
from torch import Tensor

from pvdm.autoencoder import Triplane, TriplaneShape
from pvdm.diffusion import Condition, DiffusionConfig, NoiseSchedule, make_denoise
from pvdm.diffusion.denoise import guidance_terms
from pvdm.errors import ArgumentError

WIDTHS = {"camera_width": 3, "sound_width": 5}


def rows(width: int, seed: int = 1, batch: int = 2) -> Tensor:
    return torch.randn(batch, SHAPE[0], width, generator=torch.Generator().manual_seed(seed))


def both() -> Condition:
    return Condition(camera=rows(3), sound=rows(5, 2))


@pytest.mark.parametrize("name", CONFIGS)
def test_older_weights_compute_what_they_did_until_rows_are_learned(name):
    config = CONFIGS[name]
    old, new = randomized(built(config)), built(replace(config, **WIDTHS)).eval()
    missing = new.load_state_dict(old.state_dict(), strict=False)
    assert not missing.unexpected_keys
    assert sorted(missing.missing_keys) == ["embed_camera.project.weight", "embed_sound.project.weight"]
    assert all(any(part in key for part in new.added) for key in missing.missing_keys)
    z, plain = latents(config), Condition(latents(config, seed=2), label=torch.tensor([0, 2]))
    with torch.no_grad():
        for condition in (plain, replace(plain, camera=rows(3)), replace(plain, camera=rows(3), sound=rows(5))):
            assert torch.equal(new(z, T, condition), old(z, T, plain))


def test_frames_are_rows_of_the_motion_planes_and_their_mean_is_in_the_content_plane():
    config = replace(CONFIGS["unet-folded"], **WIDTHS)
    net, given = randomized(built(config)), rows(3)
    added = net.frame_rows(Condition(camera=given), latents(config))
    assert [tuple(plane.shape) for plane in added] == [(2, 32, 1, 1), (2, 32, 4, 1), (2, 32, 4, 1)]
    weight = net.embed_camera.project.weight
    torch.testing.assert_close(added.tw[:, :, 1, 0], torch.cat((given[:, 2], given[:, 3]), dim=1) @ weight.T)
    torch.testing.assert_close(added.hw[..., 0, 0], added.th[..., 0].mean(2))
    both_added = net.frame_rows(both(), latents(config))
    sound = net.frame_rows(Condition(sound=rows(5, 2)), latents(config))
    torch.testing.assert_close(both_added.tw, added.tw + sound.tw)
    assert net.frame_rows(Condition(), latents(config)) is None


def test_the_transformer_adds_rows_to_the_positions_of_their_frames():
    config = replace(CONFIGS["transformer"], **WIDTHS)
    net = randomized(built(config))
    added = net.frame_rows(both(), latents(config))
    found = net._expanded(added)
    shape = TriplaneShape(2, 4, 6)
    planes = Triplane.split(found.transpose(1, 2), shape)
    for plane, expected in zip(planes, added, strict=True):
        torch.testing.assert_close(plane, expected.expand_as(plane))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_network_sees_rows_where_they_are_given_and_nothing_where_they_are_masked(name):
    config = replace(CONFIGS[name], **WIDTHS)
    net, z = randomized(built(config)), latents(config)
    mask = torch.tensor([True, False])
    nan = rows(3)
    nan[1] = torch.nan
    with torch.no_grad():
        found, without = net(z, T, both()), net(z, T)
        for part in ("camera", "sound"):
            other = replace(both(), **{part: getattr(both(), part).flip(1)})
            assert ((net(z, T, other) - found).abs().amax((1, 2)) > 1e-5).all()
        half = net(z, T, Condition(camera=nan, camera_mask=mask, sound=rows(5, 2), sound_mask=mask))
    torch.testing.assert_close(half, torch.stack((found[0], without[1])), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_all_weights_are_trained_with_rows(name):
    net = randomized(built(replace(CONFIGS[name], **WIDTHS))).train()
    condition = replace(both(), context=latents(CONFIGS[name], 1), label=torch.tensor([0, 1]))
    net(latents(CONFIGS[name]), T, condition).square().mean().backward()
    assert [key for key, value in net.named_parameters() if value.grad is None or not value.grad.any()] == []


def test_rows_are_dropped_cut_and_joined():
    condition = replace(both(), label=torch.tensor([0, 1]))
    assert condition.given == ["label", "camera", "sound"]
    dropped = condition.drop(keep_camera=torch.tensor([True, False]))
    assert dropped.camera_mask.tolist() == [True, False] and dropped.sound_mask is None
    assert dropped.part(slice(1, 2)).camera_mask.tolist() == [False]
    joined = Condition.join([dropped, condition.without("sound")])
    assert joined.camera_mask.tolist() == [True, False, True, True]
    assert joined.sound_mask.tolist() == [True, True, False, False]
    weights, terms = guidance_terms(condition, {"camera": 2.0, "sound": 1.0})
    assert weights == [1.0, 2.0, -1.0, -1.0]  # without the label: 2 more; without the camera, too; without all
    assert terms.camera_mask.tolist() == [True, True, True, True, False, False, False, False]


@pytest.mark.parametrize("part", ["camera", "sound"])
def test_guidance_is_a_step_away_from_none(part):
    config = replace(CONFIGS["transformer"], **WIDTHS)
    net, schedule, z = randomized(built(config)), NoiseSchedule(DiffusionConfig()), latents(config)
    given = Condition(**{part: getattr(both(), part)})
    options = {"parameterization": "eps", "condition": given, "clamp": False, f"{part}_guidance": 1.5}
    with torch.no_grad():
        told, untold = net(z, T, given), net(z, T)
        found = make_denoise(net, schedule, **options)(z, T).noise
    torch.testing.assert_close(found, told + 1.5 * (told - untold), rtol=1e-4, atol=1e-4)


def test_rows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"the camera is torch.float32 \(2, 3\); it must be floats \(b, t, d\)"):
        Condition(camera=torch.zeros(2, 3))
    with pytest.raises(ValueError, match="a sound_mask is given without a sound"):
        Condition(sound_mask=torch.ones(2, dtype=torch.bool))
    config = CONFIGS["unet"]
    with pytest.raises(ValueError, match="a camera is given to a network without camera; leave out the camera"):
        built(config)(latents(config), T, both())
    net = built(replace(config, **WIDTHS))
    with pytest.raises(ValueError, match="this network takes 8 frames of 3 numbers for each of 2 samples"):
        net(latents(config), T, Condition(camera=rows(4)))
    with pytest.raises(ArgumentError, match="sound_width is 0"):
        replace(config, sound_width=0)

"""The patch discriminator: sizes, independence of samples, and how far a patch sees."""

import pytest
import torch

from pvdm.autoencoder.discriminator import PatchDiscriminator, clip_strides, frame_strides


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def discriminator(strides, channels: int = 16) -> PatchDiscriminator:
    torch.manual_seed(0)
    return PatchDiscriminator(strides, channels=channels)


def test_time_is_halved_while_four_frames_are_left():
    assert clip_strides(3, 16) == [(2, 2, 2), (2, 2, 2), (2, 2, 2)]
    assert clip_strides(3, 8) == [(2, 2, 2), (2, 2, 2), (1, 2, 2)]
    assert clip_strides(2, 1) == [(1, 2, 2), (1, 2, 2)]
    assert frame_strides(2) == [(2, 2), (2, 2)]


def test_channels_double_up_to_eight_times_as_many():
    network = discriminator(frame_strides(5), channels=16)
    assert [layer[0].out_channels for layer in network.layers] == [16, 32, 64, 128, 128, 128]


@pytest.mark.parametrize("shape", [(3, 64, 64), (3, 5, 3), (3, 1, 1), (3, 16, 64, 64), (3, 1, 1, 1), (3, 3, 2, 9)])
def test_planes_of_any_size_have_logits_and_features(shape):
    strides = frame_strides(3) if len(shape) == 3 else clip_strides(3, shape[1])
    logits, features = discriminator(strides)(noise(2, *shape))
    assert (logits.shape[0], logits.ndim, logits.dtype) == (2, 2, torch.float32)
    assert logits.isfinite().all()
    assert logits.shape[1] >= 1
    assert [feature.shape[1] for feature in features] == [16, 32, 64, 128]
    assert all(feature.ndim == len(shape) + 1 for feature in features)


@pytest.mark.parametrize("size", [1, 8])
def test_one_position_is_told_from_another_image(size):
    network = discriminator(frame_strides(3))
    logits = [network(noise(1, 3, size, size, seed=seed))[0] for seed in (0, 1)]
    assert not torch.allclose(*logits, atol=1e-6)


def test_a_sample_is_judged_by_itself():
    network, video = discriminator(clip_strides(2, 4)), noise(3, 3, 4, 16, 16)
    together, _ = network(video)
    torch.testing.assert_close(together, torch.cat([network(clip[None])[0] for clip in video]), rtol=1e-4, atol=1e-6)


def test_a_patch_of_a_logit_sees_no_further_than_its_field():
    """Without norms, whose statistics are of the whole plane, one pixel moves but the logits around it."""
    network, frame = discriminator(frame_strides(2)), noise(1, 3, 64, 64)
    for layer in network.layers[1:]:
        layer[1] = torch.nn.Identity()
    other = frame.clone()
    other[..., 0, 0] += 1
    (a, _), (b, _) = network(frame), network(other)
    moved = (a != b).reshape(1, 19, 19)  # 64 -> 33 -> 17 -> 18 -> 19
    assert moved[:, :10, :10].any()
    assert not moved[:, 10:].any()
    assert not moved[:, :, 10:].any()


def test_under_bf16_a_cpu_judges_in_float32():
    """oneDNN's bf16 gradients of the weights are of uninitialized memory where the kernel is longer than the clip."""
    video, found = noise(2, 3, 2, 16, 16), []
    for precise in (True, False):
        network = discriminator(clip_strides(2, 2), channels=8)
        with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
            logits, _ = network(video)
        assert logits.dtype == torch.float32
        logits.square().mean().backward()
        found.append([value.grad for value in network.parameters()])
    torch.testing.assert_close(*found)

"""Rotary positions against their formulas, in loops over positions and channel pairs."""

import math

import numpy as np
import pytest
import torch

from pvdm.autoencoder.rotary import Rotation, space_rotation, time_rotation


def turned(x: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Neighboring channels (a, b) of x (n, d) become (a cos - b sin, b cos + a sin), each with its own angle."""
    found = np.empty_like(x)
    for n, channel in np.ndindex(*x.shape):
        other, sign = (channel + 1, -1) if channel % 2 == 0 else (channel - 1, 1)
        angle = angles[n, channel]
        found[n, channel] = x[n, channel] * math.cos(angle) + sign * x[n, other] * math.sin(angle)
    return found


def values(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("frames", "channels"), [(16, 64), (5, 8), (1, 4)])
def test_time(frames, channels):
    frequencies = [10000 ** (-2 * i / channels) for i in range(channels // 2)]
    angles = np.array([[n * f for f in frequencies + frequencies] for n in range(frames)])
    x = values(frames, channels)
    found = time_rotation(frames, channels)(x)
    torch.testing.assert_close(found, torch.from_numpy(turned(x.double().numpy(), angles)).float(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("height", "width", "channels"), [(4, 6, 16), (3, 5, 8), (1, 2, 4)])
def test_space(height, width, channels):
    frequencies = math.pi * np.logspace(0, math.log2(5), channels // 4, base=2)
    angles = [
        [position * f for position in (row, column) for f in frequencies for _ in range(2)]
        for row in np.linspace(-1, 1, height)
        for column in np.linspace(-1, 1, width)
    ]
    x = values(height * width, channels)
    found = space_rotation(height, width, channels)(x)
    expected = torch.from_numpy(turned(x.double().numpy(), np.array(angles))).float()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_space_keeps_lengths_and_sees_only_distances():
    rotation = space_rotation(5, 5, 16)
    query, key = values(2, 16)
    queries, keys = (rotation(x.expand(25, 16)) for x in (query, key))
    torch.testing.assert_close(queries.norm(dim=1), query.norm().expand(25))
    products = (queries @ keys.T).reshape(5, 5, 5, 5)
    torch.testing.assert_close(products[0, 0, 2, 3], products[2, 1, 4, 4], rtol=1e-4, atol=1e-4)


def test_the_turn_is_that_of_complex_numbers():
    angles = values(7, 4)
    x = values(2, 7, 8)
    found = Rotation.of(angles.repeat_interleave(2, dim=-1))(x)
    expected = torch.view_as_complex(x.unflatten(-1, (4, 2))) * torch.polar(torch.ones_like(angles), angles)
    torch.testing.assert_close(found, torch.view_as_real(expected).flatten(-2))


def test_the_type_is_kept():
    assert time_rotation(3, 8)(values(3, 8).bfloat16()).dtype == torch.bfloat16

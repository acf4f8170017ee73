"""Planes and their flat order, on shapes with three different sizes."""

import pytest
import torch

from pvdm import Triplane
from pvdm.autoencoder import TriplaneShape

SIZES = [(16, 32, 32), (8, 12, 20), (3, 5, 7), (7, 1, 4), (1, 1, 1), (2, 9, 3), (3, 5, 7, 4), (1, 1, 1, 2)]
SHAPES = [TriplaneShape(*sizes) for sizes in SIZES]


def planes_of(shape: TriplaneShape, batch: int = 2, channels: int = 3) -> Triplane:
    generator = torch.Generator().manual_seed(0)
    t, h, w, contents = shape
    sizes = [(contents * channels, h, w), (channels, t, w), (channels, t, h)]
    return Triplane(*(torch.randn(batch, *size, generator=generator) for size in sizes))


@pytest.mark.parametrize("shape", SHAPES)
def test_split_is_the_inverse_of_flatten(shape):
    planes = planes_of(shape)
    flat = planes.flatten()
    assert flat.shape == (2, 3, shape.positions)
    again = Triplane.split(flat, shape)
    for name in ("hw", "tw", "th"):
        torch.testing.assert_close(getattr(again, name), getattr(planes, name), rtol=0, atol=0)
    torch.testing.assert_close(again.flatten(), flat, rtol=0, atol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_shape_is_that_of_the_cube(shape):
    planes = planes_of(shape)
    assert planes.shape == shape
    assert shape.planes == tuple(tuple(plane.shape[2:]) for plane in planes)
    assert shape.positions == sum(shape.lengths) == planes.flatten().shape[2]


def test_the_order_is_hw_tw_th_row_by_row():
    hw, tw, th = torch.arange(6.0).reshape(1, 1, 2, 3), torch.full((1, 1, 1, 3), 10.0), torch.full((1, 1, 1, 2), 20.0)
    flat = Triplane(hw, tw, th).flatten()
    assert flat.flatten().tolist() == [0, 1, 2, 3, 4, 5, 10, 10, 10, 20, 20]


def test_several_content_planes_come_one_after_another():
    hw = torch.arange(4.0)[None, :, None, None].expand(1, 4, 1, 2)  # channels 0 and 1 are the first of c = 2
    flat = Triplane(hw, torch.full((1, 2, 1, 2), 10.0), torch.full((1, 2, 1, 1), 20.0)).flatten()
    assert flat.tolist() == [[[0, 0, 1, 1, 10, 10, 20], [2, 2, 3, 3, 10, 10, 20]]]


def test_joined_latents_hold_the_joined_planes():
    shape = TriplaneShape(2, 3, 5, contents=4)
    first, second = planes_of(shape), planes_of(shape).map(torch.neg)
    joined = Triplane.split(torch.cat((first.flatten(), second.flatten()), dim=1), shape)
    for plane, *parts in zip(joined, first, second, strict=True):
        torch.testing.assert_close(plane, torch.cat(parts, dim=1), rtol=0, atol=0)


def test_released_size():
    assert TriplaneShape(16, 32, 32).positions == 2048
    assert TriplaneShape(16, 32, 32).planes == ((32, 32), (16, 32), (16, 32))


def test_map_acts_on_each_plane():
    planes = planes_of(SHAPES[1])
    torch.testing.assert_close(planes.map(lambda plane: 2 * plane).flatten(), 2 * planes.flatten())


@pytest.mark.parametrize("length", [30, 32])
def test_another_length_is_refused(length):
    assert TriplaneShape(2, 3, 5).positions == 31
    with pytest.raises(ValueError, match=rf"a flat latent of {length} positions does not hold .*t=2, h=3, w=5.*\(31\)"):
        Triplane.split(torch.zeros(1, 4, length), TriplaneShape(2, 3, 5))

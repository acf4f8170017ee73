"""Every pixel value survives conversion to float and back."""

import re

import pytest
import torch
from torch.testing import assert_close

from pvdm.errors import ArgumentError, InputError
from pvdm.video import check_pixels, to_float, to_uint8

LEVELS = torch.arange(256, dtype=torch.uint8)


def test_all_levels_return():
    assert_close(to_uint8(to_float(LEVELS)), LEVELS)


def test_range_and_type():
    floats = to_float(LEVELS)
    assert floats.dtype == torch.float32
    assert_close(floats[[0, 255]], torch.tensor([-1.0, 1.0]))


def test_values_outside_are_clamped_and_halves_rounded_to_nearest():
    floats = torch.tensor([-3.0, 3.0, (99.6 - 127.5) / 127.5])
    assert to_uint8(floats).tolist() == [0, 255, 100]


def test_low_precision_is_accepted():
    assert_close(to_uint8(torch.ones(2, dtype=torch.bfloat16)), torch.full((2,), 255, dtype=torch.uint8))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64, torch.bool])
def test_only_uint8_becomes_floats(dtype):
    with pytest.raises(ArgumentError, match=r"give uint8, 0 to 255: convert floats in \[0, 1\] by"):
        to_float(torch.ones(2, dtype=dtype))


def test_only_floats_become_uint8():
    with pytest.raises(ArgumentError, match=r"to_uint8 was given torch.uint8; give floats in \[-1, 1\]"):
        to_uint8(LEVELS)


@pytest.mark.parametrize(
    ("video", "message"),
    [
        (
            torch.rand(2, 3, 4, 8, 8),
            "x is torch.float32 (2, 3, 4, 8, 8); give uint8 (b, 3, t, h, w), 0 to 255: convert floats",
        ),
        (torch.zeros(3, 4, 8, 8).byte(), "x is torch.uint8 (3, 4, 8, 8); give uint8 (b, 3, t, h, w), its axes"),
        (torch.zeros(2, 4, 3, 8, 8).byte(), "x is torch.uint8 (2, 4, 3, 8, 8); give uint8 (b, 3, t, h, w), its axes"),
        (torch.zeros(2, 3, 4, 8, 8).byte().numpy(), "x is a ndarray; give a tensor of uint8 (b, 3, t, h, w)"),
    ],
)
def test_other_types_and_layouts_are_refused(video, message):
    """A ValueError in Python, and a sentence on the command line."""
    for kind in (ValueError, InputError):
        with pytest.raises(kind, match=re.escape(message)):
            check_pixels(video, "b 3 t h w", what="x")


def test_the_remedies_are_right():
    assert check_pixels((255 * torch.rand(2, 3, 4, 8, 8)).round().to(torch.uint8), "b 3 t h w", what="x") is None

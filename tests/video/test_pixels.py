"""Every pixel value survives the way to floats and back."""

import torch
from torch.testing import assert_close

from pvdm.video import to_float, to_uint8

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

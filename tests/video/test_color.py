"""Color jitter: what each change does, and that the draws are independent of each other."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from pvdm.errors import InputError
from pvdm.video import ColorJitter, change_colors


@pytest.fixture
def video() -> torch.Tensor:
    """(3, 5, 12, 10) uint8, without values that would be clipped."""
    return torch.from_numpy(np.random.default_rng(0).integers(60, 180, (3, 5, 12, 10), dtype=np.uint8))


def grey(video: torch.Tensor) -> torch.Tensor:
    """Rec. 601 luma, (t, h, w)."""
    return torch.einsum("c,cthw->thw", torch.tensor([0.299, 0.587, 0.114]), video.float())


def test_brightness_is_a_factor(video):
    assert_close(change_colors(video, {"brightness": 1.3}).float(), video * 1.3, atol=1, rtol=0)


def test_contrast_keeps_the_mean_grey_of_a_frame(video):
    mean = grey(video).mean((1, 2))[None, :, None, None]
    assert_close(change_colors(video, {"contrast": 0.5}).float(), mean + 0.5 * (video - mean), atol=2, rtol=0)


def test_saturation_keeps_the_grey(video):
    expected = grey(video) + 0.5 * (video - grey(video))
    assert_close(change_colors(video, {"saturation": 0.5}).float(), expected, atol=2, rtol=0)


def test_a_third_of_the_circle_of_hue_makes_red_green():
    red = torch.zeros(3, 1, 4, 4, dtype=torch.uint8)
    red[0] = 200
    green = change_colors(red, {"hue": 1 / 3})
    assert_close(green.float(), red[[1, 0, 2]].float(), atol=3, rtol=0)


def test_shape_and_kind_are_kept(video):
    changed = change_colors(video, {"brightness": 1.1, "contrast": 0.9, "saturation": 1.2, "hue": 0.05})
    assert changed.shape == video.shape and changed.dtype == torch.uint8 and changed.is_contiguous()
    assert change_colors(video, {}) is video


def test_draws_are_in_range_and_do_not_depend_on_what_else_is_on():
    both, one = ColorJitter(brightness=0.4, hue=0.1), ColorJitter(hue=0.1)
    draws = [(both.draw(np.random.default_rng(seed)), one.draw(np.random.default_rng(seed))) for seed in range(200)]
    assert all(first["hue"] == second["hue"] and set(second) == {"hue"} for first, second in draws)
    brightness, hue = ([first[name] for first, _ in draws] for name in ("brightness", "hue"))
    assert 0.6 <= min(brightness) < 0.65 and 1.35 < max(brightness) <= 1.4
    assert -0.1 <= min(hue) < -0.09 and 0.09 < max(hue) <= 0.1
    assert ColorJitter().draw(np.random.default_rng(0)) == {}


@pytest.mark.parametrize(("name", "value"), [("brightness", -0.1), ("contrast", 1.5), ("hue", 0.6)])
def test_strengths_are_checked(name, value):
    with pytest.raises(InputError, match=f"color_jitter.{name} is {value}; give a value from 0 to"):
        ColorJitter(**{name: value})

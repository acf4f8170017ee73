"""What settings mean, and what makes one benchmark another."""

from pathlib import Path

import pytest

from pvdm.benchmark.plan import Plan, Setting
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError


@pytest.mark.parametrize(
    ("text", "first", "later"),
    [
        ("400/400", SamplerConfig("ddim", 400, 1.0), SamplerConfig("ddim", 400, 1.0)),
        ("100/20", SamplerConfig("ddim", 100, 1.0), SamplerConfig("ddim", 20, 1.0)),
        ("dpmpp_2m:20/10", SamplerConfig("dpmpp_2m", 20), SamplerConfig("dpmpp_2m", 10)),
        ("ddpm:8/4", SamplerConfig("ddpm", 8), SamplerConfig("ddpm", 4)),
    ],
)
def test_a_setting_is_two_solvers(text, first, later):
    assert Setting.parse(text).samplers() == (first, later)


@pytest.mark.parametrize("text", ["400", "400/0", "a/b", "euler:20/20", "20/20/20", "-1/3", ""])
def test_what_is_no_setting(text):
    with pytest.raises(InputError, match=r"is not understood; give steps of the first clip and of later ones, as 400/"):
        Setting.parse(text)


def test_an_impossible_eta():
    with pytest.raises(InputError, match="eta is 2"):
        Setting.parse("4/4", eta=2.0).samplers()


def test_names_of_files_tell_settings_apart():
    texts = [("8/4", 1.0), ("8/4", 0.0), ("8/4", 0.5), ("4/8", 1.0), ("dpmpp_2m:8/4", 1.0), ("ddpm:8/4", 1.0)]
    assert len({Setting.parse(text, eta=eta).slug for text, eta in texts}) == len(texts)


@pytest.mark.parametrize("texts", [[], ["4/4", "ddim:4/4"]])
def test_settings_that_are_not_each_once(texts):
    with pytest.raises(InputError, match="a setting is given twice, or none is"):
        Plan("ucf101", Path("data"), tuple(map(Setting.parse, texts)))

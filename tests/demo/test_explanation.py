"""`pvdm explain`: what the page says of a clip and of noise is what the model computes, in one file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from browsing import opened
from generation.small_models import labelled_generator, noise_video, small_generator

from pvdm import VideoGenerator
from pvdm.cli import main
from pvdm.demo.explanation.explained_clip import MOMENTS, denoising, shown_steps, take_apart
from pvdm.diffusion import SamplerConfig
from pvdm.evaluation.metrics.fidelity import psnr
from pvdm.video import save_video, to_float


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A small model with a denoiser, in `model`, and a video of 9 frames."""
    folder = tmp_path_factory.mktemp("explained")
    small_generator().save_pretrained(folder / "model")
    save_video(noise_video(9), folder / "clip.mp4", fps=10)
    return folder


@pytest.fixture(scope="module")
def page(folder) -> Path:
    path, model = folder / "page.html", str(folder / "model")
    assert main(["explain", str(folder / "clip.mp4"), "--model", model, "--steps", "3", "--output", str(path)]) == 0
    return path


def test_the_parts_of_a_clip():
    generator, clip = small_generator(), noise_video(8)
    found = take_apart(generator, clip)
    assert torch.equal(found.rebuilt, generator.reconstruct(clip[None])[0])
    assert found.psnr == pytest.approx(psnr(to_float(found.rebuilt[None]), to_float(clip[None])).item(), abs=0.1)
    assert {name: part.picture.shape[1:] for name, part in found.parts.items()} == {
        "hw": (4, 4),
        "tw": (8, 4),
        "th": (4, 8),  # time to the right
    }
    assert all(part.alone.shape == clip.shape and part.gain >= 1 for part in found.parts.values())
    assert len({part.without for part in found.parts.values()} | {found.psnr}) == 4


def test_a_spectral_autoencoder_is_taken_apart(settings):
    generator = VideoGenerator.from_pretrained(settings.start)
    found = take_apart(generator, noise_video(16))
    assert found.parts["hw"].without < min(found.parts["tw"].without, found.parts["th"].without)


def test_the_last_guess_is_the_sample():
    generator, sampler = labelled_generator(), SamplerConfig("unipc", MOMENTS)
    found = denoising(generator, generator.described(1, labels=["Biking"]), sampler, seed=5)
    expected = generator.sample(1, seed=5, labels=["Biking"], sampler=sampler)
    assert torch.equal(found[-1].clip, expected[0]) and len(found) == MOMENTS
    noise = [moment.noise for moment in found]
    assert noise == sorted(noise, reverse=True) and noise[0] > 0.8 and noise[-1] < 0.1


@pytest.mark.parametrize(("steps", "expected"), [(1, [0]), (2, [0, 1]), (8, list(range(8))), (400, None)])
def test_steps_are_spread_from_the_first_to_the_last(steps, expected):
    found = shown_steps(steps)
    assert found == (expected or sorted(set(found))) and found[0] == 0 and found[-1] == steps - 1


def test_the_page_holds_all_that_it_shows(page):
    text = page.read_text()
    assert set(re.findall(r'(?:src|href)="([^"]{0,9})', text)) == {"data:imag", "data:vide", "data:,"}
    assert "24,576 numbers become" in text and "clip.mp4" in text and "of 3 steps" in text


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_videos_play_and_the_page_is_as_wide_as_its_screen(browser, page, width, scheme):
    with opened(browser, page, width=width, color_scheme=scheme) as tab:
        tab.wait_for_function("[...document.querySelectorAll('video')].every((video) => video.currentTime > 0)")
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        tab.get_by_role("button", name="Pause all videos").click()
        assert tab.evaluate("[...document.querySelectorAll('video')].every((video) => video.paused)")


def test_mistakes_are_named(folder, caplog, settings):
    clip, start = str(folder / "clip.mp4"), settings.start
    for words, said in (
        ([clip, "--model", str(folder / "model"), "--start", "2", "--output", "a.html"], "clip.mp4 has 9 frames"),
        (["--model", start, "--output", "a.html"], "samples no clips"),
        (["--output", "a.mp4"], "does not end in .html"),
    ):
        caplog.clear()
        assert main(["explain", *words]) == 2 and said in caplog.text

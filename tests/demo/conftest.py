"""Tiny stand-ins for the models that come with the package, and a whole demo that starts from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from generation.small_models import randomized, small_autoencoder, small_unet

from pvdm import VideoGenerator
from pvdm.autoencoder import SpectralConfig
from pvdm.demo.demo_folder import Demo
from pvdm.demo.demo_page import write_page
from pvdm.demo.demo_settings import DemoSettings
from pvdm.demo.stages import run
from pvdm.diffusion import DiffusionConfig

ACTIONS = ("walk", "jump", "a <wave> & more")
CARD = {"source": "drawn by hand", "license": "CC0"}
STEPS = {"autoencoder_steps": 2, "diffusion_steps": 2, "sampling_steps": 2, "samples": 4, "long_frames": 40}


SPECTRAL = SpectralConfig(
    frames=16,
    height=32,
    width=32,
    patch=8,
    content_channels=(4, 2),
    motion_channels=1,
    features=32,
    encoder_depth=1,
    decoder_depth=1,
)


@pytest.fixture(scope="session")
def settings(tmp_path_factory) -> DemoSettings:
    """The shortest demo, which starts from the stand-ins."""
    folder = tmp_path_factory.mktemp("packaged")
    sizes = small_autoencoder(frames=16)
    unet = replace(small_unet(sizes), classes=len(ACTIONS))
    whole = VideoGenerator(sizes, unet, DiffusionConfig(timesteps=200), fps=10.0, classes=ACTIONS, data={"card": CARD})
    randomized(whole).save_pretrained(folder / "actions")
    torch.manual_seed(0)
    VideoGenerator(SPECTRAL).save_pretrained(folder / "start")
    names = {"shown": str(folder / "actions"), "start": str(folder / "start")}
    return DemoSettings(size=sizes.height, **STEPS, **names)


@pytest.fixture(scope="session")
def states() -> list[str]:
    """The page as it was before the first step of `demo` and after each, filled by that fixture."""
    return []


@pytest.fixture(scope="session")
def demo(tmp_path_factory, settings, states) -> Demo:
    """A whole demo of the built-in videos."""
    demo = Demo(tmp_path_factory.mktemp("demo"), settings)
    run(demo, lambda demo: states.append(write_page(demo).read_text(encoding="utf-8")))
    return demo


@pytest.fixture
def stamps() -> Callable[[Path], dict[Path, int]]:
    """`stamps(folder)` -> when each file below it was written."""
    return lambda folder: {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}

"""Every command of the README and the quickstarts runs, in order, on a miniature world of the names that they use."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
import torch
from benchmark.small_benchmark import make_ucf101, with_tiny_detectors, without_curves
from generation.small_models import small_generator
from PIL import Image
from reference import BUFFERS, fill, released_shapes

from pvdm import VideoGenerator
from pvdm.cli import main
from pvdm.diffusion import SamplerConfig
from pvdm.evaluation.features.detectors import load_detector
from pvdm.evaluation.features.i3d import random_i3d
from pvdm.video import probe

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *(ROOT / "docs" / f"quickstart_{name}.md" for name in ("own_videos", "research"))]
DEVELOPMENT = ROOT / "docs" / "quickstart_development.md"
SMALLER = {
    "autoencoder": "-c configs/sizes/autoencoder-tiny.yaml --data.height 32 --data.width 32 --data.batch_size 1",
    "diffusion": "-c configs/sizes/diffusion-tiny.yaml --data.height 32 --data.width 32 --data.batch_size 1",
    "spectral": "--data.batch_size 1",
    "velocity": "--data.batch_size 1",
}
FEWER = {
    "sample": "--steps 1",
    "extend": "--steps 1 --frames 64",
    "evaluate": "--steps 1 --size 32 --num-real 2 --num-fake 2",
    "benchmark": "--settings 1/1 --num-videos 2",
}
SHORTER = "--trainer.max_steps 1 --trainer.val_check_interval 1 --trainer.check_val_every_n_epoch null"


def commands(page: Path) -> list[str]:
    """The lines of a page's shell blocks that begin with pvdm, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("pvdm ") and not line.startswith("pvdm push ")]  # no network


def python(page: Path) -> str:
    """A page's Python blocks as one program."""
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL))


def shortened(line: str) -> list[str]:
    """The arguments of a command, with sizes and steps that take seconds."""
    arguments = shlex.split(line)[1:]
    if arguments[0] == "fit":
        stage = Path(arguments[2]).stem
        return [*arguments, *SMALLER[stage].split(), *SHORTER.split()]
    return [*arguments, *FEWER.get(arguments[0], "").split()]


def released(name: str, path: Path) -> None:
    """A checkpoint in the original's format for 32x32 pixels; its other sizes are the reference's tiny ones."""
    shapes = released_shapes(f"tiny_{name}")
    smaller = {"yt_pos_embedding": [1, 5, 64], "xt_pos_embedding": [1, 5, 64], "diffusion_model.zeros": [1, 4, 144]}
    values = {key: torch.zeros(smaller.get(key, shape)) for key, shape in shapes.items()}
    for key, value in values.items():
        if not key.endswith(tuple(BUFFERS)):
            value.copy_(torch.from_numpy(fill(key, list(value.shape), "readme")))
    torch.save(values, path)


@pytest.fixture
def world(tmp_path, make_video, monkeypatch) -> Path:
    """The folder in which the pages are followed."""
    monkeypatch.chdir(tmp_path)
    for index in range(2):
        video = make_video(f"video_{index}.mp4", frames=34)
        Path("my_videos").mkdir(exist_ok=True)
        video.rename(Path("my_videos") / video.name)
    make_video("my_video.mp4", frames=20).rename("my_video.mp4")
    released("autoencoder", Path("autoencoder.pth"))
    released("unet", Path("diffusion.pth"))
    make_ucf101(Path("UCF-101"), make_video)
    without_curves(monkeypatch)
    with_tiny_detectors(monkeypatch)
    monkeypatch.setattr(
        "pvdm.evaluation.measurement.load_detector", load_detector
    )  # the benchmark alone needs them tiny
    torch.save(random_i3d().state_dict(), "i3d_pretrained_400.pt")
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)  # the studio is ready, and would serve forever
    return tmp_path


def follow(line: str, capfd) -> None:
    """Runs a line, which must succeed and write the output that it names."""
    output = shlex.split(line)[shlex.split(line).index("--output") + 1] if "--output" in line else None
    status = main([*shortened(line), *(["--overwrite"] if output and os.path.lexists(output) else [])])
    assert status == 0, f"{line}: {capfd.readouterr().err}"
    assert output is None or "--seeds" in line or Path(output).exists(), line


def test_every_command_runs_and_writes_its_output(world, capfd):
    run: set[str] = set()
    for page in PAGES:
        shutil.rmtree("runs", ignore_errors=True)  # a page's training is its own
        for line in commands(page):
            if line not in run:
                follow(line, capfd)
            run.add(line)
    assert probe("long.mp4").frames == 64
    assert probe("continued.mp4").frames == 64
    assert [probe(f"futures_seed{seed}.mp4").frames for seed in (0, 1, 2)] == [64] * 3
    assert VideoGenerator.from_pretrained("my_model").training_step == 1


def test_the_python_runs_and_says_the_shapes(tmp_path, make_video, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_video("my_video.mp4", frames=40, fps=25)
    small_generator(frames=16, height=32, width=32).save_pretrained("my_model")
    block = python(README).replace("steps=20", "steps=2").replace("seed=0)  # (3,", "seed=0, steps=1)  # (3,")
    names: dict = {}
    block = block.replace("num_frames=512", "num_frames=16").replace("frames=128", "frames=64")
    exec(block.replace("256", "32"), names)
    assert names["videos"].shape == (4, 3, 16, 32, 32) and names["longer"].shape == (3, 64, 32, 32)
    assert names["clip"].shape == (1, 3, 16, 32, 32)
    assert names["found"].shape == names["video"].shape == (3, 16, 32, 32)  # 40 frames at 25, seen at ten a second
    for name, frames in (("first.mp4", 16), ("longer.mp4", 64)):
        assert (probe(name).frames, probe(name).fps) == (frames, 10)
    with Image.open("grid.gif") as grid:
        assert (grid.n_frames, grid.info["duration"]) == (16, 100)


def test_the_python_of_the_quickstart_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_generator(frames=16, height=32, width=32).save_pretrained("my_model")
    names: dict = {}
    exec(python(DEVELOPMENT).replace("steps=10", "steps=2").replace("frames=64", "frames=32"), names)
    assert names["longer"].shape == (3, 32, 32, 32) and probe("longer.mp4").frames == 32
    assert names["restored"].shape == names["videos"].shape == (2, 3, 16, 32, 32)
    ddim = SamplerConfig("ddim", steps=2, grid="cubic")
    assert torch.equal(names["mine"], names["generator"].sample(1, sampler=ddim, seed=0))


@pytest.mark.parametrize("page", [*PAGES[1:], DEVELOPMENT], ids=lambda page: page.stem)
def test_a_quickstart_is_a_page_of_a_screen(page):
    assert len(page.read_text(encoding="utf-8").splitlines()) <= 60


def test_the_readme_uses_all_verbs_that_a_newcomer_needs():
    verbs = {line.split()[1] for line in commands(README)}
    assert {"fit", "export", "sample", "extend", "convert", "reconstruct", "evaluate", "benchmark"} <= verbs

"""A bench of learning in miniature: trained within budgets, resumed, replayed, compared; and its equations."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from scipy.fft import dctn
from torch import nn

from pvdm.autoencoder import SpectralConfig
from pvdm.benchmark.learning.cosine_transform import cosine_transform_psnr, ranked_coefficients
from pvdm.benchmark.learning.learning_figures import reconstruction
from pvdm.benchmark.learning.learning_report import comparison, table
from pvdm.cli import main
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.training.cli.budgeted_training import BudgetedRun
from pvdm.training.cli.recipe import read_recipe
from pvdm.video import write_video

SMALL = {"data.batch_size": 1, "data.height": 32, "data.width": 32, "data.frames": 8}


class Pictures(nn.Module):
    """A network of pictures that takes no time: random filters, averaged over 4 places."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(3, 16, 5, stride=3)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return nn.functional.adaptive_avg_pool2d(self.filters(pictures).relu(), 2).flatten(1)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Videos, a recipe and a network."""
    folder = tmp_path_factory.mktemp("bench")
    random = np.random.default_rng(0)
    for index in range(8):
        part = "val" if index < 2 else "train"
        y, x, t = np.mgrid[:32, :32, :24].astype(float)
        phase, speed = random.uniform(0, 6, 3), random.uniform(0.1, 0.4)
        video = [np.sin(x / 5 + y / 7 * (c - 1) + phase[c] + speed * t) for c in range(3)]
        clip = torch.from_numpy((127 + 100 * np.stack(video)).astype(np.uint8)).permute(0, 3, 1, 2)
        write_video(folder / "videos" / part / f"{index}.mp4", clip, fps=8)
    stages = [
        {"name": name, "config": [f"configs/{name}.yaml", f"configs/sizes/{name}-tiny.yaml"], "overrides": {**SMALL}}
        for name in ("autoencoder", "diffusion")
    ]
    stages[1]["overrides"]["model.autoencoder"] = "{output}/autoencoder/checkpoints/last.ckpt"
    stages[1]["encode"] = 4
    (folder / "small.yaml").write_text(yaml.safe_dump({"stages": stages}))
    torch.manual_seed(0)
    torch.jit.script(Pictures()).save(folder / "pictures.pt")
    return folder


@pytest.fixture
def in_process(monkeypatch) -> list[list[str]]:
    """Trainings run in this process, since importing everything takes longer; the arguments of each."""
    called = []

    def call(self, arguments, log, stage):
        called.append(list(arguments))
        assert main(list(arguments)) == 0

    monkeypatch.setattr(BudgetedRun, "_call", call)
    return called


def command(place: Path, output: Path, *more: str) -> list[str]:
    return [
        *("benchmark", "learning", "--recipe", f"{place}/small.yaml", "--root", f"{place}/videos"),
        *("--budget", "1", "1", "--output", str(output), "--samples", "4", "--extended", "2", "--real-clips", "12"),
        *("--steps", "2", "--detector", f"{place}/pictures.pt", "--jobs", "1", "--device", "cpu", *more),
    ]


def test_a_bench_from_training_to_table_and_picture(place, tmp_path, in_process):
    output = tmp_path / "out"
    assert main(command(place, output)) == 0
    verbs = [arguments[0] for arguments in in_process]
    assert verbs == ["fit", "fit", "encode", "fit", "fit"]  # a calibration and a training of each stage
    fits = [arguments for arguments in in_process if arguments[0] == "fit"]
    result = json.loads((output / "results.json").read_text())
    (run,) = result["runs"]
    assert [stage["name"] for stage in run["stages"]] == ["autoencoder", "diffusion"]
    for stage, arguments in zip(run["stages"], fits[1::2], strict=True):
        assert stage["updates"] >= 1 and stage["seconds"] > 0
        assert stage["updates"] == int(
            (1 - stage.get("encoding", 0) - stage["calibration"]["startup"]) / stage["calibration"]["update"]
        )
        given = dict(pairwise(arguments))
        assert given["--trainer.max_steps"] == given["--model.optimizer.cosine_steps"] == str(stage["updates"])
    assert given["--data.layout"] == "latents" and run["stages"][1]["encoding"] >= 0
    assert set(run["one_step"]) == {"-4", "-2", "+0", "+2", "+4"}
    assert run["cosine_transform"] > run["reconstruction"]["psnr"] > 3
    assert run["extension"]["seams"] > 0 and "draws" not in run["samples"]
    assert "| small | " in (output / "table.md").read_text() and (output / "samples.png").stat().st_size > 1000

    in_process.clear()
    assert main(command(place, output)) == 0
    assert not in_process  # everything was there
    assert [stage["precision"] for stage in run["stages"]] == 2 * ["32-true"]
    assert main(command(place, tmp_path / "again", "--replay", str(output / "results.json"))) == 0
    assert all(dict(pairwise(arguments))["--trainer.precision"] == "32-true" for arguments in in_process[::2])
    again = json.loads((tmp_path / "again" / "results.json").read_text())["runs"][0]
    assert len(in_process) == 3 and again["reconstruction"] == pytest.approx(run["reconstruction"], rel=1e-3)
    assert again["samples"]["appearance_motion"] == pytest.approx(run["samples"]["appearance_motion"], rel=1e-3)

    assert main(command(place, output, "--seeds", "3")) == 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--budget", "1"], "small has 2 stages, and --budget has 1; give one for each stage"),
        (["--budget", "1", "0"], "--budget is 0; give seconds above 0"),
        (["--set", "data.loop"], "--set data.loop has no value; give KEY=VALUE"),
        (["--set", "data.lop=true"], "data.lop"),
        (["--replay", "nowhere.json"], "nowhere.json is not the result of a bench"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(place, tmp_path, in_process, caplog, more, message):
    assert main(command(place, tmp_path / "out", *more)) == 2
    assert message in caplog.text and not in_process and not (tmp_path / "out").exists()


def test_a_budget_too_small_for_one_update(place, tmp_path, in_process):
    data = ["--data.path", f"{place}/videos"]
    run = BudgetedRun(read_recipe(place / "small.yaml"), 0, (1e-4, 1), tmp_path / "run", data)
    with pytest.raises(InputError, match=r"0\.0001 s is too small for one update of stage autoencoder"):
        run.train()


def test_a_training_that_fails_says_why(place, tmp_path):
    run = BudgetedRun(read_recipe(place / "small.yaml"), 0, (1, 1), tmp_path / "run", ["--data.path", "nowhere"])
    with pytest.raises(InputError, match=r"stage autoencoder of small-0 failed: .*nowhere does not exist.*log\.txt"):
        run.train()


def test_the_cosine_transform_keeps_the_coefficients_of_most_energy():
    clips = torch.randint(0, 256, (3, 3, 4, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    ranked = ranked_coefficients(clips)
    assert cosine_transform_psnr(ranked, clips, ranked.size) == pytest.approx(100)
    pixels = clips.movedim(1, -1).double().numpy() / 127.5 - 1
    energy = np.square(dctn(pixels, axes=(1, 2, 3), norm="ortho"))
    lost = [part.reshape(-1)[ranked[50:]].sum() / part.size / 4 for part in energy]  # Parseval's identity
    assert cosine_transform_psnr(ranked, clips, 50) == pytest.approx(np.mean(-10 * np.log10(lost)), abs=0.1)


def made_up(recipe: str, seed: int, value: float, noise: float) -> dict:
    """A run whose appearance-motion is `value`, with paired draws around it."""
    draws = value * (1 + 0.1 * np.random.default_rng(0).normal(size=200)) * (1 + noise)
    part = {"appearance_motion": value, "draws": draws.tolist(), "motion": 1.0, "flicker": 1.0, "seams": 1.0}
    part |= {"diversity": 1.0, "nearest": None}
    quality = {"psnr": 20.0 + seed, "ssim": 0.5, "sharpness": 0.5, "grid": 1.0}
    return {
        "recipe": recipe,
        "seed": seed,
        "stages": [{"updates": 10}, {"updates": 30}],
        "reconstruction": quality,
        "one_step": {"+0": 15.0},
        "samples": part,
        "extension": part,
        "latent_values": 8,
        "cosine_transform": 25.0,
        "linear_code": 24.0 if recipe == "new" else None,
    }


def test_reconstructions_are_measured_with_and_without_gains():
    generator = VideoGenerator(SpectralConfig(frames=4, height=16, width=16, still_gain=4.0, motion_gain=4.0)).eval()
    clips = torch.randint(256, (6, 3, 4, 16, 16), dtype=torch.uint8)
    amplitudes = generator.autoencoder.amplitudes
    assert (same := reconstruction(generator, clips))["psnr_without_gains"] == pytest.approx(same["psnr"])
    amplitudes.wanted.mul_(4)
    found = reconstruction(generator, clips)
    assert found["psnr_without_gains"] == same["psnr_without_gains"] > found["psnr"]
    assert generator.autoencoder.amplitudes is amplitudes


def test_recipes_are_compared_in_pairs():
    runs = [made_up("old", 0, 2.0, 0), made_up("old", 1, 4.0, 0), made_up("new", 0, 1.0, 0), made_up("new", 1, 2.0, 0)]
    found = comparison(runs)["new"]["samples"]
    assert found["ratio"] == pytest.approx(0.5) and found["over"] == "old"
    assert found["interval"] == pytest.approx([0.5, 0.5])  # their noise is the same
    text = table(runs, comparison(runs), {"floors": None, "frozen_real": {"appearance_motion": 1.0}})
    assert "| old (2 seeds) | 10 + 30 | 20.50 |" in text and "new over old, samples: 0.50 [0.50, 0.50]." in text
    assert "| cosine transform, 8 values |  | 25.00 |" in text and "| linear code of new |  | 24.00 |" in text
    assert "linear code of old" not in text

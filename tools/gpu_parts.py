"""The parts of docs/benchmarks/gpu.sh: functions that write a JSON file as soon as they have figures."""

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
"""Seconds of the training part that are not training: start-up, validation, storing and sampling."""


@dataclass(frozen=True)
class PartOptions:
    """How a part is run.

    Args:
        device: cuda or cpu.
        tiny: Whether to use the smallest sizes, which take seconds on a CPU.
        work: Temporary folder.
        output: Folder of the results.
        seconds: Time limit.
    """

    device: str
    tiny: bool
    work: Path
    output: Path
    seconds: float


def tests(path: Path, options: PartOptions) -> None:
    """The tests that need CUDA: the outcome of each, its message if it failed, and its time."""
    import pytest

    files = [str(file) for file in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.cuda" in file.read_text()]
    told = _Told(path)
    arguments = ["-m", "cuda", "-p", "no:cacheprovider", "--tb", "short", "--rootdir", str(ROOT)]
    status = pytest.main([*arguments, *files], plugins=[told])
    if status == 0 and options.device != "cpu" and "passed" not in told.counts():
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


def sampling(path: Path, options: PartOptions) -> None:
    """Both networks, a sampled clip and a stream, one video at a time, without CUDA graphs."""
    _speed(path, options, SAMPLING)


def graphs(path: Path, options: PartOptions) -> None:
    """A sampled clip and a stream with CUDA graphs."""
    _speed(path, options, "sample_clip,stream", "--cuda-graphs")


def steps(path: Path, options: PartOptions) -> None:
    """Both networks and updates of both stages on a few clips, and the largest batches."""
    _speed(path, options, f"{NETWORKS},{STEPS}", "--largest-batches", "--batch-size", STEP_BATCH)


def compiled(path: Path, options: PartOptions) -> None:
    """Both networks, and a clip sampled with CUDA graphs, compiled."""
    _speed(path, options, f"{NETWORKS},sample_clip", "--compile", "--cuda-graphs")


def compiled_steps(path: Path, options: PartOptions) -> None:
    """Updates of both stages, compiled."""
    _speed(path, options, "stage1_step,stage2_step_latents", "--compile", "--batch-size", STEP_BATCH)


def full_precision(path: Path, options: PartOptions) -> None:
    """Both networks in float32 with TF32 products."""
    _speed(path, options, NETWORKS, precision="32")


def training(path: Path, options: PartOptions) -> None:
    """A small model, both stages trained for the available time, and its samples as mp4 and as a sheet of frames."""
    seconds, found = max(5.0, (options.seconds - OVERHEAD) / 2), {}
    _clips(options.work / "clips", options)
    for stage in STAGES:
        run, start = options.work / stage, time.monotonic()
        _pvdm("fit", *_fit_options(stage, seconds, options), "--trainer.default_root_dir", run)
        found[stage] = {"seconds": time.monotonic() - start, **_last_scalars(run)}
        _write(path, found)
    found["samples"] = _sample(options)
    _write(path, found)


def _speed(path: Path, options: PartOptions, tasks: str, *more: object, precision: str = "bf16") -> None:
    """`pvdm benchmark speed` at the released size; no repetition starts late in a task."""
    sizes = ["--steps", 20, "--stream-frames", 48, "--repeats", 5, "--limit", 8]
    common = ["--device", options.device, "--precision", precision, "--output", path, *more]
    if options.tiny:
        _make_tiny(options.device)
        sizes, common = TINY, [*common, "--batch-size", 1, "--warm-up", 0]
    _pvdm("benchmark", "speed", "--tasks", tasks, *sizes, *common)


def _make_tiny(device: str) -> None:
    """Shrinks what options cannot: the machine's ceiling, discriminators, VGG-16's last layers, CPU compilation."""
    from types import SimpleNamespace

    import lpips
    import torch
    from torchvision.models import vgg

    from pvdm.benchmark.speed import measuring, training_speed
    from pvdm.training import AdversaryConfig

    measuring.SIDE[device] = 64
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


def _clips(folder: Path, options: PartOptions) -> None:
    """The demo's real clips, or short ones of noise if everything is tiny."""
    if options.tiny:
        import torch

        from pvdm.video import write_video

        for part in ("train", "val"):
            write_video(folder / part / "noise.mp4", torch.randint(256, (3, 40, 32, 32), dtype=torch.uint8), fps=25)
    else:
        from pvdm.demo.demo_settings import DemoSettings
        from pvdm.demo.source_videos import prepare_clips

        prepare_clips(folder, DemoSettings())


def _fit_options(stage: str, seconds: float, options: PartOptions) -> list[object]:
    """The small size in larger batches, for some seconds, or for a few updates if everything is tiny."""
    every, size, batch = (3, 32, 2) if options.tiny else (400, 64, 16)
    given = {
        "--model.optimizer.cosine_steps": 10**9,  # a constant rate: the number of updates is unknown
        "--data.path": options.work / "clips",
        "--data.height": size,
        "--data.width": size,
        "--data.batch_size": batch,
        "--data.workers": 0 if options.tiny else 8,
        "--data.clips_per_video": batch if options.tiny else 512,  # long epochs: workers restart at each
        "--trainer.accelerator": options.device,
        "--trainer.devices": 1,
        "--trainer.precision": "bf16-mixed",
        "--trainer.enable_progress_bar": "false",
        "--trainer.max_steps": every if options.tiny else -1,
        "--trainer.max_time": f"00:00:{int(seconds) // 60:02d}:{int(seconds) % 60:02d}",
        "--trainer.val_check_interval": every,
        "--trainer.log_every_n_steps": 1 if options.tiny else 20,
    }
    if stage == "diffusion":
        given["--model.autoencoder"] = _checkpoint(options.work / "autoencoder")
    configs = ["-c", f"configs/{stage}.yaml", "-c", f"configs/sizes/{stage}-small.yaml"]
    return [*configs, *(part for pair in given.items() for part in pair)]


def _checkpoint(run: Path) -> Path:
    return run / "checkpoints" / "last.ckpt"


def _last_scalars(run: Path) -> dict[str, Any]:
    """The number of updates, and the last value of each logged scalar."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from pvdm.generation import VideoGenerator

    events = EventAccumulator(str(run))
    events.Reload()
    last = {name: events.Scalars(name)[-1].value for name in events.Tags()["scalars"]}
    return {"updates": VideoGenerator.from_checkpoint(_checkpoint(run)).training_step, "last": last}


def _sample(options: PartOptions) -> dict[str, Any]:
    """Clips of the trained model as one mp4 and as a sheet of frames, and the seconds of the second run."""
    import torch

    from pvdm.demo.pictures import filmstrip, save_picture, stacked
    from pvdm.diffusion import SamplerConfig
    from pvdm.generation import VideoGenerator
    from pvdm.video import write_video
    from pvdm.video.writer import grid_video

    generator = VideoGenerator.from_checkpoint(_checkpoint(options.work / "diffusion")).to(options.device).eval()
    generator.accelerate(cuda_graphs=True, bfloat16=True)
    count, sampler = (4, SamplerConfig(steps=2)) if options.tiny else (SAMPLES, SamplerConfig(steps=20))
    with generator.precision("bf16"), torch.no_grad():
        for _ in range(2):
            start = time.monotonic()
            videos = generator.sample(count, sampler=sampler)
            seconds = time.monotonic() - start
    files = {name: options.output / f"gpu_samples.{name}" for name in ("mp4", "png")}
    write_video(files["mp4"], grid_video(videos, columns=count // 4), fps=generator.fps, overwrite=True)
    save_picture(stacked([filmstrip(video, 8, gap=2) for video in videos], gap=2), files["png"])
    contrast = videos.float().std().item()
    names = [file.name for file in files.values()]
    return {"clips": count, "steps": sampler.steps, "seconds": seconds, "standard_deviation": contrast, "files": names}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """A file that is complete even if the process is killed."""
    whole = path.with_suffix(".new")
    whole.write_text(json.dumps(content))
    whole.replace(path)

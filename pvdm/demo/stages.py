"""The steps of the demo; a step whose files exist is skipped."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from pvdm.demo.demo_settings import DemoSettings
from pvdm.demo.pictures import filmstrips, plot_curves, read_scalars, save_image
from pvdm.demo.source_videos import DemoVideo, prepare_clips
from pvdm.diffusion import SamplerConfig
from pvdm.evaluation.metrics.fidelity import psnr
from pvdm.files.atomic_write import replacing
from pvdm.generation import VideoGenerator
from pvdm.generation.input_video import VideoSource, reconstructions
from pvdm.training.callbacks.throughput import training_seconds
from pvdm.training.cli import command
from pvdm.video import ClipShape, VideoWriter, grid_video, probe, read_clip, to_float, write_video

SHOWN, ON_SHEET = 6, 3
"""Videos that are reconstructed for the page, and how many of them are on the contact sheet."""

CONFIGS = Path(__file__).parent
logger = logging.getLogger(__name__)


@dataclass
class Demo:
    """A demo in a folder; `results` are written to `results.json` after each step."""

    folder: Path
    settings: DemoSettings
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> Path:
        """The exported model."""
        return self.folder / "model"

    def run(self) -> None:
        """Runs the steps that are not done yet, and draws the curves again."""
        if self._results_file.is_file():
            self.results = json.loads(self._results_file.read_text())
        self.results["settings"] = asdict(self.settings)
        self._step("clips", self.folder / "clips", self._prepare, is_known="videos" in self.results)
        self._step("autoencoder", self.folder / "autoencoder", self._train_autoencoder)
        self._step("diffusion", self.model, self._train_diffusion)
        self._step("reconstructions", self.folder / "reconstructions", self._reconstruct)
        self._step("samples", self.folder / "samples.mp4", self._sample)
        self._step("long video", self.folder / "long.mp4", self._extend)
        self._plot()
        self._sheet()

    @property
    def videos(self) -> list[DemoVideo]:
        """The training videos."""
        return [DemoVideo(**video) for video in self.results["videos"]]

    @property
    def shown(self) -> list[DemoVideo]:
        """At most `SHOWN` of the videos, evenly spaced, preferring those with held-out frames."""
        held_out = [video for video in self.videos if video.held_out]
        others = [video for video in self.videos if not video.held_out]
        found = held_out if len(held_out) > SHOWN else [*held_out, *others][:SHOWN]
        count = min(SHOWN, len(found))
        return [found[place * len(found) // count] for place in range(count)]

    @property
    def continued(self) -> DemoVideo:
        """The video whose held-out part is continued; of the built-in ones, the person in a car."""
        held_out = [video for video in self.videos if video.held_out]
        return next((video for video in held_out if not self.settings.data and video.name == "carphone"), held_out[0])

    @property
    def fps(self) -> float:
        """Frames per second of all written videos."""
        return self.results["fps"]

    @property
    def training_minutes(self) -> float:
        """Training time of both stages, including runs that were interrupted."""
        recorded, measured = self.results.get("trained", {}), self.results["seconds"]
        return sum(recorded.get(stage) or measured[stage] for stage in ("autoencoder", "diffusion")) / 60

    def mean_psnr(self) -> float:
        """Mean PSNR in dB over all clips of the shown videos, training and held out."""
        values = [value for parts in self.results["psnr"].values() for part in parts.values() for value in part]
        return sum(values) / len(values)

    @property
    def _results_file(self) -> Path:
        return self.folder / "results.json"

    def _step(self, name: str, output: Path, action: Callable[[], None], *, is_known: bool = True) -> None:
        seconds = self.results.setdefault("seconds", {})
        if output.exists() and name in seconds and is_known:
            logger.info("%s: already done", name)
            return
        logger.info("%s ...", name)
        start = time.monotonic()
        action()
        # This process may have run only the end of an interrupted training.
        seconds[name] = round(max(time.monotonic() - start, self.results.get("trained", {}).get(name) or 0), 1)
        with replacing(self._results_file, overwrite=True) as temporary:
            temporary.write_text(json.dumps(self.results, indent=2) + "\n")

    def _prepare(self) -> None:
        self.results |= prepare_clips(self.folder / "clips", self.settings)

    def _train_autoencoder(self) -> None:
        self._fit("autoencoder", self.settings.autoencoder_steps)
        self._export("autoencoder", self.folder / "autoencoder")

    def _train_diffusion(self) -> None:
        self._fit("diffusion", self.settings.diffusion_steps, "--model.autoencoder", str(self.folder / "autoencoder"))
        self._export("diffusion", self.model)

    def _fit(self, stage: str, steps: int, *more: str) -> None:
        """Runs `pvdm fit` with four validations."""
        arguments = {
            "--data.path": self.folder / "clips",
            "--data.height": self.settings.size,
            "--data.width": self.settings.size,
            "--trainer.default_root_dir": self.folder / "runs" / stage,
            "--trainer.max_steps": steps,
            "--trainer.val_check_interval": max(1, steps // 4),
            "--model.optimizer.cosine_steps": steps,
        }
        flat = [str(part) for pair in arguments.items() for part in pair]
        command.main(["fit", "-c", str(CONFIGS / f"{stage}.yaml"), *flat, *more], shows_next=False)

    def _export(self, stage: str, folder: Path) -> None:
        """Exports the trained model with the demo's frame rate, which folders of frames do not record."""
        checkpoint = self.folder / "runs" / stage / "checkpoints" / "last.ckpt"
        self.results.setdefault("trained", {})[stage] = training_seconds(checkpoint)
        generator = VideoGenerator.from_checkpoint(checkpoint)
        generator.fps = self.fps
        generator.save_pretrained(folder, overwrite=True)

    def _reconstruct(self) -> None:
        """Writes each shown video beside its reconstruction, and records the PSNR of the clips."""
        generator = VideoGenerator.from_pretrained(self.model)
        psnr_by_video: dict[str, dict[str, list[float]]] = {}
        with replacing(self.folder / "reconstructions", overwrite=True) as folder:
            for video in tqdm(self.shown, unit="video", desc="reconstructions"):
                psnr_by_video[video.name] = {}
                with VideoWriter(folder / f"{video.name}.mp4", fps=self.fps) as writer:
                    for part, frames in (("train", video.trained), ("val", video.held_out)):
                        if frames:
                            source = VideoSource(self.folder / "clips" / part / video.name, generator)
                            psnr_by_video[video.name][part] = self._write_beside(generator, source, writer)
        self.results["psnr"] = psnr_by_video

    def _write_beside(self, generator: VideoGenerator, source: VideoSource, writer: VideoWriter) -> list[float]:
        """Writes originals beside reconstructions; returns the PSNR of each clip in dB."""
        values = []
        for original, reconstruction in reconstructions(generator, source):
            writer.write(torch.cat((original, reconstruction), dim=3))
            values.append(psnr(to_float(reconstruction[None]), to_float(original[None])).item())
        return values

    def _sampler(self) -> SamplerConfig:
        return SamplerConfig(steps=self.settings.sampling_steps)

    def _sample(self) -> None:
        generator, settings = VideoGenerator.from_pretrained(self.model), self.settings
        with tqdm(total=settings.sampling_steps, unit="step", desc=f"{settings.samples} clips") as bar:
            videos = generator.sample(settings.samples, sampler=self._sampler(), progress=lambda *_: bar.update())
        for index, video in enumerate(videos):
            write_video(self.folder / "samples" / f"sample_{index:02d}.mp4", video, fps=self.fps, overwrite=True)
        save_image(filmstrips(list(videos[:8]), 8), self.folder / "samples.png", scale=2)
        grid = grid_video(videos, columns=len(videos) // 4)
        write_video(self.folder / "samples.mp4", grid, fps=self.fps, overwrite=True)

    def _extend(self) -> None:
        """Generates one video from noise and one that continues a real clip, `long_frames` each."""
        generator = VideoGenerator.from_pretrained(self.model)
        real = VideoSource(self.folder / "clips" / "val" / self.continued.name, generator).read(0, generator.frames)
        continued = self._long_video(generator, self.folder / "continued.mp4", head=real)
        sampled = self._long_video(generator, self.folder / "long.mp4")
        save_image(filmstrips([sampled, continued], 16), self.folder / "long.png", scale=2)

    def _long_video(self, generator: VideoGenerator, path: Path, head: Tensor | None = None) -> Tensor:
        """Writes a video clip by clip as it is generated, after `head` if given; returns the whole video."""
        clips = [] if head is None else [head]
        missing = self.settings.long_frames - sum(clip.shape[1] for clip in clips)
        with (
            VideoWriter(path, fps=self.fps, overwrite=True) as writer,
            tqdm(total=missing, unit="frame", desc=path.name) as bar,
        ):
            for clip in clips:
                writer.write(clip)
            for (clip,) in generator.stream(num_frames=missing, context=head, sampler=self._sampler()):
                writer.write(clip)
                clips.append(clip)
                bar.update(clip.shape[1])
        return torch.cat(clips, dim=1)

    def _sheet(self) -> None:
        """Draws the contact sheet: real above reconstructed, sampled clips, the two long videos."""
        beside = [_frames(self.folder / "reconstructions" / f"{video.name}.mp4") for video in self.shown[:ON_SHEET]]
        pairs = [half for video in beside for half in video.chunk(2, dim=3)]
        sampled = [_frames(path) for path in sorted((self.folder / "samples").glob("*.mp4"))[:8]]
        long = [_frames(self.folder / f"{name}.mp4") for name in ("long", "continued")]
        samples = torch.cat([filmstrips(sampled[:4], 8), filmstrips(sampled[4:] or sampled[:4], 8)], dim=2)
        groups = [filmstrips(pairs, 16), samples, filmstrips(long, 16)]
        sheet = torch.cat([functional.pad(group, (0, 0, 0, 10), value=255) for group in groups], dim=1)
        save_image(sheet, self.folder / "contact_sheet.png")

    def _plot(self) -> None:
        first = read_scalars(self.folder / "runs" / "autoencoder", ["train/l1", "val/psnr"])
        second = read_scalars(self.folder / "runs" / "diffusion", ["train/loss", "val/loss", "val/loss_context"])
        panels = {
            "stage 1: L1 loss": {"training": first.get("train/l1", ((), ()))},
            "stage 1: PSNR (dB)": {"held-out frames": first.get("val/psnr", ((), ()))},
            "stage 2: loss": {
                "training": second.get("train/loss", ((), ())),
                "held-out, no context": second.get("val/loss", ((), ())),
                "held-out, context": second.get("val/loss_context", ((), ())),
            },
        }
        plot_curves(panels, self.folder / "curves.png")


def _frames(path: Path) -> Tensor:
    """All frames of a written video: (3, t, h, w) uint8."""
    info = probe(path)
    return read_clip(path, ClipShape(info.frames, info.height, info.width), info=info)

"""What a study compares: videos of folders, which are matched, and models, which sample the same seeds."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from pvdm.commands.terminal.condition_options import prompts_of, scores_of
from pvdm.commands.terminal.progress_bars import SamplingBar
from pvdm.commands.terminal.shared_options import labels_of, load_model, sampler_of
from pvdm.data import Video
from pvdm.errors import InputError
from pvdm.evaluation.clips.protocol_clips import is_model
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.evaluation.preferences.study_folder import StudyVideo
from pvdm.files.atomic_write import replacing
from pvdm.generation.model_files import check_model
from pvdm.video import PacedVideo, resize_and_crop

logger = logging.getLogger(__name__)


def study_samples(options: argparse.Namespace, sources: Mapping[str, str], work: Path) -> list[list[StudyVideo]]:
    """For each sample its video of each source, all of one size; says how they were matched and scaled.

    Models are sampled into files in `work`; what is there is not sampled again. InputError if a source cannot be used.

    Args:
        options: Those of `pvdm study`.
        sources: Paths by name.
        work: A folder.
    """
    models = {name: path for name, path in sources.items() if is_model(path)}
    for path in models.values():
        check_model(path)  # before anything that takes long
    folders = {name: VideoSet.find(path) for name, path in sources.items() if name not in models}
    matched = match(folders, options.pairs, seed=options.seed, is_beside_models=bool(models))
    count = min(map(len, matched.values()), default=options.pairs)
    found: dict[str, Sequence[FileVideo | SampledVideo]] = {
        name: [FileVideo.of(video, options.fps) for video in videos] for name, videos in matched.items()
    }
    for number, (name, path) in enumerate(models.items()):
        logger.info("sampling %d videos of %s", count, name)
        found[name] = sampled(options, path, count, work / f"{number}.safetensors")
    size = options.size or common_size([video.size for videos in found.values() for video in videos])
    return [[found[name][sample].scaled(size) for name in sources] for sample in range(count)]


def match(
    folders: Mapping[str, VideoSet], most: int, *, seed: int, is_beside_models: bool = False
) -> dict[str, list[Video]]:
    """As many videos of each folder, at most `most`, by chance which: those of one path below it, or else by order.

    Samples of models have no names, so beside them the order counts.
    """
    named = {
        name: {Path(found.name(video)).with_suffix(""): video for video in found.videos}
        for name, found in folders.items()
    }
    common = sorted(set.intersection(*map(set, named.values()))) if len(named) > 1 else []
    if common and not is_beside_models:
        others = sum(len(found.videos) for found in folders.values()) - len(common) * len(folders)
        left = f"; {others} videos have no partner and are left out" if others else ""
        logger.info("videos are paired by name, %d of each source%s", len(common), left)
        lists = {name: [videos[path] for path in common] for name, videos in named.items()}
    else:
        counts = ", ".join(f"{len(found.videos)} in {name}" for name, found in folders.items())
        if folders:
            logger.info("videos are paired in the order of their names (%s)", counts)
        lists = {name: list(found.videos) for name, found in folders.items()}
    count = min(map(len, lists.values()), default=0)
    chosen = np.sort(np.random.default_rng(seed).permutation(count)[:most])
    return {name: [videos[index] for index in chosen] for name, videos in lists.items()}


def common_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """(height, width) of all, or the smallest, with a warning that sizes differ."""
    smallest = min(sizes, key=lambda size: size[0] * size[1])
    if len(set(sizes)) > 1:
        logger.warning("videos have %d sizes; all are shown at %dx%d, see --size", len(set(sizes)), *smallest)
    return smallest


@dataclass(frozen=True)
class FileVideo:
    """A video file or a folder of frames; size: (height, width); fps: frames per second."""

    path: Path
    size: tuple[int, int]
    fps: float

    @classmethod
    def of(cls, video: Video, fps: float | None) -> FileVideo:
        """fps: That of folders of frames, which have none."""
        rate = video.info.fps or fps
        if not rate:
            raise InputError(f"{video.path} has no frame rate", "give {fps=25} for folders of frames")
        return cls(video.path, (video.info.height, video.info.width), rate)

    def scaled(self, size: tuple[int, int]) -> StudyVideo:
        """The video at a size; it is read when it is written."""
        paced = PacedVideo(self.path, size, self.fps)
        return StudyVideo(paced.read, paced.frames, self.fps)


@dataclass(frozen=True)
class SampledVideo:
    """A sample in a file of `sampled`."""

    file: Path
    index: int
    shape: tuple[int, ...]
    fps: float

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.shape[-2], self.shape[-1]

    def scaled(self, size: tuple[int, int]) -> StudyVideo:
        """The video at a size, read when it is needed."""

        def read(start: int, frames: int) -> Tensor:
            with safe_open(self.file, framework="pt") as opened:
                clip = opened.get_slice("videos")[self.index, :, start : start + frames]
            return clip if size == self.size else resize_and_crop(clip.permute(1, 2, 3, 0).numpy(), *size)

        return StudyVideo(read, self.shape[1], self.fps)


@torch.no_grad()
def sampled(options: argparse.Namespace, path: str, count: int, file: Path) -> list[SampledVideo]:
    """Samples of a model, whose seed is that of the options and whose conditions are the same for all models."""
    if not file.is_file():
        generator = load_model(argparse.Namespace(**vars(options), model=path, compile=False, clips_at_once=None))
        generator.check_can_continue(None)
        prompts = prompts_of(options, count)
        generator.check_prompts(prompts, count, options.negative_prompt)
        told = {"prompts": prompts, "negative_prompt": options.negative_prompt, "scores": scores_of(options, generator)}
        told |= {"labels": labels_of(options, generator, count), "sampler": sampler_of(options, generator)}
        places = [(options.seed, index) for index in range(count)]
        parts = [min(options.batch_size, count - start) for start in range(0, count, options.batch_size)]
        with generator.precision(options.precision), SamplingBar(parts, unit="clips") as bar:
            clips = torch.cat(
                list(generator.batches(places, batch_size=options.batch_size, progress=bar.sampling, **told))
            )
        with replacing(file) as temporary:
            save_file({"videos": clips}, temporary, metadata={"fps": str(generator.fps)})
    with safe_open(file, framework="pt") as opened:
        shape, fps = opened.get_slice("videos").get_shape(), float(opened.metadata()["fps"])
    return [SampledVideo(file, index, tuple(shape[1:]), fps) for index in range(count)]

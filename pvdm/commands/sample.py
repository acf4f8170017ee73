"""`pvdm sample`: new clips from noise."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from tqdm import tqdm

from pvdm.commands.options import (
    add_model,
    add_output,
    add_sampler,
    labels_of,
    loaded_model,
    natural,
    positive,
    rate,
    sampler_of,
)
from pvdm.output import check_output, replacing
from pvdm.video import write_video

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_output(parser, "folder for sample_000000.mp4, ...")
    parser.add_argument("--num-videos", type=positive, default=4, help="clips to sample")
    parser.add_argument("--seed", type=natural, default=0, help="video i of a seed is the same at any batch size")
    parser.add_argument("--batch-size", type=positive, default=4, help="clips sampled at once")
    parser.add_argument("--fps", type=rate, help="frames per second of the files; the training clips' if not given")
    parser.add_argument("--format", choices=("mp4", "png"), default="mp4", help="png: folders of exact frames")
    add_sampler(parser)


def run(options: argparse.Namespace) -> None:
    replaced = {"overwrite": options.overwrite, "own": ("sample_*",)}
    check_output(options.output, **replaced)
    with loaded_model(options) as generator, replacing(options.output, **replaced) as folder:
        sampler, fps = sampler_of(options, generator), options.fps or generator.fps
        labels = labels_of(options, generator, options.num_videos)
        folder.mkdir()
        with tqdm(total=options.num_videos, unit="clip") as bar:
            for start in range(0, options.num_videos, options.batch_size):
                stop = min(start + options.batch_size, options.num_videos)
                videos = [(options.seed, index) for index in range(start, stop)]
                clips = next(generator.stream(videos=videos, labels=labels and labels[start:stop], sampler=sampler))
                for index, video in zip(range(start, stop), clips, strict=True):
                    write_video(_name(folder, index, options.format), video, fps=fps)
                bar.update(stop - start)
    logger.info("%d clip(s) in %s", options.num_videos, options.output)


def _name(folder: Path, index: int, format: str) -> Path:
    return folder / (f"sample_{index:06d}" + (".mp4" if format == "mp4" else ""))

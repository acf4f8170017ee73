"""`pvdm sample`: new clips from noise, by one process or shared among those of torchrun."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from pvdm import video
from pvdm.commands.options import (
    add_cuda_graphs,
    add_model,
    add_output,
    add_sampler,
    in_parts,
    labels_of,
    load_model,
    natural,
    positive,
    rate,
    sampler_of,
    shared_work,
)
from pvdm.evaluation.processes import Processes, together
from pvdm.output import check_output, replacing

if TYPE_CHECKING:
    from torch import Tensor

OWN = ("sample_*",)
"""What a folder of samples holds."""

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_output(parser, "folder for sample_000000.mp4, ...")
    parser.add_argument("--num-videos", type=positive, default=4, help="clips to sample")
    parser.add_argument("--seed", type=natural, default=0, help="video i of a seed is the same at any batch size")
    parser.add_argument("--batch-size", type=positive, default=4, help="clips sampled at once")
    parser.add_argument("--fps", type=rate, help="frames per second of the files; the training clips' if not given")
    parser.add_argument("--format", choices=("mp4", "png"), default="mp4", help="png: folders of exact frames")
    add_cuda_graphs(parser)
    add_sampler(parser)


def run(options: argparse.Namespace) -> None:
    own = {"overwrite": options.overwrite, "own": OWN}
    with shared_work() as shared:
        together(shared, lambda: check_output(options.output, **own))
        samples = together(shared, lambda: Samples(options))
        with _folder_of_all(options.output, shared, **own) as folder:
            samples.write(folder, shared)
        logger.info("%d clip(s) in %s", options.num_videos, options.output)


class Samples:
    """The clips that the options ask for; all that can be refused is, when it is made."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.generator = options, load_model(options)
        self.generator.check_can_continue(None)
        self.sampler = sampler_of(options, self.generator)
        self.labels = labels_of(options, self.generator, options.num_videos)

    def write(self, folder: Path, shared: Processes) -> None:
        """Writes those that are this process's, each into its file."""
        # Cut before they are shared, so that not even rounding depends on the number of processes.
        parts = shared.share(in_parts(self.options.num_videos, self.options.batch_size))
        indices = [index for part in parts for index in part]
        with (
            self.generator.precision(self.options.precision),
            closing(self._clips(indices)) as clips,
            tqdm(total=len(indices), unit="clip", disable=not shared.is_main) as bar,
        ):
            for index, clip in zip(indices, clips, strict=True):
                video.write_video(self._name(folder, index), clip, fps=self.options.fps or self.generator.fps)
                bar.update()

    def _clips(self, indices: list[int]) -> Iterator[Tensor]:
        """Each (3, t, h, w) uint8."""
        if not indices:  # more processes than batches
            return
        videos = [(self.options.seed, index) for index in indices]
        labels = self.labels and [self.labels[index] for index in indices]
        options = {"batch_size": self.options.batch_size, "labels": labels, "sampler": self.sampler}
        with closing(self.generator.batches(videos, **options)) as batches:
            for batch in batches:
                yield from batch

    def _name(self, folder: Path, index: int) -> Path:
        return folder / (f"sample_{index:06d}" + (".mp4" if self.options.format == "mp4" else ""))


@contextmanager
def _folder_of_all(path: Path, shared: Processes, **replaced: Any) -> Iterator[Path]:
    """A folder that all processes write into; the first makes it and, when all are done, gives it its name."""
    with replacing(path, **replaced) if shared.is_main else nullcontext() as folder:
        if shared.is_main:
            folder.mkdir()
        folder, *_ = shared.gather(folder)
        yield folder
        shared.barrier()

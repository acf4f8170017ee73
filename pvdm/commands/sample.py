"""`pvdm sample`: samples new clips from noise, in one process or in those of torchrun."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdm import video
from pvdm.commands.terminal.condition_options import (
    add_audio,
    add_keyframes,
    add_prompt,
    add_scores,
    add_tracks,
    keyframes_of,
    prompts_of,
    rate_of,
    scores_of,
    tracks_of,
)
from pvdm.commands.terminal.copy_options import Refusals, add_copy_guard
from pvdm.commands.terminal.energy_options import MeasuredEnergy, add_energy
from pvdm.commands.terminal.progress_bars import SamplingBar
from pvdm.commands.terminal.provenance_options import add_provenance
from pvdm.commands.terminal.shared_options import (
    add_adapters,
    add_cuda_graphs,
    add_model,
    add_output,
    add_sampler,
    labels_of,
    load_model,
    natural,
    positive,
    rate,
    sampler_of,
    shared_work,
)
from pvdm.diffusion.sampler_config import GRIDS
from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output, check_output_file, replacing
from pvdm.generation.model_files import check_model, weights_file
from pvdm.generation.sample_record import RECORD, record, write_record
from pvdm.runtime.processes import Processes, in_parts, together
from pvdm.video.suffixes import VIDEO_SUFFIXES, WRITABLE

if TYPE_CHECKING:
    from torch import Tensor

    from pvdm.evaluation.copy_guard import Nearest

OWN = ("sample_*", RECORD)
"""Names in a folder of samples."""

FORMATS = ("mp4", "png", *(suffix[1:] for suffix in WRITABLE if suffix != ".mp4"))
PICTURES = (".png", ".jpg", ".jpeg")
CLIPS = 4

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_adapters(parser)
    names = f"{', '.join(WRITABLE)} or {', '.join(PICTURES)}"
    add_output(parser, f"folder for sample_INDEX_seedSEED.mp4, ..., or one file ({names}) of all clips in a grid")
    parser.add_argument(
        "--num-videos",
        type=positive,
        help=f"clips to sample (default: {CLIPS}), of each seed with --seeds (default: 1)",
    )
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument(
        "--seed", type=natural, default=0, help="seed of all clips; video i of a seed is the same at any batch size"
    )
    seeds.add_argument("--seeds", type=natural, nargs="+", help="several seeds; samples video 0 of each")
    parser.add_argument("--batch-size", type=positive, default=4, help="clips sampled at once")
    parser.add_argument(
        "--fps",
        type=rate,
        help="frame rate of the files, frames per second; by default the score fps, if it is given, or that of the "
        "training clips",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="format of the files in a folder; png writes folders of exact frames (default: mp4)",
    )
    parser.add_argument(
        "--grid",
        action=_Arrangement,
        metavar="RxC",
        help="rows and columns of the clips in one file, as in 4x4; by default nearly square",
    )
    add_prompt(parser)
    add_scores(parser)
    add_keyframes(parser)
    add_tracks(parser)
    add_cuda_graphs(parser)
    add_sampler(parser, times="--time-grid")
    add_copy_guard(parser)
    add_provenance(parser)
    add_energy(parser)
    parser.set_defaults(arrangement=None)


def run(options: argparse.Namespace) -> None:
    with shared_work() as shared:
        videos = together(shared, lambda: videos_of(options))
        samples = together(shared, lambda: Samples(options, videos))
        samples.energy.start(samples.generator.device)
        write = _write_one if _is_file(options.output) else _write_folder
        kept = write(samples, options, shared)
        logger.info("%d clip%s in %s", kept, "s" * (kept != 1), options.output)


def videos_of(options: argparse.Namespace) -> list[tuple[int, int]]:
    """(seed, index) of each clip; InputError if they do not fit the options or cannot be written."""
    seeds = options.seeds or [options.seed]
    if len(set(seeds)) < len(seeds):
        raise InputError("a seed is given twice", "give each seed once")
    cells = options.arrangement and options.arrangement[0] * options.arrangement[1]
    count = options.num_videos or (1 if options.seeds else cells or CLIPS)
    videos = [(seed, index) for seed in seeds for index in range(count)]
    if cells and len(videos) > cells:
        raise InputError(
            f"{len(videos)} clips do not fit into a --grid of {cells}",
            "give a larger one, or fewer clips",
        )
    _check_output(options)
    return videos


def _check_output(options: argparse.Namespace) -> None:
    output, suffix = options.output, options.output.suffix
    if not _is_file(output) and suffix.lower() in VIDEO_SUFFIXES:
        raise InputError(
            f"{output} ends in {suffix}, which cannot be written",
            f"choose a name in {', '.join(WRITABLE)}",
        )
    if not _is_file(output):
        if options.arrangement:
            raise InputError(f"--grid is for one file of all clips, and {output} is a folder", "give a name in .mp4")
        return check_output(output, overwrite=options.overwrite, own=OWN)
    if options.format:
        raise InputError(f"--format is for the files in a folder, and {output} is one file", "leave it out")
    for file in (output, _record_of(output)):
        check_output_file(file, overwrite=options.overwrite)
    return None


class Samples:
    """The clips of the options; the constructor makes all checks."""

    def __init__(self, options: argparse.Namespace, videos: list[tuple[int, int]]) -> None:
        check_model(options.model)  # first, because it is quick
        from pvdm.files.weights import sha256_of

        self.options, self.videos, self.energy = options, videos, MeasuredEnergy(options)
        self.generator = load_model(options)
        self.provenance = self.generator.provenance
        self.sha256 = self.provenance.sha256 if self.provenance else sha256_of(weights_file(options.model))
        self.generator.check_can_continue(None)
        self.sampler = sampler_of(options, self.generator)
        self.labels = labels_of(options, self.generator, len(videos))
        self.prompts = prompts_of(options, len(videos))
        self.generator.check_prompts(self.prompts, len(videos), options.negative_prompt)
        self.scores = scores_of(options, self.generator)
        self.fps = rate_of(options, self.scores, self.generator)
        self.keyframes = keyframes_of(options, self.generator, self.generator.frames)
        self.tracks = tracks_of(options, self.generator, self.generator.frames, self.fps)
        self.refusals = Refusals.of(options, self.generator, self.fps)

    def clips(self, shared: Processes) -> Iterator[tuple[int, Tensor]]:
        """The clips of this process that are not refused, each with its index among all: (3, t, h, w) uint8."""
        # Cut before they are shared, so that not even rounding depends on the number of processes.
        parts = shared.share(in_parts(len(self.videos), self.options.batch_size))
        places = [place for part in parts for place in part]
        with (
            self.generator.precision(self.options.precision),
            SamplingBar([len(part) for part in parts], unit="clips", show=shared.is_main) as bar,
            closing(self._sampled(places, bar)) as clips,
        ):
            for place, clip in zip(places, clips, strict=True):
                if self.refusals.keeps(place, clip):
                    yield place, clip
                bar.written()

    def _sampled(self, places: list[int], bar: SamplingBar) -> Iterator[Tensor]:
        """Each (3, t, h, w) uint8."""
        if not places:  # more processes than batches
            return
        videos = [self.videos[place] for place in places]
        labels = self.labels and [self.labels[place] for place in places]
        prompts = self.prompts and [self.prompts[place] for place in places]
        options = {"labels": labels, "sampler": self.sampler, "progress": bar.sampling}
        options |= {"prompts": prompts, "negative_prompt": self.options.negative_prompt}
        options |= {"keyframes": self.keyframes, "keep_given": self.options.keep_given, "tracks": self.tracks}
        options["scores"] = self.scores
        with closing(self.generator.batches(videos, batch_size=self.options.batch_size, **options)) as batches:
            for batch in batches:
                yield from batch

    def read_energy(self, shared: Processes) -> dict[str, Any] | None:
        """A record of what all clips have taken, if the options ask for it; all processes call it."""
        return self.energy.read(shared, len(self.videos) * self.generator.frames / self.fps)

    def record(self, files: list[str], energy: dict[str, Any] | None, refused: dict[int, Nearest]) -> dict[str, Any]:
        """The record of the clips, in these files unless they were refused."""
        prompts = self.prompts or [None] * len(self.videos)
        labels, names = self.labels or [None] * len(self.videos), self.generator.classes
        said = [
            {
                "file": file,
                "seed": seed,
                "index": index,
                "label": names[label] if names and label is not None else label,
                **({} if prompt is None else {"prompt": prompt}),
            }
            for place, (file, (seed, index), label, prompt) in enumerate(
                zip(files, self.videos, labels, prompts, strict=True)
            )
            if place not in refused
        ]
        found = record(self.options, self.generator, self.sampler, self.sha256, said)
        more = {name: value for name, value in {"scores": self.scores, "energy": energy}.items() if value}
        return {**found, "fps": self.fps, **more, **self.refusals.record(refused, self.videos)}


def _write_folder(samples: Samples, options: argparse.Namespace, shared: Processes) -> int:
    """A file, or a folder of frames, for each clip; returns how many."""
    suffix = "" if options.format == "png" else f".{options.format or 'mp4'}"
    names = [f"sample_{index:06d}_seed{seed}{suffix}" for seed, index in samples.videos]
    with _folder_of_all(options.output, shared, overwrite=options.overwrite, own=OWN) as folder:
        for place, clip in samples.clips(shared):
            how = {"fps": samples.fps, "provenance": samples.provenance, "values": samples.generator.stored_values}
            video.write_video(folder / names[place], clip, **how)
            add_audio(folder / names[place], options, samples.provenance)
        energy = samples.read_energy(shared)
        refused = samples.refusals.gathered(len(names), shared)
        if shared.is_main:
            write_record(folder / RECORD, samples.record(names, energy, refused))
    return len(names) - len(refused)


def _write_one(samples: Samples, options: argparse.Namespace, shared: Processes) -> int:
    """One video of all clips, or one picture of their middle frames; returns of how many."""
    parts = shared.gather(list(samples.clips(shared)))
    energy = samples.read_energy(shared)
    refused = samples.refusals.gathered(len(samples.videos), shared)
    if not shared.is_main:
        return len(samples.videos) - len(refused)
    import torch

    clips = torch.stack(
        [clip for _, clip in sorted((pair for part in parts for pair in part), key=lambda pair: pair[0])]
    )
    columns = (options.arrangement or video.near_square(len(clips)))[1]
    whole = clips[0] if len(clips) == 1 else video.grid_video(clips, columns)  # a single clip has no white frame
    if options.output.suffix.lower() in PICTURES:
        _write_picture(samples, whole[:, whole.shape[1] // 2], options)
    else:
        how = {"fps": samples.fps, "overwrite": options.overwrite, "values": samples.generator.stored_values}
        video.write_video(options.output, whole, provenance=samples.provenance, **how)
        add_audio(options.output, options, samples.provenance)
    names = [options.output.name] * len(samples.videos)
    write_record(_record_of(options.output), samples.record(names, energy, refused), overwrite=options.overwrite)
    return len(clips)


def _write_picture(samples: Samples, picture: Tensor, options: argparse.Namespace) -> None:
    """picture: (3, h, w) uint8."""
    from PIL import Image

    picture = samples.provenance.marked(picture[:, None])[:, 0] if samples.provenance else picture
    with replacing(options.output, overwrite=options.overwrite) as temporary:
        Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy()).save(temporary, quality=95)
        if samples.provenance:
            samples.provenance.finish(temporary, temporary.suffix)


def _is_file(output: Path) -> bool:
    """Whether a name stands for a file, not a folder."""
    return output.suffix.lower() in (*WRITABLE, *PICTURES)


def _record_of(output: Path) -> Path:
    return output.with_name(f"{output.name}.json")


@contextmanager
def _folder_of_all(path: Path, shared: Processes, **replaced: Any) -> Iterator[Path]:
    """A folder that all processes write to; the first one creates it and renames it when all are done."""
    with replacing(path, **replaced) if shared.is_main else nullcontext() as folder:
        if shared.is_main:
            folder.mkdir()
        folder, *_ = shared.gather(folder)
        yield folder
        shared.barrier()


class _Arrangement(argparse.Action):
    """`--grid 4x4` is (rows, columns); the name of a time grid, which `--grid` took before, still works."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, value: Any, option: str | None = None) -> None:
        rows, _, columns = value.partition("x")
        if value in GRIDS:
            namespace.grid = value
        elif rows.isdecimal() and columns.isdecimal() and int(rows) and int(columns):
            namespace.arrangement = (int(rows), int(columns))
        else:
            raise InputError(f"{option} is {value}", "give rows and columns as in 4x4", option="grid")

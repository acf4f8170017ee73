"""`pvdm encode`: writes the latents of a data set to files, from which stage 2 trains as from the videos."""

from __future__ import annotations

import argparse
import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdm.commands.terminal.progress_bars import Bars
from pvdm.commands.terminal.shared_options import add_device, device_of, positive, shared_work
from pvdm.errors import InputError
from pvdm.runtime.processes import device_of_rank, processes_here, together

if TYPE_CHECKING:
    from pvdm.conditions.given_frames import GivenFrames
    from pvdm.data.latents.encoding_plan import LatentPlan
    from pvdm.data.video_collection import VideoCollection
    from pvdm.generation import VideoGenerator

DTYPES = ("float16", "bfloat16")
HINTS = ("first", "last", "ends", "random", "every", "gap", "blurred")
UNITS = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10}
MOST_STRIDE = 4
"""Largest default of --stride: every start would take four times as much computation and disk space."""

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description += (
        "\nIt also takes the options of pvdm fit for stage 2, of which it uses data.*, model.autoencoder,\n"
        "trainer.precision and seed_everything."
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="folder of the latents; an unfinished one is resumed"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace other latents in the folder")
    parser.add_argument(
        "--stride",
        type=positive,
        help="frames from the start of one sample to the next; 1 takes every start; by default up to "
        f"{MOST_STRIDE}, a divisor of the clip's length",
    )
    parser.add_argument(
        "--flips",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="also encode mirrored clips of the training videos; by default as data.horizontal_flip",
    )
    parser.add_argument(
        "--hints",
        nargs="+",
        choices=HINTS,
        metavar="KIND",
        help="also encode the hints of these given frames of each clip (first, last, ends, random, every, gap, "
        "blurred); of the last four, a draw for each clip; ends is always among them, because validation measures with "
        "it; by default those of model.given_frames",
    )
    parser.add_argument("--dtype", choices=DTYPES, default="float16", help="type of the stored values")
    parser.add_argument("--batch-size", type=positive, default=8, help="clips encoded at once")
    parser.add_argument("--clips-per-shard", type=positive, default=1024, help="clips per file")
    add_device(parser)
    parser.add_argument(
        "--precision",
        choices=("32", "bf16"),
        help="float32, or bfloat16 autocast; by default as trainer.precision, so that training sees the same values",
    )
    parser.set_defaults(of_training=True)


def run(options: argparse.Namespace) -> None:
    from pvdm.data import workers as worker
    from pvdm.training.latent_encoding import encode

    with shared_work() as group:
        data, workers, generator = together(group, lambda: _ready(options))
        plan = together(group, lambda: _plan(data, generator, options) if group.is_main else None)
        plan = group.gather(plan)[0]
        _log_plan(plan)
        missing = encode(
            plan,
            options.output,
            root=data.root,
            generator=generator,
            batch_size=options.batch_size,
            workers=worker.default_workers(processes_here()) if workers is None else workers,
            reader=data.reader,
            processes=group,
            overwrite=options.overwrite,
            progress=Bars() if group.is_main else None,
        )
        logger.info("%d of %d shards were encoded; the latents are in %s", missing, len(plan.shards()), options.output)


def _ready(options: argparse.Namespace) -> tuple[VideoCollection, int | None, VideoGenerator]:
    """The videos, not yet searched, `data.workers`, and the model; the quick checks come first."""
    from pvdm.conditions.given_frames import GivenFrames
    from pvdm.data.data_options import parse_options
    from pvdm.data.latents.latent_folder import check_place
    from pvdm.data.video_collection import VideoCollection
    from pvdm.generation import VideoGenerator
    from pvdm.runtime.precision import warn_of_slow_bfloat16
    from pvdm.training.cli.command import parsed

    device = device_of_rank(device_of(options.device))
    check_place(options.output)
    config = parsed(options.of_training)
    options.precision = options.precision or _precision(config.trainer.precision)
    given = _given_frames(config)
    options.hints, options.blur_factors = _hints(options.hints, given), (given or GivenFrames()).blur_factors
    data, autoencoder = parse_options(config.data.as_dict()), _autoencoder(config)
    videos = VideoCollection.of(data)
    if options.precision == "bf16":
        warn_of_slow_bfloat16(device)
    return videos, data.workers, VideoGenerator.load(autoencoder).to(device)


def _plan(data: VideoCollection, generator: VideoGenerator, options: argparse.Namespace) -> LatentPlan:
    """The plan of the encoding; InputError if the videos or their sizes do not fit."""
    from pvdm.conditions.given_frames import BLURRED
    from pvdm.data.tracks.sample_scores import MOTION
    from pvdm.training.latent_encoding import plan_of

    size = generator.autoencoder.config
    data.setup()
    data.check_sizes(frames=size.frames, height=size.height, width=size.width, clips=2)
    settings = {
        "stride": options.stride or math.gcd(data.clip.frames * data.clip.stride, MOST_STRIDE),
        "flips": data.samples.augmentation.horizontal_flip if options.flips is None else options.flips,
        "dtype": options.dtype,
        "precision": options.precision,
        "clips_per_shard": options.clips_per_shard,
    }
    if options.hints:
        settings["hints"] = options.hints
    if BLURRED in options.hints:
        settings["blur_factors"] = list(options.blur_factors)
    if measured := [name for name in data.scores.names if name == MOTION]:
        settings["scores"] = measured
    settings |= {"cameras": True} if data.tracks.cameras else {}
    settings |= {"sound": data.tracks.sound} if data.tracks.sound else {}
    return plan_of(data, generator.autoencoder, settings)


def _autoencoder(config: Any) -> Path:
    """The path of the first stage; InputError for a config of stage 1, where it is a set of sizes."""
    given = config.model.init_args.get("autoencoder")
    if not isinstance(given, (str, Path)) and not hasattr(given, "__fspath__"):
        raise InputError(
            "pvdm encode takes the config of stage 2, with the first stage as --model.autoencoder",
            "give both (-c configs/diffusion.yaml)",
        )
    return Path(given)


def _given_frames(config: Any) -> GivenFrames | None:
    """The given frames of the training, if there are any."""
    from pvdm.conditions.given_frames import GivenFrames

    of_training = config.model.init_args.get("given_frames")
    return GivenFrames(**of_training.as_dict()) if of_training else None


def _hints(asked: list[str] | None, given: GivenFrames | None) -> list[str]:
    """The kinds of given frames to encode hints of."""
    from pvdm.conditions.given_frames import MEASURED, cached_kinds

    if asked:
        return [kind for kind in HINTS if kind in (*asked, MEASURED)]
    return cached_kinds(given) if given else []


def _precision(of_trainer: object) -> str:
    return "bf16" if str(of_trainer).startswith("bf16") else "32"


def _log_plan(plan: LatentPlan) -> None:
    values = math.prod(plan.latent) * (plan.clips + plan.mirrored) * (1 + len(plan.hints))
    logger.info(
        "%d clips of %d videos, %d of them mirrored as well: %s",
        *(plan.clips, len(plan.videos), plan.mirrored, _size(2 * values + 4 * plan.clips * plan.track_values)),
    )


def _size(count: int) -> str:
    """A number of bytes in a suitable unit."""
    unit, size = next((unit, size) for unit, size in UNITS.items() if count >= size or unit == "KiB")
    return f"{count / size:.2f} {unit}"

"""`pvdm benchmark`: the figures of the paper's tables for a model; speed; its solvers; and how well recipes learn."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pvdm.benchmark.plan import DATASETS, NUM_VIDEOS, QUICK_SETTINGS, QUICK_VIDEOS, SETTINGS
from pvdm.benchmark.speed.speed_options import KINDS, SIZE_OPTIONS, SIZES, TASK_NAMES
from pvdm.cli_parser import finite
from pvdm.commands.terminal.shared_options import SOLVER, add_device, add_precision, device_of, natural, positive
from pvdm.diffusion.sampler_config import SAMPLER_NAMES
from pvdm.errors import InputError
from pvdm.generation.model_files import check_model

PATHS = {"i3d-400": "i3d", "c3d-ucf101": "c3d", "lpips": "lpips_weights"}
"""What the files of weights are for, and the options that name them."""

REMOVED = {
    "--saved-tensors": (
        "memory is measured, no longer counted without a GPU",
        "read peak_memory_bytes of the training steps, or try --largest-batches, both on a GPU",
    ),
    "--vgg-weights": ("LPIPS takes the same time with any weights", "leave it out"),
    "--plain": (
        "the networks as the released code computes them now serve the tests alone",
        "compare two runs with --compare; docs/speed.md keeps the figures of version 0.1",
    ),
}
"""Options of `speed` that no longer exist: why, and what to use instead."""

REMOVED_OF_SOLVERS = {
    "--document": ("the tables are printed as Markdown", "copy them into your document"),
    "--picture": ("the tables say the same", "plot the rows of the JSON"),
}
"""The same of `solvers`."""


class _Removed(argparse.Action):
    """An option that no longer exists: refused with the reason and the remedy in `const`."""

    def __init__(self, option_strings: list[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, **options)

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        reason, remedy = self.const
        raise InputError(f"{option_string} was removed: {reason}", remedy)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A table of the paper by its data set's name, or `speed`; each has its own options."""
    whats = parser.add_subparsers(dest="what", required=True)
    for dataset in DATASETS:
        part = _part(whats, parser, dataset, f"the figures of the paper's tables for {dataset}, as a report")
        part.set_defaults(dataset=dataset)
        _add_table_arguments(part)
    _add_speed_arguments(_part(whats, parser, "speed", "time, memory and share of the machine's ceiling of each part"))
    _add_solvers_arguments(_part(whats, parser, "solvers", "error of each solver in few steps, against 1000"))
    _add_learning_arguments(
        _part(whats, parser, "learning", "what recipes learn from the same clips at equal computation")
    )


def _part(whats: Any, parser: argparse.ArgumentParser, name: str, summary: str) -> argparse.ArgumentParser:
    part = whats.add_parser(name, help=summary, description=summary, formatter_class=parser.formatter_class)
    part.set_defaults(parser=part, run=run)
    return part


def _add_table_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set, as published")
    parser.add_argument(
        "--model", required=True, help="exported folder, training checkpoint, or a name of pvdm models or the Hub"
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="folder of the report; an interrupted benchmark is resumed"
    )
    parser.add_argument("--overwrite", action="store_true", help="start over where another benchmark's report lies")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a first look in minutes with few clips and steps and no downloads; its figures are not comparable",
    )
    group = parser.add_argument_group("what is measured")
    group.add_argument(
        "--settings",
        nargs="+",
        metavar="N/M",
        help="steps of the first clip and of later ones, as in 400/400 (DDIM) or unipc:20/20; by default "
        f"{' '.join(SETTINGS)}, with --quick {' '.join(QUICK_SETTINGS)}",
    )
    group.add_argument("--eta", type=float, default=1.0, help="noise of DDIM, from 0 (none) to 1")
    group.add_argument(
        "--num-videos",
        type=positive,
        help=f"videos sampled for each setting; by default {NUM_VIDEOS}, with --quick {QUICK_VIDEOS}",
    )
    group.add_argument(
        "--allow-few",
        action="store_true",
        help="measure with fewer clips than a protocol requires, and mark the result",
    )
    group.add_argument("--seed", type=natural, default=0, help="seed of the samples and of the choice of real clips")
    group.add_argument("--split", type=int, choices=(1, 2, 3), default=1, help="split of UCF101")
    group.add_argument(
        "--against", type=Path, help="another report, whose videos are shown beside these for a blind comparison"
    )
    _add_weights(parser)
    group = parser.add_argument_group("how it is computed (start several processes with torchrun)")
    group.add_argument(
        "--batch-size", type=positive, default=4, help="videos sampled at once, which changes the rounding"
    )
    add_device(group)
    add_precision(group)


def _add_weights(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("weights of feature networks (downloaded by default, or a figure is left out)")
    group.add_argument("--i3d", type=Path, metavar="FILE", help="i3d_pretrained_400.pt, for FVD")
    group.add_argument("--c3d", type=Path, metavar="FILE", help="c3d_ucf101.pt, for the inception score")
    group.add_argument("--lpips-weights", type=Path, metavar="FILE", help="torchvision's vgg16-397923af.pth")


def _add_speed_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, required=True, help="a .json file")
    parser.add_argument("--overwrite", action="store_true", help="replace existing output")
    parser.add_argument("--compare", type=Path, metavar="OLD", help="an earlier output to compare with")
    parser.add_argument(
        "--tasks", metavar="NAMES", help=f"tasks, separated by commas: {','.join(TASK_NAMES)} (default: all)"
    )
    group = parser.add_argument_group("what is measured")
    group.add_argument("--model", help="exported folder, training checkpoint, or a name of pvdm models or the Hub")
    group.add_argument("--size", choices=SIZES, help=f"size of random networks, without --model (default: {SIZES[0]})")
    for name, what in SIZE_OPTIONS.items():
        group.add_argument(f"--{name.replace('_', '-')}", type=positive, help=f"{what}, instead of the size's")
    group.add_argument(
        "--sampler",
        choices=SAMPLER_NAMES,
        default=SOLVER["sampler"],
        help="sampler of sample_clip and stream; by default the model's own",
    )
    group.add_argument("--steps", type=positive, default=20, help="sampling steps of each clip")
    group.add_argument("--stream-frames", type=positive, default=128, help="frames of the streamed video")
    group.add_argument("--data", type=Path, metavar="FOLDER", help="videos to read; by default some are made")
    _add_computation(parser.add_argument_group("how it is computed"))


def _add_computation(group: argparse._ArgumentGroup) -> None:
    add_device(group)
    add_precision(group)
    group.add_argument("--batch-size", type=positive, default=1, help="clips at once")
    group.add_argument("--compile", action="store_true", help="compile the networks' repeated parts")
    group.add_argument("--cuda-graphs", action="store_true", help="use CUDA graphs in sampling on a GPU")
    group.add_argument(
        "--activation-checkpointing",
        nargs="*",
        choices=[name for kinds in KINDS.values() for name in kinds],
        metavar="KIND",
        help=f"recompute activations in the training steps: all, or these kinds, {' '.join(KINDS[1])} in stage 1 and "
        f"{' '.join(KINDS[2])} in stage 2",
    )
    for option, reason in REMOVED.items():
        group.add_argument(option, action=_Removed, const=reason, help=argparse.SUPPRESS)
    group.add_argument(
        "--largest-batches", action="store_true", help="find the largest batches of both stages' updates on a GPU"
    )
    group.add_argument("--repeats", type=positive, default=5, help="runs, of which the median is taken")
    group.add_argument(
        "--warm-up", type=natural, help="runs before the measured ones; by default 1 on CUDA and with --compile, else 0"
    )
    group.add_argument("--limit", type=float, default=120.0, help="seconds after which a task is not repeated")


def _add_solvers_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", required=True, help="exported folder, training checkpoint, or a name of pvdm models or the Hub"
    )
    parser.add_argument("--output", type=Path, required=True, help="a .json file")
    parser.add_argument("--overwrite", action="store_true", help="replace existing output")
    for option, reason in REMOVED_OF_SOLVERS.items():
        parser.add_argument(option, action=_Removed, const=reason, help=argparse.SUPPRESS)
    parser.add_argument(
        "--num-videos", type=positive, default=2, help="clips of the model over which errors are averaged"
    )
    parser.add_argument("--seed", type=natural, default=0, help="seed of the initial noise")
    add_device(parser)


def _add_learning_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(model=None)
    parser.add_argument(
        "--recipe",
        nargs="+",
        required=True,
        metavar="FILE",
        help="recipes, such as configs/recipes/released.yaml; the first is what the others are compared with",
    )
    parser.add_argument("--root", type=Path, help="folder of the data set (data.path)")
    parser.add_argument("--layout", help="its layout (data.layout)")
    parser.add_argument(
        "--set", nargs="+", metavar="KEY=VALUE", help="values of config keys for all stages, such as data.loop=true"
    )
    parser.add_argument(
        "--budget",
        nargs="+",
        type=seconds,
        required=True,
        metavar="SECONDS",
        help="for each stage: CPU seconds, or seconds of a GPU",
    )
    parser.add_argument("--seeds", nargs="+", type=natural, default=[0], help="seeds; each recipe is trained with each")
    parser.add_argument("--output", type=Path, required=True, help="folder of the results; the same command resumes")
    parser.add_argument("--overwrite", action="store_true", help="start over where another bench lies")
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="FILE",
        help="results.json of an earlier bench, whose numbers of updates and precision to use",
    )
    group = parser.add_argument_group("what is measured")
    group.add_argument("--samples", type=positive, default=1024, help="clips sampled of each model")
    group.add_argument("--extended", type=positive, help="videos of four clips; by default a third of --samples")
    group.add_argument(
        "--real-clips", type=positive, default=1024, help="training clips that samples are compared with"
    )
    group.add_argument("--steps", type=positive, default=20, help="sampling steps of each clip")
    group.add_argument(
        "--detector", type=Path, metavar="FILE", help="a network of pictures, instead of EfficientNet-Lite0"
    )
    parser.add_argument("--jobs", type=positive, default=2, help="trainings at once on a CPU, with a thread each")
    add_device(parser)


def seconds(text: str) -> float:
    """A number of seconds above 0."""
    number = finite(text)
    if number <= 0:
        raise InputError(f"{text} is no budget", "give seconds above 0")
    return number


def run(options: argparse.Namespace) -> None:
    if options.model is not None:
        check_model(options.model)  # first: it is quick to refuse
    device = device_of(options.device)
    if options.what == "learning":
        from pvdm.benchmark.learning.learning_bench import run_learning

        run_learning(options, device=device)
        return
    if options.what == "solvers":
        from pvdm.benchmark.solver_study import run_solvers

        run_solvers(options, device=device)
        return
    if options.what == "speed":
        from pvdm.benchmark.speed.speed_command import run_speed

        run_speed(options, device=device)
        return
    from pvdm.benchmark.paper_tables import run_benchmark
    from pvdm.runtime.processes import device_of_rank

    given = {name: getattr(options, option) for name, option in PATHS.items()}
    weights = {name: path for name, path in given.items() if path is not None}
    run_benchmark(options, device=device_of_rank(device), weights=weights)

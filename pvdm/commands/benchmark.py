"""`pvdm benchmark`: all figures of the paper's tables for a model, as a report."""

from __future__ import annotations

import argparse
from pathlib import Path

from pvdm.benchmark.plan import DATASETS, NUM_VIDEOS, QUICK_SETTINGS, QUICK_VIDEOS, SETTINGS
from pvdm.commands.options import device_of, natural, positive

PATHS = {"i3d-400": "i3d", "c3d-ucf101": "c3d", "lpips": "lpips_weights"}
"""What the files of weights are for, and the options that name them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", choices=DATASETS, help="whose table")
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set, as published")
    parser.add_argument("--model", required=True, help="exported folder, training checkpoint, or owner/name on the Hub")
    parser.add_argument(
        "--output", type=Path, required=True, help="folder of the report; a benchmark that was interrupted goes on"
    )
    parser.add_argument("--overwrite", action="store_true", help="begin anew where another benchmark's report lies")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a look in minutes, at few clips and steps, without downloads; no figure is to be compared",
    )
    group = parser.add_argument_group("what is measured")
    group.add_argument(
        "--settings",
        nargs="+",
        metavar="N/M",
        help="steps of the first clip and of later ones, as 400/400 (DDIM), or unipc:20/20; "
        f"{' '.join(SETTINGS)} if not given, with --quick {' '.join(QUICK_SETTINGS)}",
    )
    group.add_argument("--eta", type=float, default=1.0, help="noise of DDIM, 0 (none) to 1")
    group.add_argument(
        "--num-videos",
        type=positive,
        help=f"sampled for each setting; {NUM_VIDEOS} if not given, with --quick {QUICK_VIDEOS}",
    )
    group.add_argument("--allow-few", action="store_true", help="measure with fewer clips than asked for, and mark it")
    group.add_argument("--seed", type=natural, default=0, help="of the samples and of the choice of real clips")
    group.add_argument("--split", type=int, choices=(1, 2, 3), default=1, help="of UCF101")
    group.add_argument("--against", type=Path, help="another report, whose videos are shown for a blind comparison")
    group = parser.add_argument_group("weights of feature networks (fetched if not given, or a figure is left out)")
    group.add_argument("--i3d", type=Path, metavar="FILE", help="i3d_pretrained_400.pt, for FVD")
    group.add_argument("--c3d", type=Path, metavar="FILE", help="c3d_ucf101.pt, for the inception score")
    group.add_argument("--lpips-weights", type=Path, metavar="FILE", help="torchvision's vgg16-397923af.pth")
    group = parser.add_argument_group("how it is computed (start several processes with torchrun)")
    group.add_argument("--batch-size", type=positive, default=4, help="videos sampled at once; it changes the rounding")
    group.add_argument("--device", default="auto", help="auto (CUDA if there is one), cpu, cuda, cuda:1, mps, ...")
    group.add_argument("--precision", choices=("32", "bf16"), default="32", help="float32, or bfloat16 autocast")


def run(options: argparse.Namespace) -> None:
    from pvdm.benchmark.command import run_benchmark
    from pvdm.evaluation.processes import device_of_rank

    given = {name: getattr(options, option) for name, option in PATHS.items()}
    weights = {name: path for name, path in given.items() if path is not None}
    run_benchmark(options, device=device_of_rank(device_of(options.device)), weights=weights)

"""Options that several commands share, and the objects made from them."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdm.cli_parser import finite, whole
from pvdm.commands.terminal.condition_options import prompts_of, scores_of
from pvdm.commands.terminal.provenance_options import provenance_of
from pvdm.diffusion.sampler_config import (
    DDIM_STEPS,
    FEW_STEPS,
    FEW_STEPS_GRID,
    GRIDS,
    SAMPLER_NAMES,
    SamplerConfig,
)
from pvdm.errors import InputError
from pvdm.generation.model_files import check_model
from pvdm.runtime.processes import Processes, device_of_rank, processes
from pvdm.runtime.signals import ended_by_signals
from pvdm.video.suffixes import SERIES_SUFFIXES

if TYPE_CHECKING:  # help and refusals do without PyTorch, whose import takes more time than they do
    import torch

    from pvdm.generation import VideoGenerator

SOLVER = {
    "sampler": SamplerConfig().name,
    "steps": None,
    "grid": None,
    "eta": 0.0,
    "guidance": 0.0,
    "label_guidance": 0.0,
    "prompt_guidance": 0.0,
    "camera_guidance": 0.0,
    "sound_guidance": 0.0,
    "scores_guidance": 0.0,
    "hint_guidance": 0.0,
    "hint_noise": 0.0,
    "hint_passes": SamplerConfig().hint_passes,
    "context_noise": None,
    "autoguidance": None,
    "weak_model": None,
    "guidance_interval": None,
}
"""Defaults of the options of `add_sampler`; None stands for the default of the sampler or the model."""


def positive(text: str) -> int:
    """A whole number of at least 1."""
    return whole(text, 1)


def natural(text: str) -> int:
    """A whole number of at least 0."""
    return whole(text, 0)


def rate(text: str) -> float:
    """Frames per second, above 0 and below 1000."""
    number = finite(text)
    if not 0 < number < 1000:
        raise InputError(f"{text} is not a frame rate", "give frames per second, above 0 and below 1000")
    return number


def size(text: str) -> tuple[int, int]:
    """`256x256`: height and width."""
    sizes = text.split("x")
    if len(sizes) != 2 or not all(size.isdecimal() and int(size) for size in sizes):
        raise InputError(f"{text} is not a size", "give height and width as in 256x256")
    return int(sizes[0]), int(sizes[1])


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", help="exported folder, training checkpoint (.ckpt), pvdm/NAME of pvdm models, or owner/name on the Hub"
    )
    add_device(parser)
    what = "float32, or bfloat16, which takes half the memory and, where processors have instructions for it, less time"
    add_precision(parser, what)
    parser.add_argument(
        "--compile", action="store_true", help="compile the networks: takes minutes at the start, then runs faster"
    )
    parser.add_argument(
        "--clips-at-once", type=positive, help="clips in the autoencoder at once; fewer use less memory"
    )


def add_device(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--device", default="auto", help="auto (CUDA if there is one), cpu, cuda, cuda:1, mps, ...")


def add_precision(parser: argparse._ActionsContainer, what: str = "float32, or bfloat16 autocast") -> None:
    parser.add_argument("--precision", choices=("32", "bf16"), default="32", help=what)


def add_cuda_graphs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cuda-graphs",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="on a GPU, launch the kernels of a step as one CUDA graph",
    )


def add_output(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--output", type=Path, required=True, help=what)
    parser.add_argument("--overwrite", action="store_true", help="replace existing output")


def add_sampler(
    parser: argparse.ArgumentParser, *, unset: bool = False, times: str = "--grid"
) -> argparse._ArgumentGroup:
    """Adds the options of samplers.

    Args:
        parser: The parser to add them to.
        unset: Those of `SOLVER` are None if not given, see `with_solver`, though the help says what they then are.
        times: Another name of `--time-grid`.
    """
    group = parser.add_argument_group("sampling")
    group.add_argument(
        "--sampler",
        choices=SAMPLER_NAMES,
        help="sampler; the paper uses ddim and ddpm (ancestral); by default unipc, or consistency for the numbers of "
        "steps that a model was tuned for",
    )
    group.add_argument(
        "--steps",
        type=positive,
        help=f"network evaluations per clip; by default {FEW_STEPS}, for ddim {DDIM_STEPS}, for ddpm all timesteps",
    )
    group.add_argument(
        *dict.fromkeys(("--time-grid", times)),
        dest="grid",
        choices=GRIDS,
        help=f"spacing of the timesteps; by default {FEW_STEPS_GRID}, for ddim and ddpm uniform as released",
    )
    group.add_argument("--eta", type=float, help="noise of ddim, from 0 (none) to 1")
    _add_guidance(group)
    for action in group._group_actions:
        if unset and SOLVER.get(action.dest) is not None:
            action.help += f" (default: {SOLVER[action.dest]})"
    parser.set_defaults(**({} if unset else SOLVER))
    return group


def _add_guidance(group: argparse._ArgumentGroup) -> None:
    """What is given to the model, and how strongly it follows."""
    group.add_argument("--guidance", type=float, help="weight of guidance by the previous clip; 0 turns it off")
    group.add_argument(
        "--label",
        action="append",
        metavar="NAME_OR_INDEX",
        help="class of the videos, for a model with classes; may be repeated, and the videos take the classes in turn; "
        "by default videos of no particular class",
    )
    group.add_argument("--label-guidance", type=float, help="weight of guidance by the class; 0 turns it off")
    group.add_argument("--prompt-guidance", type=float, help="weight of guidance by the prompt; 0 turns it off")
    group.add_argument("--camera-guidance", type=float, help="weight of guidance by the camera; 0 turns it off")
    group.add_argument("--sound-guidance", type=float, help="weight of guidance by the sound; 0 turns it off")
    group.add_argument("--scores-guidance", type=float, help="weight of guidance by the scores; 0 turns it off")
    group.add_argument("--hint-guidance", type=float, help="weight of guidance by given frames; 0 turns it off")
    group.add_argument(
        "--hint-noise",
        type=float,
        help="noise, sigma / alpha, in the latent of given frames, for a model trained with it",
    )
    group.add_argument(
        "--hint-passes",
        type=natural,
        help="how often the result is moved towards the given frames, or the small video; 2 by default",
    )
    group.add_argument(
        "--context-noise",
        type=float,
        help="noise, sigma / alpha, in the previous clip, for a model trained with it; 0 is none, by default a little",
    )
    group.add_argument(
        "--autoguidance",
        type=float,
        help="weight of guidance by a weak model; 0 turns it off, by default the model's own",
    )
    group.add_argument(
        "--weak-model",
        metavar="MODEL",
        help="early checkpoint or smaller model, for autoguidance, or block:N, the model itself without block N; by "
        "default the model's own guide",
    )
    group.add_argument(
        "--guidance-interval",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="noise, sigma / alpha, between which any guidance is on; by default all",
    )


def add_adapters(parser: argparse.ArgumentParser) -> None:
    """Low-rank adapters of the denoiser, which `load_model` loads."""
    parser.add_argument(
        "--adapter",
        type=adapter,
        action="append",
        metavar="FILE[:WEIGHT]",
        help="low-rank adapter of the denoiser (.safetensors), and how strongly it counts, 1 by default; may be "
        "repeated, and they add up",
    )


def adapter(text: str) -> tuple[str, float]:
    """FILE[:WEIGHT] -> the file and the weight."""
    path, colon, weight = text.rpartition(":")
    with suppress(InputError):
        return (path, finite(weight)) if colon and path else (text, 1.0)
    return text, 1.0


def with_solver(options: argparse.Namespace) -> argparse.Namespace:
    """The options, with `SOLVER` in place of those not given."""
    given = {name: value for name, value in vars(options).items() if value is not None}
    return argparse.Namespace(**{**vars(options), **SOLVER, **given})


def sampler_of(options: argparse.Namespace, generator: VideoGenerator, *, steps: int | None = None) -> SamplerConfig:
    """The sampler that the options describe; InputError if they do not fit together or the model."""
    steps, timesteps = steps or options.steps, generator.diffusion.timesteps
    if steps is not None and steps > timesteps:
        raise InputError(
            f"{steps} steps are more than the {timesteps} timesteps of this model", f"give at most {timesteps}"
        )
    return SamplerConfig(
        options.sampler,
        steps,
        options.eta,
        options.guidance,
        label_guidance=options.label_guidance,
        prompt_guidance=options.prompt_guidance,
        camera_guidance=options.camera_guidance,
        sound_guidance=options.sound_guidance,
        scores_guidance=options.scores_guidance,
        hint_guidance=options.hint_guidance,
        hint_noise=options.hint_noise,
        hint_passes=options.hint_passes,
        grid=options.grid,
        context_noise=options.context_noise,
        autoguidance=options.autoguidance,
        weak_model=options.weak_model,
        guidance_interval=options.guidance_interval,
    )


def labels_of(options: argparse.Namespace, generator: VideoGenerator, videos: int) -> list[int] | None:
    """The class of each video, those of the options in turn; InputError for an unknown class."""
    if options.label is None:
        if options.label_guidance:
            raise InputError("--label-guidance is given without --label", "give a --label, or leave it out")
        return None
    if len(options.label) > videos:
        raise InputError(f"there are {len(options.label)} labels for {videos} video(s)", "give each --label a video")
    given = generator.class_labels(options.label, len(options.label)).tolist()
    return [given[index % len(given)] for index in range(videos)]


def of_one_video(options: argparse.Namespace, generator: VideoGenerator) -> dict[str, Any]:
    """Sampler, seed, class, prompts and scores of a command that makes one video."""
    (label,), (prompt,) = labels_of(options, generator, 1) or [None], prompts_of(options, 1) or [None]
    told = {"prompt": prompt, "negative_prompt": options.negative_prompt, "scores": scores_of(options, generator)}
    return {"sampler": sampler_of(options, generator), "seed": options.seed, "label": label, **told}


def load_model(options: argparse.Namespace) -> VideoGenerator:
    """The model on the device of this process; use it within its `precision`."""
    check_model(options.model)  # first, because it is quick
    device, provenance = device_of_rank(device_of(options.device)), provenance_of(options)
    from pvdm.generation import VideoGenerator
    from pvdm.runtime.precision import warn_of_slow_bfloat16

    is_bfloat16 = options.precision == "bf16"
    if is_bfloat16:
        warn_of_slow_bfloat16(device)
    generator = VideoGenerator.load(options.model)
    for path, weight in getattr(options, "adapter", None) or ():
        generator.load_adapter(path, weight)
    generator = generator.accelerate(bfloat16=is_bfloat16).to(device)
    generator.clips_at_once, generator.provenance = options.clips_at_once, provenance
    formats = [Path(getattr(options, "output", None) or "").suffix, f".{getattr(options, 'format', None)}"]
    generator.float_pixels = any(name.lower() in SERIES_SUFFIXES for name in formats)
    return generator.accelerate(compiled=options.compile, cuda_graphs=getattr(options, "cuda_graphs", False))


@contextmanager
def shared_work() -> Iterator[Processes]:
    """The processes that share a command's work, torchrun's or this one alone, until it is done or stopped by a signal.

    Only the first of several processes logs progress.
    """
    with ended_by_signals(), processes() as shared:
        if not shared.is_main:
            logging.getLogger("pvdm").setLevel(logging.ERROR)
        yield shared


def device_of(name: str) -> torch.device:
    """A device of this machine, with TF32 products on a GPU from now on; InputError if there is no such device."""
    import torch

    from pvdm.runtime.precision import allow_tf32

    try:
        device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        raise InputError(f"there is no device {name} here", "choose cpu, or leave out --device") from error
    allow_tf32(device)
    return device

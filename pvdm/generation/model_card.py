"""The card of an exported model: architecture, training data, use, limitations."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from huggingface_hub import ModelCardData

from pvdm.autoencoder import AutoencoderConfig, SpectralConfig, autoencoder_config
from pvdm.conditions.text import WORDS
from pvdm.diffusion import TransformerConfig
from pvdm.generation.stored_config import AnyDenoiserConfig, denoiser_config
from pvdm.runtime.energy.meter import Energy

TAGS = ("video-generation", "diffusion", "latent-diffusion", "pvdm")
NAMED_CLASSES, NAMED_WORDS = 24, 60
"""Up to this many classes and words are named; for more, the card refers to `config.json`."""

AUTOENCODERS = {AutoencoderConfig: "projected, as released", SpectralConfig: "spectral"}
PREDICTIONS = {"eps": "the noise (eps)", "x0": "the clean latent (x0)", "v": "the velocity (v)"}

SAMPLE = """```python
from pvdm import VideoGenerator, save_video

generator = VideoGenerator.from_pretrained("MODEL")
clips = generator.sample(4, seed=0)  # (4, 3, {frames}, {height}, {width}), uint8
save_video(clips, "clips.mp4", fps=generator.fps)  # in a grid; clips[0] is one of them
for clip in generator.stream(num_frames={many}):  # a longer video, clip by clip
    ...
```

```sh
{commands}
```"""

RECONSTRUCT = """```python
from pvdm import VideoGenerator

generator = VideoGenerator.from_pretrained("MODEL")
found = generator.reconstruct(clips)  # (b, 3, {frames}, {height}, {width}), uint8, as clips
```

```sh
{commands}
```"""

INTENDED_USE = """For research, teaching and creative work that says how its videos were made. It is not meant to \
{verb} video that passes for a record of what happened, or that shows real people without their consent. Files that \
`pvdm` writes name the model in their metadata and, once `pvdm provenance keygen` has set up a key, in a signed C2PA \
manifest; `--watermark` also marks the pixels, and `--refuse-copies` leaves out copies of the training data."""

PEOPLE_UNKNOWN = """Not recorded. Whether people can be seen in the training data, and whether they agreed to this \
use, is not known from this model; until its author says so, assume that they can and that they did not."""

CITATION = """```bibtex
@inproceedings{yu2023video,
  title = {Video Probabilistic Diffusion Models in Projected Latent Space},
  author = {Yu, Sihyun and Sohn, Kihyuk and Kim, Subin and Shin, Jinwoo},
  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2023}
}
```"""


def model_card(
    config: Mapping[str, Any], *, parameters: Mapping[str, int] | None = None, license: str | None = None
) -> str:
    """README.md of a model: YAML front matter for the Hub, and Markdown.

    Args:
        config: The result of `VideoGenerator.to_config()`.
        parameters: Number of weights of each network, by its name.
        license: License of the model, as the Hub spells it (mit, cc-by-nc-4.0, other, ...), independent of that of its
            data.
    """
    data = ModelCardData(library_name="pvdm", tags=[*TAGS], license=license)
    sections = {
        "Model": _table(properties(config, parameters)),
        "Training data": _training_data(config.get("data")),
        "Energy": _energy(config.get("energy", ())),
        "Use": _use(config),
        "Intended use": INTENDED_USE.format(verb="restore and compress" if config["denoiser"] is None else "generate"),
        "People in the data": _people(config.get("data")),
        "Limits": "\n".join(f"* {limit}" for limit in _limits(config)),
        "Evaluation": "No results are recorded with this model.",
        "License": plain(license) if license else "Not stated; ask the author of this model.",
        "Citation": CITATION,
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"---\n{data.to_yaml()}\n---\n\n{_beginning(config)}\n\n{body}\n"


def plain(value: Any) -> str:
    """A value as one line of escaped Markdown; an address becomes a link."""
    text = " ".join(str(value).split())
    if re.fullmatch(r"https?://[^\s<>|\\`]+", text):
        return f"<{text}>"
    return re.sub(r"([\\`*_\[\]<>|#~$&])", r"\\\1", text)


def _beginning(config: Mapping[str, Any]) -> str:
    paper = "[PVDM](https://arxiv.org/abs/2302.07685)"
    if config["denoiser"] is None:
        return (
            f"# Video autoencoder\n\nThe first stage of a {paper}, made with `pvdm`: it projects a clip onto three "
            "small planes, one of its content and two of its motion, and reconstructs it. It does not generate: the "
            "second stage, a diffusion model of these planes, has not been trained yet."
        )
    return (
        f"# Video generator\n\nA {paper}, made with `pvdm`: an autoencoder projects a clip onto three small planes, "
        "one of its content and two of its motion, and a diffusion model generates them, with or without the previous "
        "clip as condition. It samples clips from noise and continues a clip to a video of any length."
    )


def properties(
    config: Mapping[str, Any], parameters: Mapping[str, int] | None = None, *, whole: bool = False
) -> Iterable[tuple[str, Any]]:
    """Names and values of what a model is and takes.

    Args:
        config: The result of `VideoGenerator.to_config()`.
        parameters: Number of weights of each network, by its name.
        whole: Name all classes and words, however many there are.
    """
    sizes, process = autoencoder_config(config["autoencoder"]), config["diffusion"]
    is_complete = config["denoiser"] is not None
    yield "stage", "complete: autoencoder and denoiser" if is_complete else "autoencoder only"
    yield "autoencoder", AUTOENCODERS[type(sizes)]
    if is_complete:
        yield "denoiser", _denoiser(denoiser_config(config["denoiser"]))
    yield "clip", f"{sizes.frames} frames of {sizes.height}x{sizes.width} pixels (height x width)"
    yield "frame rate", f"{config['fps']:g} frames per second" if config["fps"] else "not recorded"
    yield "latent", sizes.latent_shape.describe(sizes.latent_channels)
    if parameters:
        yield "parameters", ", ".join(f"{name} {_amount(count)}" for name, count in parameters.items())
    if is_complete:
        betas = f"betas {process['linear_start']:g} to {process['linear_end']:g}, evenly spaced roots"
        yield "noise process", f"{process['timesteps']} timesteps, {betas}"
        yield "prediction", PREDICTIONS[process["prediction"]]
        yield from _inputs(config, math.inf if whole else NAMED_CLASSES, math.inf if whole else NAMED_WORDS)
    updates = f"{config['training_step']} updates of the {'denoiser' if is_complete else 'autoencoder'}"
    yield "training", updates if config["training_step"] else "number of updates not recorded"
    yield "made with", ", ".join(f"{name} {number}" for name, number in config["versions"].items())


def _denoiser(sizes: AnyDenoiserConfig) -> str:
    if isinstance(sizes, TransformerConfig):
        return f"joint transformer of {sizes.depth} blocks and width {sizes.width}"
    return f"triplane U-Net of {sizes.channels} channels and {len(sizes.channel_multipliers)} levels"


def _inputs(config: Mapping[str, Any], most_classes: float, most_words: float) -> Iterable[tuple[str, Any]]:
    """What a complete model may be given, and what guides it."""
    sizes, text = denoiser_config(config["denoiser"]), config.get("text")
    classes = config.get("classes") or ()
    yield "classes", _named(sizes.classes, classes, most_classes) if sizes.classes else "none"
    yield "text encoder", f"{text['encoder']}, up to {text['tokens']} tokens" if text else "none"
    if text and text["encoder"] == WORDS:
        yield "words", _named(len(text["words"]), text["words"], most_words)
    if sizes.scores:
        yield "scores", ", ".join(_scores(sizes.scores, config.get("score_ranges") or {}))
    for name, is_taken in (
        ("given frames", sizes.hints),
        ("upscaling", sizes.blurred_hints),
        ("planes apart", sizes.plane_times),
        ("noise in the context", sizes.context_levels),
    ):
        yield name, "yes" if is_taken else "no"
    counts = ", ".join(map(str, sizes.few_steps))
    yield "few steps", f"tuned for {counts}" if counts else "not tuned for any"
    if sizes.guidance_input:
        yield "guidance in one evaluation", f"{sizes.guidance_input.replace('_', ' ')}, 0 to {sizes.guidance_most:g}"
    searched = ", ".join(str(len(times)) for times in config["diffusion"].get("searched_times", ()))
    yield "timesteps", f"searched for {searched} steps" if searched else "those of a grid"
    weight, block = (config["diffusion"].get(name) for name in ("autoguidance", "skipped_block"))
    guide = "early weights in the model" if block is None else f"itself without block {block}"
    yield "autoguidance", f"{weight:g}, by {guide}" if weight else "none"


def _scores(names: Sequence[str], ranges: Mapping[str, Sequence[float]]) -> Iterable[str]:
    """Each with what 90 % of the training clips had, where that is known."""
    for name in names:
        low, high = ranges.get(name, (None, None))
        yield name if low is None else f"{name} {low:g} to {high:g}"


def _named(count: int, names: Sequence[str], most: float) -> str:
    """How many there are, and which."""
    if not names:
        return f"{count}, without names"
    return f"{count}: {', '.join(names)}" if count <= most else f"{count}, named in config.json"


def _training_data(data: Mapping[str, Any] | None) -> str:
    if not data:
        return "Not recorded with this model."
    card = data.get("card") or {}
    missing = [name for name in ("name", "source", "license") if not card.get(name)]
    gap = f"\n\nNot recorded: {', '.join(missing)}." if missing else ""
    whole = dict(_facts({name: value for name, value in data.items() if name not in ("card", "files", "mix")}))
    shown = {name: value for name, value in card.items() if name != "people"}
    return _table([*_facts(shown), *whole.items(), *_parts(data.get("mix", ()), whole)]) + gap


def _parts(mix: Sequence[Mapping[str, Any]], whole: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """A row for each data set of a mix: how it differs from the whole."""
    for number, part in enumerate(mix, 1):
        own = (f"{name} {value}" for name, value in _facts(part) if whole.get(name) != value)
        yield f"set {number} of the mix", "; ".join(own)


def _people(data: Mapping[str, Any] | None) -> str:
    """What the data card says of the people who can be seen, or that it does not."""
    said = ((data or {}).get("card") or {}).get("people")
    return plain(said) if said else PEOPLE_UNKNOWN


def _energy(records: Sequence[Mapping[str, Any]]) -> str:
    """What each training behind the weights took, how that is known, and the sum."""
    if not records:
        return "Not recorded with this model."
    rows = [(f"training of the {record['part']}", Energy.of_record(record)) for record in records]
    total = sum((energy for _, energy in rows), Energy())
    rows += [("together", total)] if len(rows) > 1 else []
    missing = "" if records[0]["part"] == "autoencoder" else "\n\nNot recorded: the training of the autoencoder."
    return _table(rows) + missing


def _facts(values: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    """Names and values of all entries that are set; nested names are prefixed by their section."""
    for key, value in values.items():
        name = f"{above}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _facts(value, f"{name}: ")
        elif value is not None and value != "":
            yield name, ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value


def _use(config: Mapping[str, Any]) -> str:
    sizes = {name: config["autoencoder"][name] for name in ("frames", "height", "width")}
    text = RECONSTRUCT if config["denoiser"] is None else SAMPLE
    beginning = "`MODEL` is this folder or, on the Hugging Face Hub, its `owner/name`."
    filled = text.format(**sizes, many=8 * sizes["frames"], commands="\n".join(example_commands(config)))
    return f"{beginning}\n\n{filled}"


def example_commands(config: Mapping[str, Any], model: str = "MODEL") -> Iterable[str]:
    """A command for each thing that a model takes.

    Args:
        config: The result of `VideoGenerator.to_config()`.
        model: Its name or folder.
    """
    name, many = shlex.quote(model), 8 * config["autoencoder"]["frames"]
    if config["denoiser"] is None:
        yield f"pvdm reconstruct {name} video.mp4 --side-by-side --output beside.mp4"
        yield f"pvdm fit -c configs/diffusion.yaml --data.path VIDEOS --model.autoencoder {name}"
        return
    sizes, text = denoiser_config(config["denoiser"]), config.get("text")
    label = f"--label {shlex.quote((config.get('classes') or '0')[0])} " if sizes.classes else ""
    yield f"pvdm sample {name} --num-videos 4 {label}--output samples"
    yield f"pvdm extend {name} --frames {many} --output long.mp4"
    yield f"pvdm extend {name} --input video.mp4 --frames {many} --output continued.mp4"
    if text:
        known = " ".join(text["words"][:2]) if text["encoder"] == WORDS else "a person walks"
        prompt = shlex.quote(next(iter(text.get("examples", ())), known))
        guidance = "" if sizes.few_steps else "--prompt-guidance 2 "  # distilled with the few steps
        yield f"pvdm sample {name} --prompt {prompt} {guidance}--output told.mp4"
    if sizes.scores:
        ranges = config.get("score_ranges") or {}
        scores = (f"{score}={ranges.get(score, (1, 1))[1]:g}" for score in sizes.scores)
        yield f"pvdm sample {name} --score {' '.join(scores)} --output scored.mp4"
    if sizes.hints:
        yield f"pvdm sample {name} --first-frame picture.png --output moving.mp4"
        yield f"pvdm sample {name} --first-frame a.png --last-frame b.png --output between.mp4"
        yield f"pvdm interpolate {name} video.mp4 --factor 2 --output smooth.mp4"
        yield f"pvdm repair {name} video.mp4 --missing 40-47 --output whole.mp4"
    if sizes.blurred_hints:
        yield f"pvdm upscale {name} small.mp4 --output large.mp4"
    if sizes.plane_times:
        yield f"pvdm recombine {name} --content a.mp4 --motion b.mp4 --output both.mp4"


def _limits(config: Mapping[str, Any]) -> Iterable[str]:
    sizes = config["autoencoder"]
    yield (
        f"It works on clips of {sizes['frames']} frames of {sizes['height']}x{sizes['width']} pixels (height x width); "
        "video of other sizes is scaled and cropped."
    )
    if config["denoiser"] is None:
        yield "It cannot sample or extend video."
        yield "It reconstructs video unlike its training data less well."
        return
    taken, text = denoiser_config(config["denoiser"]), config.get("text")
    prompts = "" if text else "It takes no text prompts; it"
    yield f"{prompts or 'It'} generates only what resembles its training data, including biases and errors."
    if text and text["encoder"] == WORDS:
        yield "Prompts are made of the words of its training captions; it refuses others."
    if not (taken.classes or text or taken.hints):
        yield "The content of a clip cannot be chosen, except by the clip that it continues."
    yield "Each clip depends only on the previous one: long videos drift, and what has left the picture is forgotten."
    yield "It may reproduce its training videos: respect their license and the privacy of people in them."


def _table(rows: Iterable[tuple[str, Any]]) -> str:
    lines = [f"| {plain(name)} | {plain(value)} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---|", *lines])


def _amount(count: int) -> str:
    """62058755 -> 62.1 million"""
    return f"{count / 1e6:.1f} million" if count >= 1e5 else str(count)

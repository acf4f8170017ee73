"""The card of an exported model: architecture, training data, use, limitations."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from huggingface_hub import ModelCardData

from pvdm.autoencoder import autoencoder_config

TAGS = ("video-generation", "diffusion", "latent-diffusion", "pvdm")
NAMED_CLASSES = 24
"""Up to this many classes are named; for more, the card refers to `config.json`."""

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
pvdm sample MODEL --num-videos 4 {label}--output samples
pvdm extend MODEL --frames {many} --output long.mp4
pvdm extend MODEL --input video.mp4 --frames {many} --output continued.mp4
```"""

RECONSTRUCT = """```python
from pvdm import VideoGenerator

generator = VideoGenerator.from_pretrained("MODEL")
found = generator.reconstruct(clips)  # (b, 3, {frames}, {height}, {width}), uint8, as clips
```

```sh
pvdm reconstruct MODEL video.mp4 --side-by-side --output beside.mp4
pvdm fit -c configs/diffusion.yaml --data.path VIDEOS --model.autoencoder MODEL
```"""

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
        "Model": _table(_model(config, parameters or {})),
        "Training data": _training_data(config.get("data")),
        "Use": _use(config),
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


def _model(config: Mapping[str, Any], parameters: Mapping[str, int]) -> Iterable[tuple[str, Any]]:
    """Names and values of the model's properties."""
    sizes, process = autoencoder_config(config["autoencoder"]), config["diffusion"]
    is_complete = config["denoiser"] is not None
    yield "stage", "complete: autoencoder and denoiser" if is_complete else "autoencoder only"
    yield "clip", f"{sizes.frames} frames of {sizes.height}x{sizes.width} pixels (height x width)"
    yield "frame rate", f"{config['fps']:g} frames per second" if config["fps"] else "not recorded"
    yield "latent", sizes.latent_shape.describe(sizes.latent_channels)
    if parameters:
        yield "parameters", ", ".join(f"{name} {_amount(count)}" for name, count in parameters.items())
    if is_complete:
        betas = f"betas {process['linear_start']:g} to {process['linear_end']:g}, evenly spaced roots"
        yield "noise process", f"{process['timesteps']} timesteps, {betas}"
        yield "prediction", PREDICTIONS[process["prediction"]]
        yield "classes", _classes(config)
    updates = f"{config['training_step']} updates of the {'denoiser' if is_complete else 'autoencoder'}"
    yield "training", updates if config["training_step"] else "number of updates not recorded"
    yield "made with", ", ".join(f"{name} {number}" for name, number in config["versions"].items())


def _classes(config: Mapping[str, Any]) -> str:
    count, names = _count_classes(config), config.get("classes")
    if not count:
        return "none"
    if not names:
        return f"{count}, without names"
    return f"{count}: {', '.join(names)}" if count <= NAMED_CLASSES else f"{count}, named in config.json"


def _count_classes(config: Mapping[str, Any]) -> int | None:
    return (config["denoiser"] or {}).get("classes")


def _training_data(data: Mapping[str, Any] | None) -> str:
    if not data:
        return "Not recorded with this model."
    card = data.get("card") or {}
    missing = [name for name in ("name", "source", "license") if not card.get(name)]
    gap = f"\n\nNot recorded: {', '.join(missing)}." if missing else ""
    rest = {name: value for name, value in data.items() if name not in ("card", "files")}
    return _table([*_facts(card), *_facts(rest)]) + gap


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
    label = f"--label {shlex.quote((config.get('classes') or '0')[0])} " if _count_classes(config) else ""
    beginning = "`MODEL` is this folder or, on the Hugging Face Hub, its `owner/name`."
    return f"{beginning}\n\n{text.format(**sizes, many=8 * sizes['frames'], label=label)}"


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
    yield "It takes no text prompts; it generates only what resembles its training data, including biases and errors."
    if not _count_classes(config):
        yield "The content of a clip cannot be chosen, except by the clip that it continues."
    yield "Each clip depends only on the previous one: long videos drift, and what has left the picture is forgotten."
    yield "It may reproduce its training videos: respect their license and the privacy of people in them."


def _table(rows: Iterable[tuple[str, Any]]) -> str:
    lines = [f"| {plain(name)} | {plain(value)} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---|", *lines])


def _amount(count: int) -> str:
    """62058755 -> 62.1 million"""
    return f"{count / 1e6:.1f} million" if count >= 1e5 else str(count)

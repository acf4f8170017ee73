"""The JSON file that makes a stream's clips again: written, and read with every value checked."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pvdm.errors import InputError
from pvdm.runtime.progress_callback import Progress
from pvdm.studio.replays.replay_clips import Replay, ReplayClip, check_parents, rendered
from pvdm.studio.stream_model import StreamModel
from pvdm.studio.streams.stream_settings import MOST_SEED, StreamSettings
from pvdm.video import VideoWriter
from pvdm.video.decoding.damage import DAMAGE

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator

FORMAT, VERSION = "pvdm-stream", 1
LARGEST_FILE = 256 << 20
MOST_CLIPS = 4096
AGAIN = "export it again"
SHOWN = 8
"""Characters of a digest that messages show."""

logger = logging.getLogger(__name__)


def weights_digest(generator: VideoGenerator) -> str:
    """SHA-256 of a model as it is loaded: its configuration and its weights, with their adapters and precision."""
    config = {name: value for name, value in generator.to_config().items() if name not in ("versions", "data")}
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name, value in sorted(generator.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def replay_json(replay: Replay, generator: VideoGenerator, name: str) -> dict[str, Any]:
    """The content of the file, JSON-able; name: The model, as commands are given it."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "made_with": {package: version(package) for package in ("pvdm", "torch")},
        "model": {"name": name, "sha256": weights_digest(generator), "fps": generator.fps},
        "pictures": {name: _picture_text(picture) for name, picture in replay.pictures.items()},
        "latents": {str(number): _latent_text(latent) for number, latent in replay.latents.items()},
        "clips": [
            {"id": clip.id, "parent": clip.parent, "noise": list(clip.noise), "settings": clip.settings.to_json()}
            for clip in replay.clips
        ],
    }


def read_replay(path: Path, generator: VideoGenerator, name: str) -> Replay:
    """The clips of a file for a model that is loaded under this name.

    InputError unless the file is whole, and was made with the very weights of this model.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise InputError(f"{path} has {size >> 20} MB, and no such file has", AGAIN)
        content = json.loads(path.read_bytes(), parse_constant=_not_finite)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})", "give a JSON file of the studio") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON file", AGAIN) from error
    return _checked(content, generator, name, path)


def replay_video(
    generator: VideoGenerator,
    model: str,
    source: Path,
    output: Path,
    *,
    precision: str = "32",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> int:
    """Makes the clips of a JSON file again as a video file, and returns how many frames it has.

    progress: Called after each clip with (clips done, clips). InputError if the file is damaged or of another model,
    or if the output cannot be written.
    """
    replay, frames = read_replay(source, generator, model), 0
    provenance = generator.provenance and generator.provenance.made_from(replay.pictures)
    told = {"overwrite": overwrite, "provenance": provenance}
    with generator.precision(precision), VideoWriter(output, fps=generator.fps, **told) as writer:
        for done, clip in enumerate(rendered(generator, replay), 1):
            writer.write(clip)
            frames += clip.shape[1]
            if progress is not None:
                progress(done, len(replay.clips))
    return frames


def _checked(content: Any, generator: VideoGenerator, name: str, path: Path) -> Replay:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} holds no clips of a stream", "give a JSON file that the studio has exported")
    if content.get("version") != VERSION:
        raise InputError(f"{path} is of version {str(content.get('version'))[:10]}", "update pvdm, or export it again")
    parts = {"made_with": dict, "model": dict, "pictures": dict, "latents": dict, "clips": list}
    _fields(content, {"format": str, "version": int, **parts}, "the file")
    _check_model(content["model"], generator, name, path)
    _warn_of_versions(content["made_with"])
    pictures = {name: _picture(name, text, generator.size) for name, text in content["pictures"].items()}
    latents = {_number(name): _latent(name, text, generator) for name, text in content["latents"].items()}
    clips = _clips(content["clips"], StreamModel.of(generator, name), pictures)
    replay = Replay(clips, latents, pictures)
    check_parents(replay)
    return replay


def _check_model(given: Mapping[str, Any], generator: VideoGenerator, name: str, path: Path) -> None:
    _fields(given, {"name": str, "sha256": str, "fps": (int, float)}, "the model")
    if not re.fullmatch(r"[0-9a-f]{64}", given["sha256"]):
        raise InputError(f"{path} holds no digest of a model", AGAIN)
    if (own := weights_digest(generator)) != given["sha256"]:
        wanted = f"{given['name'][:80]} of the digest {given['sha256'][:SHOWN]}..."
        problem = f"{path} was made with {wanted}, and the digest of {name} is {own[:SHOWN]}..."
        raise InputError(problem, "give the model that made it, with the same adapters and {precision}")


def _warn_of_versions(given: Mapping[str, Any]) -> None:
    own = {package: version(package) for package in given if package in ("pvdm", "torch")}
    if differing := [f"{package} {str(given[package])[:40]}" for package in own if own[package] != given[package]]:
        logger.warning("made with %s: other versions may round differently", " and ".join(differing))


def _clips(given: Sequence[Any], model: StreamModel, pictures: Mapping[str, Tensor]) -> list[ReplayClip]:
    if not 0 < len(given) <= MOST_CLIPS:
        raise InputError(f"the file has {len(given)} clips", f"give one with 1 to {MOST_CLIPS}")
    clips = [_clip(entry, model, pictures) for entry in given]
    if len({clip.id for clip in clips}) < len(clips):
        raise InputError("two clips of the file have one number", AGAIN)
    return clips


def _clip(given: Any, model: StreamModel, pictures: Mapping[str, Tensor]) -> ReplayClip:
    _fields(given, {"id": int, "parent": (int, type(None)), "noise": list, "settings": dict}, "a clip")
    usual = StreamSettings.usual(model)
    if given["settings"].keys() != usual.to_json().keys():
        raise InputError(f"the settings of clip {given['id']} are not those of this version of pvdm", AGAIN)
    numbers = [given["id"], given["id"] if given["parent"] is None else given["parent"], *given["noise"]]
    if len(numbers) != 5 or not all(type(number) is int and 0 <= number <= MOST_SEED for number in numbers):
        raise InputError(f"a number of clip {str(given['id'])[:20]} is none", AGAIN)
    settings = usual.changed(given["settings"], model, pictures)
    return ReplayClip(given["id"], given["parent"], tuple(given["noise"]), settings)


def _fields(given: Any, kinds: Mapping[str, type | tuple[type, ...]], what: str) -> None:
    """InputError unless this is an object of exactly these fields and types."""
    if not isinstance(given, dict):
        raise InputError(f"{what} is no JSON object", AGAIN)
    if differing := sorted(given.keys() ^ kinds.keys()):
        found = "an unknown field" if differing[0] in given else "no field"
        raise InputError(f"{what} has {found} {differing[0][:40]}", AGAIN)
    for name, kind in kinds.items():
        if not isinstance(given[name], kind) or isinstance(given[name], bool):
            raise InputError(f"the field {name} of {what} is of another type", AGAIN)


def _number(text: str) -> int:
    if not re.fullmatch(r"\d{1,16}", text, re.ASCII):
        raise InputError(f"a latent has the name {text[:40]!r}, which is no number", AGAIN)
    return int(text)


def _latent_text(latent: Tensor) -> str:
    return base64.b64encode(latent.float().contiguous().numpy().astype("<f4").tobytes()).decode()


def _latent(name: str, text: Any, generator: VideoGenerator) -> Tensor:
    """(c, l) float32; InputError for another size, or values that are not finite."""
    shape = generator.denoiser.config.latent_channels, generator.denoiser.shape.positions
    length = 4 * shape[0] * shape[1]
    content = _bytes(text, f"latent {name}", length)
    if len(content) != length or not np.isfinite(values := np.frombuffer(content, "<f4")).all():
        raise InputError(f"latent {name[:20]} is not one of this model", AGAIN)
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def _picture_text(picture: Tensor) -> str:
    file = BytesIO()
    Image.fromarray(picture.movedim(0, -1).contiguous().numpy()).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _picture(name: str, text: Any, size: tuple[int, int]) -> Tensor:
    """(3, h, w) uint8; InputError for another size, or what is no PNG."""
    most = 8 * size[0] * size[1] + 4096
    try:
        with Image.open(BytesIO(_bytes(text, f"picture {name}", most)), formats=("PNG",)) as image:
            if (image.height, image.width, image.mode) != (*size, "RGB"):
                raise InputError(f"picture {name[:20]} is not of the size of this model", AGAIN)
            return torch.from_numpy(np.array(image)).movedim(-1, 0).contiguous()
    except DAMAGE as error:
        raise InputError(f"picture {name[:20]} is damaged", AGAIN) from error


def _bytes(text: Any, what: str, most: int) -> bytes:
    """The bytes of a text in base64, at most so many."""
    try:
        if isinstance(text, str) and len(text) <= 4 * (most // 3 + 2):
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise InputError(f"{what[:40]} is damaged", AGAIN)


def _not_finite(text: str) -> None:
    raise ValueError(text)

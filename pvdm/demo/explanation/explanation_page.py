"""The page of an explained clip, which carries its videos and pictures inside itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from pvdm.autoencoder.triplane import PLANES
from pvdm.demo.explanation.explained_clip import Anatomy, Moment, compression
from pvdm.demo.pictures import enlarged, forth_and_back, save_picture, write_media
from pvdm.files.atomic_write import replacing
from pvdm.files.web_page import data_uri, page_parts, page_templates

HERE = Path(__file__).parent
SIDE = 256
"""Smaller clips are enlarged to about so many pixels."""
FASTEST = 12.5
"""Frames per second of the page's videos, at most: a clip of half a second can hardly be followed."""
PICTURE = 12
"""How many times the pictures of planes are enlarged."""


def write_explanation(
    path: Path,
    anatomy: Anatomy,
    moments: Sequence[Moment],
    *,
    title: str,
    model: str,
    fps: float,
    steps: int | None = None,
    overwrite: bool = False,
) -> None:
    """Writes the page to a file; InputError if it exists without `overwrite`, or cannot be written.

    Args:
        path: Of the page.
        anatomy: The clip that is taken apart.
        moments: Steps of a sampler; none if the model has no denoiser.
        title: What the clip is, such as the name of its file.
        model: The model's name.
        fps: Frames per second of the clip.
        steps: Of the sampler.
        overwrite: Replace an existing file.
    """
    pace = min(fps, FASTEST)
    with TemporaryDirectory() as folder:
        media = Media(Path(folder), pace)
        page = (
            page_templates(HERE)
            .get_template("page.html")
            .render(
                title=title,
                model=model,
                slower=fps / pace,
                steps=steps,
                **_anatomy_values(anatomy, media),
                moments=[_moment_values(moment, media) for moment in moments],
                **page_parts(HERE, scripts=["page.js"]),
            )
        )
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(page, encoding="utf-8")


class Media:
    """Videos and pictures as addresses that hold them, made in a folder."""

    def __init__(self, folder: Path, fps: float) -> None:
        self._folder, self._fps = folder, fps

    def video(self, clip: Tensor) -> str:
        """(3, t, h, w) uint8, forth and back."""
        path = self._folder / "clip.mp4"
        film = enlarged(clip, max(1, round(SIDE / max(clip.shape[-2:]))), smooth=True)
        write_media(path, forth_and_back(film), fps=self._fps)
        return data_uri(path.read_bytes(), "video/mp4")

    def picture(self, picture: Tensor) -> str:
        """(3, h, w) uint8, each pixel a square."""
        path = self._folder / "picture.png"
        save_picture(picture, path, scale=PICTURE)
        return data_uri(path.read_bytes(), "image/png")


def _anatomy_values(anatomy: Anatomy, media: Media) -> dict[str, Any]:
    pixels, numbers = compression(anatomy)
    planes = {}
    for name in PLANES:
        channels, part = getattr(anatomy.planes, name).shape[1], anatomy.parts[name]
        rows, columns = part.picture.shape[1:]
        planes[name] = {
            "size": f"{rows} × {columns}, {channels} channel{'s' * (channels > 1)}",
            "picture": media.picture(part.picture),
            "alone": media.video(part.alone),
            "gain": round(part.gain),
            "without": f"{part.without:.1f} dB",
        }
    return {
        "planes": planes,
        "clip": media.video(anatomy.clip),
        "rebuilt": media.video(anatomy.rebuilt),
        "psnr": f"{anatomy.psnr:.1f} dB",
        "frames": anatomy.clip.shape[1],
        "time": anatomy.planes.tw.shape[2],
        "width": anatomy.planes.tw.shape[3],
        "pixels": f"{pixels:,}",
        "numbers": f"{numbers:,}",
        "share": round(pixels / numbers),
    }


def _moment_values(moment: Moment, media: Media) -> dict[str, Any]:
    return {
        "step": moment.step,
        "noise": _percent(moment.noise),
        "noisy": media.picture(moment.noisy),
        "clip": media.video(moment.clip),
    }


def _percent(share: float) -> str:
    """A share from 0 to 1 in words, whose small differences from both can be seen."""
    digits = 0 if 0.01 <= share <= 0.99 else 1 if 0.001 <= share <= 0.999 else 2
    return f"{100 * share:.{digits}f} %"

"""The demo's page: one file that holds its videos and pictures and says what one sees."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from string import Template

from pvdm.demo.clips import VIDEOS
from pvdm.demo.steps import Demo
from pvdm.output import replacing

TEMPLATE = Path(__file__).with_name("page.html")


def write_page(demo: Demo) -> Path:
    """Writes `index.html` in the demo's folder and returns its path."""
    page = demo.folder / "index.html"
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(_values(demo))
    with replacing(page, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return page


def _values(demo: Demo) -> dict[str, str]:
    folder, settings = demo.folder, demo.settings
    return {
        **{name: str(value) for name, value in vars(settings).items()},
        "psnr": f"{demo.mean_psnr():.1f}",
        "psnr_table": _psnr_table(demo),
        "reconstructions": "".join(_figure(folder / "reconstructions" / f"{name}.mp4", name) for name in VIDEOS),
        "samples_video": _video(folder / "samples.mp4", "clips that the model invented"),
        "samples_sheet": _image(folder / "samples.png", "frames of the invented clips"),
        "long": _video(folder / "long.mp4", "a long invented video"),
        "continued": _video(folder / "continued.mp4", "a real clip and its continuation"),
        "long_sheet": _image(folder / "long.png", "frames of the two long videos"),
        "curves": _image(folder / "curves.png", "loss and PSNR during training"),
        "seconds": _time_table(demo),
        "contact_sheet": _image(folder / "contact_sheet.png", "frames of all of it"),
        "minutes": f"{sum(demo.results['seconds'][stage] for stage in ('autoencoder', 'diffusion')) / 60:.1f}",
        "seconds_of_video": f"{settings.long_frames / settings.fps:.0f}",
    }


def _psnr_table(demo: Demo) -> str:
    """A row for each video: mean PSNR of its training clips and of its held-out ones."""
    rows = (
        f"<tr><td>{escape(name)}</td><td>{_mean(parts['train']):.1f}</td><td>{_mean(parts['val']):.1f}</td></tr>"
        for name, parts in demo.results["psnr"].items()
    )
    return "".join(rows)


def _time_table(demo: Demo) -> str:
    rows = (
        f"<tr><td>{escape(name)}</td><td>{value:.0f} s</td></tr>" for name, value in demo.results["seconds"].items()
    )
    return "".join(rows)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _figure(path: Path, caption: str) -> str:
    return f"<figure>{_video(path, caption)}<figcaption>{escape(caption)}</figcaption></figure>"


def _video(path: Path, label: str) -> str:
    return (
        f'<video autoplay loop muted playsinline controls aria-label="{escape(label)}" '
        f'src="data:video/mp4;base64,{_base64(path)}"></video>'
    )


def _image(path: Path, label: str) -> str:
    return f'<img alt="{escape(label)}" src="data:image/png;base64,{_base64(path)}">'


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()

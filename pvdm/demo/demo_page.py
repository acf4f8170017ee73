"""The demo's page: a single HTML file with all videos and pictures."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from string import Template

from pvdm.demo.stages import ON_SHEET, Demo
from pvdm.files.atomic_write import replacing

BUILT_IN = "three short real videos: a street with cyclists, a person in a car and a piece of animation"
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
    names = [video.name for video in demo.shown]
    return {
        **{name: str(value) for name, value in vars(settings).items()},
        "psnr": f"{demo.mean_psnr():.1f}",
        "psnr_table": _psnr_table(demo),
        "reconstructions": "".join(_figure(folder / "reconstructions" / f"{name}.mp4", name) for name in names),
        "samples_video": _video(folder / "samples.mp4", "generated clips"),
        "samples_sheet": _image(folder / "samples.png", "frames of the generated clips"),
        "long": _video(folder / "long.mp4", "a long generated video"),
        "continued": _video(folder / "continued.mp4", "a real clip and its continuation"),
        "long_sheet": _image(folder / "long.png", "frames of the two long videos"),
        "curves": _image(folder / "curves.png", "loss and PSNR during training"),
        "seconds": _time_table(demo),
        "contact_sheet": _image(folder / "contact_sheet.png", "frames of all videos on this page"),
        "minutes": f"{demo.training_minutes:.1f}",
        "seconds_of_video": f"{settings.long_frames / demo.fps:.0f}",
        "folder": escape(str(folder)),
        **_video_texts(demo),
    }


def _video_texts(demo: Demo) -> dict[str, str]:
    """The texts that depend on the training videos."""
    videos, shown = demo.videos, len(demo.shown)
    trained = sum(video.trained for video in videos)
    whole = [video for video in videos if not video.trained]
    is_own = demo.settings.data is not None
    count = "1 video" if len(videos) == 1 else f"{len(videos)} videos"
    data = f"{count} from the folder {Path(demo.settings.data).name}" if is_own else ""
    left_out = f"<p>Not used: {escape('; '.join(demo.results['left_out']))}.</p>"
    return {
        "title": f"pvdm: a demo on {escape(Path(demo.settings.data).name)}" if is_own else "pvdm: a demo",
        "origin": escape(data) if is_own else BUILT_IN,
        "seen": f"{trained} frames" if is_own else f"about {round(trained, -2)} frames",
        "left_out": left_out if demo.results["left_out"] else "",
        "shown": f"the clips of {shown} of these videos" if shown < len(videos) else "all clips of these videos",
        "held_out": "Some videos were held out from training"
        if whole
        else "The end of each video was held out from training if the video is long enough",
        "pairs": "one pair of rows" if min(shown, ON_SHEET) == 1 else f"{min(shown, ON_SHEET)} pairs of rows",
    }


def _psnr_table(demo: Demo) -> str:
    """A row per video: the mean PSNR of its training clips and of its held-out clips."""
    rows = (
        f"<tr><td>{escape(name)}</td><td>{_mean(parts.get('train'))}</td><td>{_mean(parts.get('val'))}</td></tr>"
        for name, parts in demo.results["psnr"].items()
    )
    return "".join(rows)


def _time_table(demo: Demo) -> str:
    rows = (
        f"<tr><td>{escape(name)}</td><td>{value:.0f} s</td></tr>" for name, value in demo.results["seconds"].items()
    )
    return "".join(rows)


def _mean(values: list[float] | None) -> str:
    return f"{sum(values) / len(values):.1f}" if values else "–"


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

"""The demo's page: `index.html`, its media beside it, and `update.js`, from which an open page gets its newer parts."""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from pvdm.demo.demo_folder import Demo
from pvdm.demo.packaged_model.packaged_samples import MOMENTS
from pvdm.demo.page_figures import figure_rows, mean_psnr
from pvdm.demo.stages import STEPS
from pvdm.files.atomic_write import replacing
from pvdm.generation.packaged_models import packaged_models

BUILT_IN = "three short real videos: a street with cyclists, a person in a car, and a piece of animation"
HERE = Path(__file__).parent
SECONDS_OF_VIDEO = 20
"""Length of the long video that the page suggests."""


def write_page(demo: Demo) -> Path:
    """Writes the page as far as the demo has come, in the demo's folder; returns the path of `index.html`."""
    values = page_values(demo)
    template = _template()
    parts = {name: "".join(block(template.new_context(values))) for name, block in template.blocks.items()}
    stamps = {name: sha256(html.encode()).hexdigest()[:12] for name, html in parts.items()}
    update = {name: {"stamp": stamps[name], "html": html} for name, html in parts.items()}
    _write(demo.page, template.render(**values, stamps=stamps))
    # Written last, so that an open page asks for media that are there.
    _write(demo.folder / "update.js", f"pvdmUpdate({json.dumps({'title': values['title'], 'parts': update})});\n")
    return demo.page


def page_values(demo: Demo) -> dict[str, Any]:
    """What the template is filled with."""
    results, settings = demo.results, demo.settings
    fps = results.get("fps", settings.fps)
    return {
        "style": (HERE / "page.css").read_text(encoding="utf-8"),
        "script": (HERE / "page.js").read_text(encoding="utf-8"),
        "title": f"pvdm: a demo on {Path(settings.data).name}" if settings.data else "pvdm: a demo",
        "running": results.get("running", {}).get("name"),
        "steps": _steps(demo),
        "step_of": {
            step.name: {"name": step.name, "title": step.title, "words": _words(step.seconds)} for step in STEPS
        },
        "total": _words(sum(results.get("seconds", {}).values())),
        "folder": str(demo.folder),
        "twenty": round(SECONDS_OF_VIDEO * fps),
        "start": settings.start,
        "packaged_name": settings.shown,
        "sampling_steps": settings.sampling_steps,
        "moments": [_moment(part, settings.sampling_steps) for part in MOMENTS],
        "sample_count": settings.samples,
        "long_frames": settings.long_frames,
        "packaged": _packaged(results.get("packaged")),
        "directed": results.get("directed"),
        "credit": _credit(results.get("packaged")),
        "frames": results.get("planes", {}).get("frames"),
        "planes": _planes(results.get("planes")),
        "psnr": _psnr(results),
        "nearest": _nearest(results.get("nearest")),
        "films": _films(demo),
        "figures": figure_rows(results),
        **_real_videos(demo),
    }


def _steps(demo: Demo) -> list[dict[str, Any]]:
    """Every step with its state (done, now or later) and times in words."""
    running, took = demo.results.get("running", {}), demo.results.get("seconds", {})
    return [
        {
            "title": step.title,
            "state": "now" if step.name == running.get("name") else "done" if step.name in took else "later",
            "since": running.get("since"),
            "took": _words(took.get(step.name, 0)),
            "words": _words(step.seconds),
        }
        for step in STEPS
    ]


def _words(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.1f} minutes".replace(".0 ", " ")


def _moment(part: float, steps: int) -> str:
    done = min(steps - 1, round(part * steps)) if part < 1 else steps
    return "noise" if done == 0 else f"step {done}"


def _packaged(found: dict[str, Any] | None) -> dict[str, Any] | None:
    return found and {**found, "megabytes": f"{found['bytes'] / 1e6:.1f}"}


def _credit(found: dict[str, Any] | None) -> str:
    """What the packaged model was trained on, and its license."""
    if not found:
        return ""
    model = packaged_models().get(found["model"])
    card = (found["data"] or {}).get("card") or {}
    data, terms = (model.data, model.license) if model else (card.get("source"), card.get("license"))
    said = [f"{what}: {text}" for what, text in (("training data", data), ("license of the weights", terms)) if text]
    return f"{found['model']}; {'; '.join(said)}. Its card names all sources." if said else ""


def _planes(found: dict[str, Any] | None) -> dict[str, Any] | None:
    if not found:
        return None
    sizes = {
        name: f"{size[1]} × {size[2]}, {size[0]} channel{'s' * (size[0] > 1)}" for name, size in found["sizes"].items()
    }
    (_, time, width), ratio = found["sizes"]["tw"], round(found["pixels"] / found["values"])
    return {
        **sizes,
        "time": time,
        "width": width,
        "pixels": f"{found['pixels']:,}",
        "numbers": f"{found['values']:,}",
        "ratio": ratio,
    }


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _psnr(results: dict[str, Any]) -> list[dict[str, str]]:
    """The rows of the table of fidelity."""
    if "psnr" not in results:
        return []
    names = {"train": "frames it trained on", "val": "frames it has never seen"}
    return [
        {"name": names[part], "before": f"{before:.1f} dB", "after": f"{mean_psnr(results['psnr'], part):.1f} dB"}
        for part, before in results["psnr_before"].items()
    ]


def _nearest(found: dict[str, Any] | None) -> dict[str, str] | None:
    if not found:
        return None
    count = len(found["scenes"])
    near = round((found["recognized"] or 0) * count)
    sentence = f"{near} of {count} clips clearly show one of these scenes."
    return {"sentence": "these clips are variations of it." if found["recognized"] is None else sentence}


def _films(demo: Demo) -> list[dict[str, Any]]:
    """The long videos with what is drawn below each."""
    long = demo.results.get("long", {})
    captions = {
        "long": "All generated, from noise",
        "continued": "The shaded clip is real and was held out from training; the rest is invented",
    }
    return [
        {
            "name": name,
            "label": captions[name],
            "caption": captions[name],
            "frames": len(found["differences"]) + 1,
            "real": found["clip"] if name == "continued" else 0,
            "borders": list(range(found["clip"], len(found["differences"]) + 1, found["clip"])),
            "curve": _curve(found["differences"]),
            "alt": f"Differences of consecutive frames; at borders of clips {found['seams']:.2f} times those within",
        }
        for name, found in long.items()
    ]


def _curve(values: list[float]) -> str:
    """An SVG path over the differences of frames, from the bottom (0) to nearly the top of 40 units."""
    highest = max([*values, 1e-6])
    points = (f"{place + 1} {39 - 36 * value / highest:.1f}" for place, value in enumerate(values))
    return f"M{' L'.join(points)}"


def _real_videos(demo: Demo) -> dict[str, Any]:
    """The texts about the training videos."""
    results, is_own = demo.results, demo.settings.data is not None
    videos = demo.videos if "videos" in results else []
    count = "1 video" if len(videos) == 1 else f"{len(videos)} videos"
    trained = sum(video.trained for video in videos)
    minutes = sum(results.get("trained", {}).values()) / 60
    return {
        "origin": f"{count} from the folder {Path(demo.settings.data).name}" if is_own else BUILT_IN,
        "seen": f"{trained} frames, {trained / demo.fps:.0f} seconds altogether" if videos else "a few seconds",
        "learned": f"Trained for {_words(60 * minutes)} on this computer"
        if "diffusion" in results.get("trained", {})
        else "What this computer is learning now",
        "left_out": "; ".join(results.get("left_out", [])),
        "shown": [video.name for video in demo.shown] if videos else [],
        "scene_count": "one scene" if len(videos) == 1 else f"{len(videos)} scenes",
    }


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    macros = environment.get_template("page_macros.html").module  # global, because blocks are rendered one by one, too
    environment.globals |= {"video": macros.video, "waiting": macros.waiting}
    return environment.get_template("page.html")


def _write(path: Path, text: str) -> None:
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")

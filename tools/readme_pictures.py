"""Makes the README's pictures: docs/samples.gif and docs/method.jpg by the packaged model, docs/demo.jpg of a demo.

    pvdm demo --output demo && python tools/readme_pictures.py demo

It needs a browser, and Playwright (pvdm[test]).
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from pvdm import VideoGenerator
from pvdm.cli import main as run_command
from pvdm.demo.demo_settings import DemoSettings
from pvdm.demo.packaged_model.packaged_samples import stage_clips
from pvdm.demo.pictures import enlarged, tiled
from pvdm.diffusion import SamplerConfig
from pvdm.files.atomic_write import replacing
from pvdm.video import write_video

DOCS = Path(__file__).parents[1] / "docs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH = 1280
"""Of a page in a picture, in pixels."""
DEMO = "header", "#method"
"""The first and last part of the demo's page that are in its picture."""
HIDDEN = ".pause, [data-part=progress] { display: none; }"
"""The style without what is of no use in the demo's picture."""
METHOD = "#planes .panel", "#noise .moments"
METHOD_STYLE = """
    header, h2, .lead, .callout, #alone { display: none; }
    .moments { grid-template-columns: repeat(8, minmax(0, 1fr)); } .moments li img { width: 60%; margin-inline: auto; }
    section { margin-top: 1rem; } .faces { width: 78%; margin: auto; } .psnr { display: none; }
    .moments .figure { flex-direction: column; gap: 0; }
"""
"""The explanation of a clip as one picture: the planes, and below them noise on its way to a clip."""
BELOW = 12
"""Pixels below the last part."""
PROMPT = "a green orc with red hair, wearing chain mail and white trousers, walking, facing left"
COLUMNS, TIMES = 6, 2
"""Of samples, in two rows; and how many times they are enlarged."""
SETTLING = 2000
"""Milliseconds in which the videos of the page load."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demo", type=Path, nargs="?", help="folder of a finished demo; without it, no picture of one")
    parser.add_argument("--model", default="pvdm/sprites-64", help="the packaged model")
    parser.add_argument("--output", type=Path, default=DOCS, help="folder of the pictures")
    options = parser.parse_args()
    write_samples(options.model, options.output / "samples.gif")
    with TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        run_command(["explain", "--model", options.model, "--prompt", PROMPT, "--output", str(page)])
        photograph(page, options.output / "method.jpg", METHOD, METHOD_STYLE)
    if options.demo is not None:
        photograph(options.demo / "index.html", options.output / "demo.jpg", DEMO, HIDDEN)


def write_samples(model: str, path: Path) -> None:
    """Writes a looping GIF of new clips."""
    generator = VideoGenerator.from_pretrained(model)
    settings = DemoSettings()
    sampler = SamplerConfig(steps=settings.sampling_steps, label_guidance=settings.guidance)
    _, videos = stage_clips(generator, sampler)
    film = enlarged(tiled(videos[: 2 * COLUMNS], COLUMNS), TIMES, smooth=False)
    write_video(path, film, fps=generator.fps, overwrite=True)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def photograph(page: Path, path: Path, parts: tuple[str, str], style: str) -> None:
    """Saves a page from the first to the last of two parts, with an additional style, as a JPEG picture."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--headless", "--no-sandbox"])
        tab = chromium.new_page(viewport={"width": WIDTH, "height": WIDTH}, color_scheme="light")
        tab.goto(page.resolve().as_uri())
        tab.add_style_tag(content=style)
        tab.wait_for_timeout(SETTLING)
        picture = Image.open(io.BytesIO(tab.screenshot(full_page=True, clip=_region(tab, parts))))
        chromium.close()
    with replacing(path, overwrite=True) as temporary:
        picture.convert("RGB").save(temporary, quality=88, optimize=True)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def _region(tab: Page, parts: tuple[str, str]) -> dict[str, float]:
    """The rectangle from the top of the first part to the bottom of the last one."""
    first, last = (tab.locator(name).bounding_box() for name in parts)
    return {"x": 0, "y": first["y"], "width": WIDTH, "height": last["y"] + last["height"] - first["y"] + BELOW}


if __name__ == "__main__":
    main()

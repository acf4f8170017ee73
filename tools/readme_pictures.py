"""Makes the README's pictures: docs/samples.gif by the packaged model, and docs/demo.jpg from a finished demo's page.

    pvdm demo --output demo && python tools/readme_pictures.py demo

It needs a browser, and Playwright (pvdm[test]).
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from pvdm import VideoGenerator
from pvdm.demo.demo_settings import DemoSettings
from pvdm.demo.packaged_model.packaged_samples import stage_clips
from pvdm.demo.pictures import enlarged, tiled
from pvdm.diffusion import SamplerConfig
from pvdm.files.atomic_write import replacing
from pvdm.video import write_video

DOCS = Path(__file__).parents[1] / "docs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, SECTIONS = 1280, ("header", "#method")
"""Of the page in the picture, in pixels; and the first and last of its parts."""
HIDDEN = ".pause, [data-part=progress]"
"""What is of no use in a picture."""
COLUMNS, TIMES = 6, 2
"""Of samples, in two rows; and how many times they are enlarged."""
SETTLING = 2000
"""Milliseconds in which the videos of the page load."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demo", type=Path, help="folder of a finished demo")
    parser.add_argument("--model", default="pvdm/sprites-64", help="the packaged model")
    parser.add_argument("--output", type=Path, default=DOCS, help="folder of the pictures")
    options = parser.parse_args()
    write_samples(options.model, options.output / "samples.gif")
    photograph(options.demo / "index.html", options.output / "demo.jpg")


def write_samples(model: str, path: Path) -> None:
    """Writes a looping GIF of new clips."""
    generator = VideoGenerator.from_pretrained(model)
    _, videos = stage_clips(generator, SamplerConfig(label_guidance=DemoSettings.guidance))
    film = enlarged(tiled(videos[: 2 * COLUMNS], COLUMNS), TIMES, smooth=False)
    write_video(path, film, fps=generator.fps, overwrite=True)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def photograph(page: Path, path: Path) -> None:
    """Saves the page from its first section to the method as a JPEG picture."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--headless", "--no-sandbox"])
        tab = chromium.new_page(viewport={"width": WIDTH, "height": WIDTH}, color_scheme="light")
        tab.goto(page.resolve().as_uri())
        tab.add_style_tag(content=f"{HIDDEN} {{ display: none; }}")
        tab.wait_for_timeout(SETTLING)
        picture = Image.open(io.BytesIO(tab.screenshot(full_page=True, clip=_region(tab))))
        chromium.close()
    with replacing(path, overwrite=True) as temporary:
        picture.convert("RGB").save(temporary, quality=88, optimize=True)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def _region(tab: Page) -> dict[str, float]:
    """The rectangle from the top of the first part to the bottom of the last one."""
    first, last = (tab.locator(name).bounding_box() for name in SECTIONS)
    return {"x": 0, "y": first["y"], "width": WIDTH, "height": last["y"] + last["height"] - first["y"]}


if __name__ == "__main__":
    main()

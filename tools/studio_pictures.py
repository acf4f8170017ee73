"""Makes the pictures of docs/studio.md from a running studio: a stream of the packaged model with two branches.

    pvdm studio & python tools/studio_pictures.py

It needs a browser, and Playwright (pvdm[test]).
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from pvdm.files.atomic_write import replacing

DOCS = Path(__file__).parents[1] / "docs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]
FIRST = "a green orc with red hair, wearing chain mail and white trousers, walking, facing left"
SECOND = "a dark skinned character with purple hair, wearing a teal shirt and brown skirt, walking, facing left"
PATIENCE = 120_000
TYPING = 1000
"""Milliseconds after which a prompt has been sent."""
PICTURES = {
    "studio": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    "studio_phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "device_scale_factor": 1.5},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", nargs="?", default="http://127.0.0.1:7860/", help="of the studio")
    parser.add_argument("--output", type=Path, default=DOCS, help="folder of the pictures")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, BROWSERS)), None)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for name, screen in PICTURES.items():
            photograph(browser, options.address, options.output / f"{name}.jpg", screen)
        browser.close()


def photograph(browser: Browser, address: str, path: Path, screen: dict) -> None:
    """Plays, branches at the second clip, and saves what the screen shows."""
    context = browser.new_context(reduced_motion="reduce", **screen)  # or it would play before the prompt is there
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    tab.goto(address)
    tab.locator("#start").wait_for()
    _ask(tab, FIRST)
    tab.locator("#play").click()
    tab.locator(".cell").nth(4).wait_for()
    tab.locator(".cell").nth(1).click()
    _ask(tab, SECOND)
    tab.keyboard.press("b")
    tab.locator(".cell").nth(8).wait_for()
    tab.keyboard.press("Escape")
    tab.evaluate("scrollTo(0, 0)")
    tab.wait_for_timeout(TYPING)
    picture = Image.open(io.BytesIO(tab.screenshot()))
    context.close()
    with replacing(path, overwrite=True) as temporary:
        picture.convert("RGB").save(temporary, quality=84, optimize=True)
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def _ask(tab: Page, prompt: str) -> None:
    tab.locator("#prompt").fill(prompt)
    tab.wait_for_timeout(TYPING)
    tab.evaluate("document.activeElement.blur()")


if __name__ == "__main__":
    main()

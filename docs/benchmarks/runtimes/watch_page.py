"""A page of `pvdm export --format web` in Chromium, from a static server on this machine: what it makes a second.

python docs/benchmarks/runtimes/watch_page.py site [--webgpu] [--pictures FOLDER] [--patience SECONDS]

It fails if the page asks another host for anything, or says anything on its console. `--webgpu` is without a GPU:
SwiftShader computes it on the processor, which shows that it runs and not how fast.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

FLAGS = ["--headless", "--no-sandbox", "--disable-background-networking", "--no-first-run"]
WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
CLIPS = 6
"""Clips whose median is the result."""


class Server(SimpleHTTPRequestHandler):
    """A static server that knows modules, and says nothing."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript", ".wasm": "application/wasm"}

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path)
    parser.add_argument("--webgpu", action="store_true")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--patience", type=float, default=300)
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=str(options.site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        flags = [*FLAGS, *(WEBGPU if options.webgpu else ["--disable-gpu"])]
        tab = playwright.chromium.launch(executable_path=path, args=flags).new_page()
        complaints: list[str] = []
        tab.on("request", lambda request: complaints.append(request.url))
        tab.on("console", lambda message: complaints.append(message.text))
        tab.goto(address)
        sys.stdout.write(json.dumps(watched(tab, options.patience, options.pictures), indent=1) + "\n")
    assert [said for said in complaints if not said.startswith((address, "data:", "blob:"))] == []


def watched(tab: Page, patience: float, pictures: Path | None) -> dict[str, Any]:
    """Seconds until the first clip, and frames a second that are made, for each number of steps."""
    start, found = time.monotonic(), {}
    tab.get_by_role("button", name="Start").click()
    next_rate(tab, patience)
    first = round(time.monotonic() - start, 1)
    if pictures:
        next_rate(tab, patience)
        take_pictures(tab, pictures)
    for steps in tab.locator("#steps option").all_text_contents():
        tab.get_by_label("Steps a clip").select_option(steps)
        rates = [next_rate(tab, patience) for _ in range(CLIPS + 2)][2:]  # two were asked for before
        found[steps] = sorted(rates)[CLIPS // 2]
    return {"backend": tab.locator("#backend").text_content(), "first clip, s": first, "frames a second": found}


def next_rate(tab: Page, patience: float) -> float:
    """Frames a second of the next clip; the page's policy does not let us wait inside it."""
    tab.evaluate("document.getElementById('made').textContent = ''")
    end = time.monotonic() + patience
    while not (text := tab.locator("#made").text_content()):
        assert time.monotonic() < end, tab.locator("#status").text_content()
        time.sleep(0.02)
    return float(text)


def take_pictures(tab: Page, folder: Path) -> None:
    """The page on a screen in light colors, and on a phone in dark ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, scheme, size in (("screen", "light", (1280, 860)), ("phone", "dark", (390, 844))):
        tab.emulate_media(color_scheme=scheme)
        tab.set_viewport_size({"width": size[0], "height": size[1]})
        tab.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    main()

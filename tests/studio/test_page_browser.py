"""The studio's page in a browser, from the real server with a model that draws: it plays, pauses, steers, branches."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch
import uvicorn

from pvdm.conditions.text import TextConfig
from pvdm.data.layouts.captions import words_of
from pvdm.studio.access import Access
from pvdm.studio.app import Studio, studio_app
from pvdm.studio.stream_model import StreamModel
from pvdm.studio.streams.clip_batch import ClipRequest, MadeClip
from pvdm.studio.streams.clip_engine import ClipEngine

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
PATIENCE = 30_000
"""Milliseconds to wait for anything, on a machine that has other work."""
FRAMES, SIZE = 8, 32
COLORS = {"red": (220, 40, 40), "green": (40, 180, 70), "blue": (40, 80, 220)}
GRAY = (128, 128, 128)
MODEL = StreamModel(
    name="drawn",
    frames=FRAMES,
    fps=20,
    width=SIZE,
    height=SIZE,
    text=TextConfig(encoder="words", words=("a", "ball", *COLORS), tokens=4),
    takes=("context", "text", "hint"),
    steps=(2, 4),
)
LOOK = """const look = () => {
  const canvas = document.querySelector("#canvas");
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  return [...copy.getImageData(0, 0, canvas.width, canvas.height).data];
};"""
PAUSE = """async () => { // pauses, and says how long that took and how many frames were drawn later
  %s
  const began = performance.now();
  document.querySelector("#play").click();
  const milliseconds = performance.now() - began, frozen = look().join();
  let later = 0;
  for (let i = 0; i < 25; i++) {
    await new Promise(requestAnimationFrame);
    later += look().join() !== frozen;
  }
  return { milliseconds, later };
}"""

HIDE = """(hidden) => { // as another tab over this one does
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""

TREE = """async () => { // of 300 clips that continue random ones, or none
  const { ClipTree } = await import("/page/clip_tree.js");
  const tree = new ClipTree();
  let state = 7;
  const random = (most) => (state = (state * 48271) % 2147483647) % most;
  for (let id = 1; id <= 300; id++) tree.add({ id, parent: id > 1 && random(9) ? 1 + random(id - 1) : null }, id - 1);
  const clips = tree.all(), places = tree.places();
  const cells = new Set([...places.values()].map(({ lane, column }) => `${lane},${column}`)).size;
  const columns = clips.every(({ id, before }) => places.get(id).column === (places.get(before)?.column ?? -1) + 1);
  const ways = clips.every(({ id }) => tree.back(id).length === places.get(id).column + 1 && tree.on(id)[0] === id);
  tree.delete(2);
  const left = tree.all().every(({ before }) => before === null || tree.has(before));
  tree.keepOnly(new Set(tree.all().map(({ id }) => id).filter((id) => id % 2)));
  const odd = tree.all().every(({ id, before }) => id % 2 && (before === null || tree.has(before)));
  return { cells, columns, ways, left, odd };
}"""


class DrawnModel:
    """What the engine needs of a generator: a latent is a color, and a white bar at the bottom tells the frame."""

    device = "cpu"

    def precision(self, name: str) -> Any:
        return nullcontext()

    def decode_latent(self, latents: torch.Tensor) -> torch.Tensor:
        videos = latents.view(-1, 3, 1, 1, 1).to(torch.uint8).repeat(1, 1, FRAMES, SIZE, SIZE)
        for frame in range(FRAMES):
            videos[:, :, frame, -SIZE // 4 :, : (frame + 1) * SIZE // FRAMES] = 255
        return videos


def draw_clips(model: DrawnModel, requests: Sequence[ClipRequest]) -> list[MadeClip]:
    made = []
    for request in requests:
        words = words_of(request.settings.prompt or "")
        latent = torch.tensor(next((COLORS[word] for word in words if word in COLORS), GRAY), dtype=torch.float32)
        made.append(MadeClip(request, latent[:, None], model.decode_latent(latent)[0], 0.0, 0.01, len(requests)))
    return made


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(MODEL) as url:
        yield url


@contextmanager
def served(model: StreamModel) -> Iterator[str]:
    studio = Studio(model, ClipEngine(DrawnModel(), make=draw_clips), access=Access.of("127.0.0.1"))
    server = uvicorn.Server(uvicorn.Config(studio_app(studio), log_level="error", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def opened(browser, address: str, width: int = 1440, *, deaf_to: str = "", script: str = "", **options):
    """The page; in the end nothing outside must have been asked for, and the console be silent.

    deaf_to: Type of messages that never reach the server. script: What runs before those of the page.
    """
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    context.set_default_timeout(PATIENCE)
    tab, asked, said = context.new_page(), [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.add_init_script(script)
    if deaf_to:
        tab.route_web_socket("**/stream", lambda page: _censor(page, page.connect_to_server(), deaf_to))
    tab.goto(address)
    tab.locator("body[data-state]").wait_for()
    yield tab
    context.close()
    assert not said and all(url.startswith((address, "data:", "blob:")) for url in asked)


def _censor(page, server, deaf_to: str) -> None:
    page.on_message(lambda text: None if f'"type":"{deaf_to}"' in text else server.send(text))


def clips(tab, count: int) -> None:
    """Waits for a clip to be the newest of the timeline."""
    tab.locator(".cell").nth(count - 1).wait_for()


def color(tab) -> str:
    """The color on the stage."""
    found = tab.evaluate(f"() => {{ {LOOK} return look().slice(0, 3); }}")
    known = {**COLORS, "gray": GRAY}
    near = {name: sum(abs(a - b) for a, b in zip(rgb, found, strict=True)) for name, rgb in known.items()}
    return min(near, key=near.get)


def shows(tab, wanted: str) -> None:
    until = time.monotonic() + PATIENCE / 1000
    while color(tab) != wanted:
        assert time.monotonic() < until, f"the stage never became {wanted}"
        time.sleep(0.05)


@pytest.mark.parametrize("codec", ["h264", "jpeg"])
def test_pause_freezes_at_once_even_if_the_server_hears_nothing(browser, address, codec):
    script = "delete window.VideoDecoder" if codec == "jpeg" else ""
    with opened(browser, address, 390, deaf_to="pause", script=script) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
        clips(tab, 2)  # it plays by itself
        tab.locator("#buffer-frames", has_text=re.compile("[1-9]")).wait_for()
        assert color(tab) == "gray"
        paused = tab.evaluate(PAUSE % LOOK)
        assert paused["milliseconds"] < 50 and paused["later"] == 0
        tab.get_by_role("button", name="Play", exact=True).wait_for()


def test_steering_acts_at_the_next_clip_and_branches_part(browser, address):
    with opened(browser, address) as tab:
        stage, cells, prompt = tab.locator("#scrub"), tab.locator(".cell"), tab.locator("#prompt")
        clips(tab, 1)
        for hidden, state in ((True, "paused"), (False, "playing")):
            tab.evaluate(HIDE, hidden)
            tab.locator(f"body[data-state={state}]").wait_for()
        tab.get_by_role("button", name="red", exact=True).click()
        shows(tab, "red")
        assert "red" in cells.last.get_attribute("aria-label") and tab.locator("#latency").text_content() != "–"
        cells.first.click()  # scrubs back, which pauses
        tab.get_by_role("button", name="Play", exact=True).wait_for()
        shows(tab, "gray")
        stage.press("ArrowRight")
        tab.locator(f"#scrub[aria-valuetext='clip 1, frame 2 of {FRAMES}']").wait_for()
        prompt.fill("a dragon")
        assert tab.locator("#prompt-hint").text_content() == "The model does not know: dragon"
        prompt.fill("blue")
        tab.wait_for_timeout(500)  # the prompt is sent when typing has ended
        prompt.press("Enter")
        tab.keyboard.press("b")
        shows(tab, "blue")
        places = {cell.evaluate("cell => cell.style.transform.split(', ')[1]") for cell in cells.all()}
        assert len(places) == 2, "a branch is a lane"
        tab.keyboard.press(" ")
        tab.get_by_role("button", name="Compare").click()
        assert tab.locator("#compare canvas").count() == 2
        tab.keyboard.press("Escape")
        tab.keyboard.press("l")
        tab.locator("#loop[aria-pressed=true]").wait_for()
        tab.keyboard.press("n")
        tab.locator(".cell[aria-label*='a new scene']").nth(1).wait_for()
        tab.keyboard.press(" ")
        known = cells.count()
        tab.reload()
        clips(tab, known)  # the timeline is kept
        cells.first.click()
        shows(tab, "gray")  # whose frames come once more
        tab.get_by_role("button", name="Delete").click()
        tab.locator(".cell[data-clip='1']").wait_for(state="detached")


def test_a_newcomer_sees_an_example_of_a_prompt_and_may_ask_for_another(browser):
    examples = {f"a {name}-ball": name for name in ("red", "blue")}
    model = replace(MODEL, text=replace(MODEL.text, examples=tuple(examples)))
    with served(model) as address, opened(browser, address) as tab:
        clips(tab, 1)
        first = tab.locator("#prompt").input_value()
        shows(tab, examples[first])
        assert not tab.locator("#prompt-hint").text_content()
        assert first in tab.locator(".cell").first.get_attribute("aria-label")
        tab.get_by_role("button", name="An example of a prompt").click()
        second = tab.locator("#prompt").input_value()
        assert {first, second} == set(examples)
        shows(tab, examples[second])


def test_only_what_the_model_takes_is_offered_and_no_two_clips_have_one_place(browser, address):
    with opened(browser, address, color_scheme="dark", reduced_motion="reduce") as tab:
        tab.locator("#start").wait_for()  # nothing moves by itself
        assert tab.get_by_role("group", name="Steps").get_by_role("radio").count() == 2
        assert not tab.get_by_role("group", name="Class").count()
        tab.get_by_role("tab", name="Views").click()
        tab.get_by_text("This model knows no camera").wait_for()
        tab.keyboard.press("Home")
        tab.locator("#panel-stream").wait_for()
        tab.keyboard.press("?")
        tab.locator("#help[open]").wait_for()
        found = tab.evaluate(TREE)
    assert found.pop("cells") == 300 and all(found.values()), found

"""The static page: its files, what it refuses, and how it plays, with a small stand-in for onnxruntime-web."""

import json
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from browsing import PATIENCE, opened
from generation.small_models import small_generator
from generation.told_models import all_told

from pvdm.conditions.text import TextConfig
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.generation.runtimes import web_export
from pvdm.generation.runtimes.step_plan import step_plan
from pvdm.generation.runtimes.web_export import RUNTIME_FILES, describe, export_web
from pvdm.video import to_uint8
from pvdm.video.clip_borders import faded

STAND_IN = """
export const env = { wasm: {} };
export class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
let feeds = {};
const runs = {
  denoise: (given) => ({ output: { data: (feeds = given).z.data.map((value) => 0.1 * value) } }),
  guide: (given) => ({ output: { data: given.z.data.map((value) => ((feeds.isGuided = 1), 0.1 * value)) } }),
  decode: () => {
    const told = Number(feeds.label.data[0]) + 2 * feeds.context_mask.data[0] + 4 * feeds.text_mask.data[1];
    return { video: { data: new Float32Array(3 * 4 * 16 * 16).fill((told + 8 * (feeds.isGuided ?? 0)) / 8 - 1) } };
  },
};
export const InferenceSession = {
  create: async (bytes) => ({ run: async (given) => runs[new TextDecoder().decode(bytes)](given) }),
};
"""
"""Gray levels tell whether the network was given class 1, a context, and a second word, and its early weights ran."""


class Quiet(SimpleHTTPRequestHandler):
    """A static server that knows modules, and says nothing."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript", ".wasm": "application/wasm"}

    def log_message(self, *arguments):
        pass


class Site:
    """A folder, and its address while it is served; `opened` takes it as a page."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address

    def as_uri(self) -> str:
        return self.address


@pytest.fixture(scope="module")
def told():
    """A model that takes every part of a condition."""
    return all_told(searched_times=((199, 60),), autoguidance=0.5)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """The package's `dist`, of which one file is the stand-in."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "dist").mkdir()
    for name in RUNTIME_FILES:
        (folder / "dist" / name).write_text(STAND_IN if name == "ort.wasm.min.mjs" else "", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def site(told, runtime, tmp_path_factory):
    """A site whose graphs are their names."""

    def written(model, folder, quantize):
        for name in web_export.GRAPHS:
            (folder / f"{name}.onnx").write_text(name, encoding="utf-8")
        return {name: {"file": f"{name}.onnx", "bytes": len(name)} for name in web_export.GRAPHS}

    folder = tmp_path_factory.mktemp("web") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(web_export, "_write_graphs", written)
        export_web(told, folder, name="pvdm/balls", runtime_dir=runtime, prompts=["red ball"])
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Site(folder, f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()


def test_the_site_holds_all_it_needs(site):
    names = {path.relative_to(site.folder).as_posix() for path in site.folder.rglob("*") if path.is_file()}
    assert {f"runtime/{name}" for name in RUNTIME_FILES} <= names
    assert {"index.html", "web_page.css", "denoise.onnx", "decode.onnx", "vectors.bin"} <= names
    for name in names - {"vectors.bin"}:
        assert "http://" not in (site.folder / name).read_text(encoding="utf-8").replace("http://www.w3.org/", "")


def test_the_description_is_what_the_model_does(site, told):
    stored = json.loads((site.folder / "model.json").read_text(encoding="utf-8"))
    assert [name for name, *_ in stored["inputs"]][:3] == ["z", "t", "context"]
    assert stored["classes"] == ["roll", "rest"] and stored["clip"]["fps"] == 10
    assert set(stored["plans"]) == {"2", "20"} and stored["steps"] == 2
    assert [step["time"] for step in stored["plans"]["2"]["steps"]] == [199, 60]
    vectors = np.fromfile(site.folder / "vectors.bin", np.float32).reshape(-1, 128)
    states, _ = told.text_encoder(["red"])
    np.testing.assert_array_equal(vectors[stored["text"]["entries"].index("red")], states[0, 0])


def shows(tab, level):
    """Waits until the video is of this gray; the page's policy does not let a test wait inside it."""
    end = time.monotonic() + PATIENCE / 1000
    while tab.evaluate(PIXEL) != level:
        assert time.monotonic() < end, tab.evaluate(PIXEL)
        time.sleep(0.02)


PIXEL = "() => document.querySelector('canvas').getContext('2d').getImageData(8, 8, 1, 1).data[0]"


def test_the_page_plays_without_end_and_does_what_it_is_told(browser, site):
    reading = "warning: Canvas2D: Multiple readback operations"  # by this test
    with opened(browser, site, width=390, own=[reading]) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        assert tab.get_by_role("heading", name="Endless balls").is_visible()
        tab.get_by_label("Class").select_option("rest")
        tab.get_by_role("button", name="Start").click()
        level = 127.5 * (1 + 2 + 4 + 8) / 8
        shows(tab, round(level))  # a class, a context, two words and early weights
        assert float(tab.locator("#made").text_content()) > 0
        assert tab.locator("#backend").text_content() == "WebAssembly"
        prompt = tab.get_by_role("textbox", name="What is to be seen")
        prompt.fill("red dragon")
        tab.get_by_text("It does not know: dragon").wait_for()
        tab.get_by_role("button", name="red ball").click()
        assert tab.locator("#prompt-hint").text_content() == ""
        prompt.fill("Red!")
        shows(tab, round(127.5 * (3 + 8) / 8))
        tab.get_by_role("button", name="Pause").click()
        assert tab.get_by_role("button", name="Play").is_visible()


def test_a_site_without_its_files_says_so(browser, site):
    with opened(browser, site, own=[site.address]) as tab:
        tab.route("**/denoise.onnx", lambda route: route.fulfill(status=200, body=""))
        tab.route("**/ort.wasm.min.mjs", lambda route: route.fulfill(content_type="text/javascript", body="throw 7"))
        tab.get_by_role("button", name="Start").click()
        tab.get_by_text("This did not work: 7").wait_for()


def test_sums_of_the_page_are_those_of_the_package(browser, site, told):
    sampler = SamplerConfig("unipc", 5).completed(told.diffusion.timesteps)
    steps = [step._asdict() for step in step_plan(told.schedule, sampler, "v")]
    noisy = torch.randint(256, (2, 3, 4, 2, 2), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    rgba = torch.cat([noisy, torch.full_like(noisy[:, :1], 255)], dim=1).movedim(1, -1).flatten(1).tolist()
    video = torch.linspace(-1, 1, 3 * 4 * 4)
    script = """async ([plan, clips, video]) => {
      const page = await import("./sampler.js");
      const network = async (x, time) => x.map((value) => Math.tanh(value * (1 + time / 200)) - 0.3);
      const [before, clip] = clips.map((values) => Uint8ClampedArray.from(values));
      page.fadeBorder(before, clip, 2, 16);
      const noise = new page.Noise(5, 1).normal(20001);
      const same = new page.Noise(5, 1).normal(3).every((value, place) => value === noise[place]);
      const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
      const square = noise.reduce((sum, value) => sum + value * value, 0) / noise.length;
      return { sampled: [...await page.sample(plan, network, Float32Array.of(0.5, -1, 2), null)], clip: [...clip],
        pixels: [...page.toPixels(Float32Array.from(video), 4, 4)], moments: [mean, square], same };
    }"""
    with opened(browser, site) as tab:
        found = tab.evaluate(script, [steps, rgba, video.tolist()])
    from generation.test_step_plan import followed, network

    x = torch.tensor([[[0.5, -1.0, 2.0]]])
    expected = followed(step_plan(told.schedule, sampler, "v"), x, network)
    torch.testing.assert_close(torch.tensor(found["sampled"]), expected[0, 0], rtol=1e-5, atol=1e-6)
    unpacked = torch.tensor(found["clip"]).view(4, 2, 2, 4).movedim(-1, 0)[:3]
    torch.testing.assert_close(unpacked, faded(noisy[:1], noisy[1:], 2)[0].long(), rtol=0, atol=1)
    pixels = torch.tensor(found["pixels"]).view(4, 4, 4).movedim(-1, 0)[:3]
    torch.testing.assert_close(pixels, to_uint8(video).view(3, 4, 4).long(), rtol=0, atol=1)
    np.testing.assert_allclose(found["moments"], [0, 1], atol=0.03)
    assert found["same"]


def test_what_a_page_cannot_be_made_of(told, runtime, tmp_path, monkeypatch):
    make = partial(export_web, folder=tmp_path / "site", name="balls", runtime_dir=runtime)
    with pytest.raises(InputError, match=r"ort.webgpu.min.mjs is not there; get it by `npm install onnxruntime-web`"):
        export_web(told, tmp_path / "site", name="balls", runtime_dir=tmp_path)
    with pytest.raises(InputError, match="stage-1 autoencoder without a denoiser"):
        make(small_generator(denoiser=False))
    with pytest.raises(InputError, match="does not know the word 'dragon'"):
        make(told, prompts=["red dragon"])
    with pytest.raises(InputError, match=r"was not trained with text; leave --prompts out"):
        make(small_generator(), prompts=["red ball"])
    monkeypatch.setattr(web_export, "LARGEST", 1000)
    with pytest.raises(InputError, match=r"has 0.0 GB of weights, and a browser holds at most 1e-06 GB; train a small"):
        make(told)
    assert not (tmp_path / "site").exists()


def test_a_model_of_another_encoder_offers_the_prompts_that_it_is_given(monkeypatch):
    model, states = all_told(), torch.arange(4 * 128).view(1, 4, 128).float()
    model.text = TextConfig("minilm", tokens=4)
    with pytest.raises(InputError, match="cannot encode text as minilm does; give --prompts that it offers"):
        monkeypatch.setattr(type(model), "text_encoder", property(lambda model: None))
        describe(model, "balls")

    class Encoder:
        width = 128

        def __call__(self, texts):
            return states.expand(len(texts), -1, -1), torch.tensor([[True, True, False, False]] * len(texts))

    monkeypatch.setattr(type(model), "text_encoder", property(lambda model: Encoder()))
    described, vectors = describe(model, "balls", ["a red ball", "a blue one"])
    assert described["text"]["lengths"] == [2, 2] and not described["text"]["is_closed"]
    assert vectors.shape == (2, 4, 128)


def test_weights_travel_as_halves(tmp_path):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.linspace(-3, 3, 2048, dtype=np.float32).reshape(2, 1024)
    large = np.full((1, 1024), 1e6, np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Add", ["h", "b"], ["y"])]
    values = [helper.make_tensor_value_info(*value) for value in (("x", 1, ["n", 2]), ("y", 1, ["n", 1024]))]
    initial = [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(large, "b")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], initial)
    path = tmp_path / "g.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    web_export.halve_weights(path)
    kinds = {tensor.name: tensor.data_type for tensor in onnx.load(path).graph.initializer}
    assert kinds == {"w.half": TensorProto.FLOAT16, "b": TensorProto.FLOAT}
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    (found,) = session.run(None, {"x": np.ones((1, 2), np.float32)})
    np.testing.assert_array_equal(found, weights.astype(np.float16).astype(np.float32).sum(0)[None] + large)

"""The step `captions`: models by folder and by address, sidecars, and sentences of what is measured."""

import argparse
import base64
import json
import pickle
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import av
import numpy as np
import pytest
from PIL import Image

from pvdm.curation.clip_frames import ClipFrames
from pvdm.curation.steps import caption_pipelines, caption_template, chat_server
from pvdm.curation.steps.caption_models import CaptionModels, add_caption_options, caption_models
from pvdm.curation.steps.caption_template import TemplateCaptions, describe, folder_class, with_article
from pvdm.curation.steps.captioning import CaptionStep
from pvdm.curation.steps.main_colors import is_black_and_white, main_colors
from pvdm.curation.steps.main_motion import Motion, motion_of, pair_positions
from pvdm.curation.steps.picture_labels import PictureLabels, categories
from pvdm.errors import InputError
from pvdm.video import VideoInfo, probe


@pytest.fixture(scope="module")
def heap(tmp_path_factory):
    """A folder in which `diving/a.mp4` shows a texture that moves 2 pixels to the left in each of 40 frames."""
    root = tmp_path_factory.mktemp("heap")
    random = np.random.default_rng(0)
    ground = np.kron(random.integers(0, 80, (12, 60)), np.ones((8, 8))).astype(np.uint8)
    picture = np.stack([ground // 4, ground // 2, 160 + ground], -1)  # blue
    (root / "diving").mkdir()
    with av.open(str(root / "diving" / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=20, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(40):
            shown = np.ascontiguousarray(picture[:, 2 * number : 2 * number + 160])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode())
    return root


@pytest.fixture
def clip(heap) -> ClipFrames:
    path = heap / "diving" / "a.mp4"
    return ClipFrames(path, probe(path), 4, 35, "diving/a.mp4")


@pytest.fixture
def small(monkeypatch):
    """Makers of small models, which say little."""
    monkeypatch.setattr(caption_pipelines, "MOST_TOKENS", 3)
    return pytest.importorskip("small_captioners")


@dataclass
class Server:
    """An OpenAI-compatible server; each request takes the next of its answers, the last one over and over."""

    address: str = ""
    answers: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    headers: list = field(default_factory=list)


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    found = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            found.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            found.headers.append((self.path, dict(self.headers)))
            status, content = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content if isinstance(content, bytes) else json.dumps(content).encode())

        def log_message(self, *_): ...

    monkeypatch.setattr(chat_server, "WAITS", (0.0, 0.0))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        found.address = f"http://127.0.0.1:{http.server_port}/v1#small"
        yield found
        http.shutdown()


def said(text: object) -> tuple[int, dict]:
    return 200, {"choices": [{"message": {"content": text}}]}


def pictures_in(request: dict) -> list[np.ndarray]:
    parts = request["messages"][0]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert all(url.startswith("data:image/jpeg;base64,") for url in urls)
    return [np.array(Image.open(BytesIO(base64.b64decode(url.partition(",")[2])))) for url in urls]


def test_three_ways_by_address(server, clip, monkeypatch):
    server.answers = [said(" A texture\nglides. "), said("Blue squares."), said("Blue squares glide.")]
    monkeypatch.setenv(chat_server.KEY, "secret")
    step = CaptionStep(CaptionModels(server.address, server.address, server.address))
    step.check()
    found = step.score(clip)
    assert found["captions"] == ["Blue squares glide.", "A texture glides.", "Blue squares."]
    assert found["caption_sources"] == ["summary", "video", "image"]
    video, image, summary = server.asked
    assert {request["model"] for request in server.asked} == {"small"}
    middle = clip.at([0.5])[0].astype(int)
    assert abs(pictures_in(image)[0].astype(int) - middle).mean() < 6
    shown = np.array(pictures_in(video)).astype(int)
    assert shown.shape[0] == 8 and abs(shown - clip.at((np.arange(8) + 0.5) / 8)).mean() < 6
    assert "- A texture glides.\n- Blue squares." in summary["messages"][0]["content"]
    path, headers = server.headers[0]
    assert path == "/v1/chat/completions" and headers["Authorization"] == "Bearer secret"


def test_a_server_that_is_busy_is_asked_again(server, clip):
    server.answers = [(503, {}), (429, {"error": {"message": "slow down"}}), said("a square")]
    assert CaptionStep(CaptionModels(image=server.address)).score(clip)["captions"] == ["a square"]
    assert len(server.asked) == 3 and "Authorization" not in server.headers[0][1]


@pytest.mark.parametrize(
    ("answer", "count", "message"),
    [
        ((500, {"error": "out of memory"}), 3, r"no answer by small \(out of memory\); see that the model is served"),
        ((404, {"error": {"message": "No model small."}}), 1, r"\(no model small\)"),
        ((401, b"<html>"), 1, r"\(401 Unauthorized\); set PVDM_CAPTION_KEY to the key"),
        ((200, b"hello"), 1, "what it returns is no chat completion"),
        ((200, {"choices": []}), 1, "what it returns is no chat completion"),
        (said(None), 1, "its answer holds no text"),
    ],
)
def test_a_server_that_fails_is_an_error_of_the_clip(server, clip, answer, count, message):
    server.answers = [answer]
    with pytest.raises(InputError, match=message) as caught:
        CaptionStep(CaptionModels(image=server.address)).score(clip)
    assert len(server.asked) == count
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_no_server_at_all_is_an_error_of_the_clip(clip, monkeypatch):
    monkeypatch.setattr(chat_server, "WAITS", (0.0,))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(InputError, match=r"127.0.0.1:9/v1 gives no answer by m \(.*refused\)"):
        CaptionStep(CaptionModels(image="http://127.0.0.1:9/v1#m")).score(clip)


def test_three_ways_by_folder(clip, tmp_path, small):
    image, video = small.blip(tmp_path / "blip", "horse"), small.git(tmp_path / "git", "runs", 3)
    summary = small.language_model(tmp_path / "words", "fast", chats=False)
    step = CaptionStep(CaptionModels(image, video, summary))
    step.check()
    found = step.score(clip)
    assert found["caption_sources"] == ["summary", "video", "image"]
    assert [set(caption.split()) for caption in found["captions"]] == [{"fast"}, {"runs"}, {"horse"}]
    assert [model["model"] for model in step.settings()["models"].values()] == [image, video, summary]


def test_models_with_a_chat_template_are_asked_about_all_frames(clip, tmp_path, small):
    summary = small.language_model(tmp_path / "words", "fast", chats=True)
    step = CaptionStep(CaptionModels(video=small.llava(tmp_path / "llava"), summary=summary))
    found = step.score(clip)
    assert found["caption_sources"] == ["summary", "video"] and set(found["captions"][0].split()) == {"fast"}
    assert set(found["captions"][1].split()) <= set(small.WORDS)
    assert step.score(clip) == found


def test_other_models_are_refused(clip, tmp_path, small):
    one = small.blip(tmp_path / "blip", "horse")
    with pytest.raises(
        InputError, match=r"gives no caption \(it describes single pictures, not videos\); give a model"
    ):
        CaptionStep(CaptionModels(video=one)).score(clip)
    (tmp_path / "config.json").write_text('{"model_type": "nothing"}')
    with pytest.raises(
        InputError, match=r"there is no model for image-text-to-text at .*; give a folder in the layout"
    ):
        CaptionStep(CaptionModels(image=str(tmp_path))).score(clip)


def test_the_settings_tell_models_apart(tmp_path):
    digests = []
    for content in (b"one", b"two"):
        (tmp_path / "config.json").write_bytes(content)
        digests.append(CaptionStep(CaptionModels(image=str(tmp_path))).settings()["models"]["image"]["digest"])
    assert digests[0] != digests[1]


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"summary": "http://a/v1#m"}, "a summarizer alone has nothing to sum up; give --image-captioner"),
        ({"image": "http://a/v1"}, "http://a/v1 names no model; give http://a/v1#model"),
        ({"video": "http://:x#m"}, "http://:x#m is no address; give one such as"),
        ({"image": "./nothere"}, "there is no folder ./nothere; give an existing one, or a name on the Hub"),
        ({"image": "."}, "holds no config.json, so it is no model; give a folder in the layout of the Hub"),
    ],
)
def test_models_that_cannot_be_are_refused_before_anything(models, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        CaptionStep(CaptionModels(**models)).check()


def test_options():
    parser = argparse.ArgumentParser()
    add_caption_options(parser)
    assert caption_models(parser.parse_args([])) == CaptionModels()
    given = parser.parse_args(["--image-captioner", "a/b", "--video-captioner", "c/d", "--summarizer", "http://e#f"])
    assert caption_models(given) == CaptionModels("a/b", "c/d", "http://e#f")


def test_a_sidecar_comes_first_and_stands_for_the_template(clip, server, heap):
    server.answers = [said("squares")]
    beside = heap / "diving" / "a.txt"
    beside.write_text("a sea of  squares\n")
    (heap / "captions.csv").write_text("file,caption\ndiving/a.mp4,from the table\nb.mp4,another\n")
    try:
        found = CaptionStep(CaptionModels(image=server.address)).score(clip)
        assert found["captions"] == ["from the table", "a sea of squares", "squares"]
        assert found["caption_sources"] == ["sidecar", "sidecar", "image"]
        assert CaptionStep().score(clip)["caption_sources"] == ["sidecar", "sidecar"]
        (heap / "diving" / "captions.csv").write_text("file,caption\na.mp4,of its folder\n")
        assert CaptionStep().score(clip)["captions"] == ["from the table", "a sea of squares", "of its folder"]
        beside.write_bytes(b"\xff\xfe\xff")
        with pytest.raises(InputError, match="cannot be read"):
            CaptionStep().score(clip)
    finally:
        for path in (beside, heap / "captions.csv", heap / "diving" / "captions.csv"):
            path.unlink(missing_ok=True)


def test_without_models_a_template_tells_what_is_measured_and_the_log_what_is_missing(clip, caplog, monkeypatch):
    monkeypatch.setattr(PictureLabels, "is_installed", False)
    step = pickle.loads(pickle.dumps(CaptionStep()))
    step.check()
    assert "captions tell only what is measured, since no model is given (--image-captioner, --vid" in caplog.text
    assert "captions do not tell what is seen: pip install 'pvdm[efficientnet]'" in caplog.text
    clip.scores.update(text="Sea of squares", text_area=0.1)
    (caption,) = step.score(clip)["captions"]
    expected = 'A video of "diving". The picture is mostly blue. The whole picture moves to the left. '
    assert caption == expected + 'The text in the picture reads "Sea of squares".'
    assert step.score(clip)["caption_sources"] == ["template"]


def test_no_label_is_told_that_is_not_sure(clip, monkeypatch):
    monkeypatch.setattr(caption_template, "LEAST_SIDE", 64)
    monkeypatch.setattr(PictureLabels, "is_installed", True)
    for probability, told in ((0.95, True), (0.55, False)):
        monkeypatch.setattr(PictureLabels, "__call__", lambda *_, p=probability: ("candle", p))
        (caption,) = TemplateCaptions()(clip)
        assert caption.startswith('A video of "diving", in which a candle can be seen.') == told


def test_labels_of_real_pictures(shared_data):
    labels = PictureLabels()
    if not labels.is_installed:
        pytest.skip("needs the extra efficientnet")
    path = sorted((shared_data / "UCF-101" / "Billiards").glob("*.avi"))[0]
    info = probe(path)
    label, probability = labels(ClipFrames(path, info, 0, info.frames - 1, path.name).at([0.5], short_side=224)[0])
    assert label == "pool table" and probability > 0.8
    assert len(categories()) == 1000


def test_speed_and_direction_are_those_of_the_picture(clip):
    motion = motion_of(clip, clip.at(pair_positions(clip)))
    assert motion.direction == "to the left" and motion.agreement > 0.9 and motion.share > 0.9
    assert motion.speed == pytest.approx(2 * 20 / 96, rel=0.1)


@pytest.mark.parametrize(
    ("motion", "sentence"),
    [
        (Motion(0.001, 0.5, 1, "up"), ["Hardly anything moves."]),
        (Motion(0.9, 0.1, 0.95, "to the left"), ["The whole picture moves slowly to the left."]),
        (Motion(0.3, 0.9, 0.95, "down"), ["Most of what moves goes fast down."]),
        (Motion(0.3, 0.3, 0.95, "up"), ["Most of what moves goes up."]),
        (Motion(0.3, 0.9, 0.3, "up"), ["The motion is fast."]),
        (Motion(0.3, 0.3, 0.3, "up"), []),
        (Motion(0.3, 0.3, 0.95, None), []),
    ],
)
def test_motion_is_told_where_it_is_clear(motion, sentence):
    assert list(describe(motion)) == sentence


def test_still_and_tiny_pictures_have_no_motion(clip):
    one = ClipFrames(clip.path, clip.info, 3, 3, clip.file)
    tiny = ClipFrames(clip.path, VideoInfo(40, 12, 64, 20.0), 3, 9, clip.file)
    assert pair_positions(tiny) == []
    assert pair_positions(one) == [] and motion_of(one, np.zeros((0, 96, 160, 3), np.uint8)) is None


@pytest.mark.parametrize(
    ("color", "name"),
    [
        *(((200, 20, 20), "red"), ((250, 140, 10), "orange"), ((240, 230, 40), "yellow"), ((30, 160, 40), "green")),
        *(((20, 40, 200), "blue"), ((128, 30, 160), "purple"), ((250, 90, 180), "pink"), ((100, 60, 20), "brown")),
        *(((225, 205, 170), "beige"), ((20, 180, 170), "turquoise"), ((10, 10, 10), "black"), ((240,) * 3, "white")),
    ],
)
def test_colors(color, name):
    picture = np.full((20, 20, 3), color, np.uint8)
    picture[:, :4] = (128, 128, 128)  # too little to be told
    assert main_colors(picture) == [(name, pytest.approx(0.8))]
    assert is_black_and_white(picture) == (name in ("black", "white"))


def test_a_letterbox_is_no_color(clip):
    clip.scores.update(crop_top=90, crop_left=0)
    picture = np.zeros((192, 320, 3), np.uint8)  # twice the clip's size
    picture[180:] = (30, 160, 40)
    inner = caption_template._without_bars(picture, clip)
    assert main_colors(inner) == [("green", 1)] and inner.shape == (12, 320, 3)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        *(("ApplyEyeMakeup/v_1.avi", "apply eye makeup"), ("x/wave_one-hand/a.mp4", "wave one hand")),
        *(("TVNews/a.mp4", "TV news"), ("Beach 2/b.mp4", "beach 2"), ("train/a.mp4", None), ("a.mp4", None)),
        *(("2024-05-01/a.mp4", None), ("Straße/ä.mp4", "straße")),
    ],
)
def test_classes_of_folders(file, words):
    assert folder_class(file) == words


def test_articles():
    found = [with_article(label) for label in ("candle", "iPod", "unicycle", "sunglasses", "bus", "African elephant")]
    assert found == ["a candle", "an iPod", "a unicycle", "sunglasses", "a bus", "an African elephant"]

"""The step `text`: drawn texts are read and measured, pictures without text give none, watermarks count apart."""

import csv
import pickle

import cv2
import numpy as np
import pytest

from pvdm.curation.clip_frames import ClipFrames
from pvdm.curation.steps import text_area
from pvdm.curation.steps.text_area import TextBox, TextStep, covered, spoken
from pvdm.errors import InputError
from pvdm.video import VideoInfo, probe

SIZE = (180, 320)


@pytest.fixture(scope="module")
def step() -> TextStep:
    pytest.importorskip("rapidocr")
    step = TextStep()
    step.check()
    return step


def drawn(text: str = "", *, place: tuple[int, int] = (20, 60), scale: float = 1.0) -> np.ndarray:
    """A picture of a soft pattern with a text on it."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    picture = np.stack([110 + 30 * np.sin(x / 40), 110 + 30 * np.cos(y / 30), 100 + 0 * x], -1).astype(np.uint8)
    return cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 2, cv2.LINE_AA)


class Pictures(ClipFrames):
    """A clip whose first, middle and last frame are given."""

    def at(self, positions, *, short_side=None):
        assert list(positions) == [0, 0.5, 1]
        return np.stack(self.scores["pictures"])


def clip_of(*pictures: np.ndarray) -> ClipFrames:
    return Pictures(None, VideoInfo(75, *SIZE, 25.0), 0, 74, "a.mp4", {"pictures": pictures})


def box(text: str, confidence: float = 1.0, left: int = 0, right: int = 10) -> TextBox:
    return TextBox(np.array([[left, 0], [right, 0], [right, 9], [left, 9]]), text, confidence)


def test_a_text_is_read_and_its_share_is_that_of_its_box(step):
    found = step.score(clip_of(*[drawn("Good Morning")] * 2, drawn()))
    assert found["text"] == "Good Morning"
    (width, height), _ = cv2.getTextSize("Good Morning", cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)
    tight = 2 / 3 * width * height / (SIZE[0] * SIZE[1])
    assert tight < found["text_area"] < 2.5 * tight
    assert found["watermark_area"] == 0 and found["watermark"] == ""
    assert set(found) == set(step.columns)


def test_a_larger_text_takes_more(step):
    small, large = (covered([step.read(drawn("Hello", scale=scale))], SIZE) for scale in (0.7, 1.6))
    assert 0 < 3 * small < large


def test_pictures_without_text_have_none(step):
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    found = step.score(clip_of(drawn(), noise, np.zeros((*SIZE, 3), np.uint8)))
    assert found == {"text_area": 0, "text": "", "watermark_area": 0, "watermark": ""}


@pytest.mark.parametrize("size", [(2, 2), (8, 40), (4, 3000), (1000, 16)])
def test_pictures_of_odd_sizes_are_read(step, size):
    assert step.read(np.zeros((*size, 3), np.uint8)) == []


def test_a_web_address_counts_as_a_watermark(step):
    found = step.score(clip_of(*[drawn("www.example.com", place=(10, 160))] * 3))
    assert found["text_area"] == 0 and found["text"] == ""
    assert found["watermark_area"] > 0.01 and found["watermark"] == "www.example.com"


@pytest.mark.parametrize(
    "text",
    ["www.site.co.in", "https://a.org/x", "talkinghands.co.in", "WWW.NEWS.COM", "@channel_7", "© 2020 Someone"],
)
def test_watermarks(text):
    assert box(text).is_watermark


@pytest.mark.parametrize("text", ["Hello.What is", "jam.", "3.50 EUR", "U.S. Open", "9 a.m.", "me @ home", "Compare"])
def test_other_texts_are_no_watermarks(text):
    assert not box(text).is_watermark


@pytest.mark.parametrize(
    ("text", "confidence", "is_read"),
    [
        *(("飛", 0.99, False), ("4", 0.9, False), ("SM", 0.7, False), ("88", 0.9, True), ("?!...", 1, False)),
        *(("word", 0.65, True), ("word", 0.5, False)),
    ],
)
def test_what_the_recognizer_does_not_read_is_no_text(text, confidence, is_read):
    assert box(text, confidence).is_read == is_read


def test_overlapping_boxes_count_once_and_frames_are_averaged():
    boxes = [box("left", right=9), box("right", left=5, right=19)]
    assert covered([boxes, []], (20, 40)) == pytest.approx(20 * 10 / 800 / 2)


def test_readings_of_one_text_in_several_frames_are_told_once_by_the_surest():
    first = [box("Did you finish", 0.9), box("homework?")]
    frames = [first, [box("Did you finisn", 0.8), box("homewark?", 0.7)], []]
    assert spoken(frames) == "Did you finish homework?"
    assert spoken([]) == ""


def test_burnt_in_phrases_come_before_other_signs(step, shared_data):
    with (shared_data / "signs" / "captions.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    with_phrase, without = (
        [row for row in rows if (row["overlay"] == "caption_text") == kind and row["language"] == "ISL"][::45]
        for kind in (True, False)
    )
    areas = []
    for row in with_phrase + without:
        path = shared_data / "signs" / row["file"]
        info = probe(path)
        areas.append(step.score(ClipFrames(path, info, 0, info.frames - 1, row["file"]))["text_area"])
    assert min(areas[: len(with_phrase)]) > max(areas[len(with_phrase) :])


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(text_area, "PACKAGES", ("no_such_package",))
    with pytest.raises(InputError, match=r"the step text needs no_such_package; pip install 'pvdm\[curation\]'"):
        TextStep().check()


def test_it_can_be_sent_to_a_worker(step):
    assert pickle.loads(pickle.dumps(TextStep())).settings() == step.settings()

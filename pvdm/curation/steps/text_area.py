"""Text in the picture: the share that boxes of text take, and what they say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pvdm.curation.clip_frames import ClipFrames
from pvdm.errors import InputError

if TYPE_CHECKING:
    from rapidocr import RapidOCR

POSITIONS = (0.0, 0.5, 1.0)
"""First, middle and last frame, as in Stable Video Diffusion, appendix C."""

DETECTION_SIDE = 320
"""The longer side at which boxes are looked for; what they hold is read at the frame's own size. In 65 wild clips of
640x360, 640 takes three times as long, and finds text in nine more, but of at most 0.7 % of the picture."""

LARGEST_SIDE = 640
"""Frames are read no larger than this short side."""

FLATTEST = 64
"""The most that a picture may be longer than wide; RapidOCR fails at others."""

LEAST_CHARACTERS = 2
LEAST_CONFIDENCE = 0.6
SHORT, CONFIDENCE_IF_SHORT = 4, 0.8
"""What counts as read: at least two letters or digits, and more confidence if there are fewer than four. The detector
takes logos and whole pictures for text, of which the recognizer reads one character, or a few that it is not sure of
(0.66 to 0.76 in UCF-101 and weizmann)."""

ALIKE = 0.7
"""Two readings this similar (Ratcliff-Obershelp) are of the same text in different frames."""

PACKAGES = ("rapidocr", "onnxruntime")

WATERMARK = re.compile(
    r"https?:|www|©|\(c\)|copyright|^@\w|[\w-]{2,}\.(?:(?:com?|org|net|ac|gov)\.[a-z]{2}"
    r"|com|net|org|info|edu|gov|biz|tv|io|eu|uk|de|fr|nl|pl|ru|cn|jp|kr|br|ca|au)\b(?!\.)",
    re.IGNORECASE,
)
"""A web address, the name of an account, or a note of copyright: whose the video is, rather than what it says."""


@dataclass(frozen=True)
class TextBox:
    """A text that was read: its corners (4, 2) in pixels, x first, and the recognizer's confidence in [0, 1]."""

    corners: np.ndarray
    text: str
    confidence: float

    @property
    def is_read(self) -> bool:
        """Whether the recognizer is sure that this is text."""
        characters = sum(character.isalnum() for character in self.text)
        least = CONFIDENCE_IF_SHORT if characters < SHORT else LEAST_CONFIDENCE
        return characters >= LEAST_CHARACTERS and self.confidence >= least

    @property
    def is_watermark(self) -> bool:
        """Whether it is a web address, an account or a note of copyright."""
        return WATERMARK.search(self.text) is not None


class TextStep:
    """Reads the first, the middle and the last frame of a clip with RapidOCR (PP-OCR), on one thread.

    Columns: `text_area`, the share of the picture in boxes of text that was read, in [0, 1], the mean of the frames;
    `text`, what they say; and the same of watermarks (web addresses, accounts, notes of copyright), which do not count
    as text: `watermark_area` and `watermark`.
    """

    name = "text"
    reads_scores = False
    columns: ClassVar[dict[str, str]] = {
        "text_area": "float32",
        "text": "string",
        "watermark_area": "float32",
        "watermark": "string",
    }

    def settings(self) -> dict[str, Any]:
        """The version of the package, which holds the weights, and what counts as text."""
        return {
            "rapidocr": metadata.version("rapidocr"),
            "side": DETECTION_SIDE,
            "confidence": [LEAST_CONFIDENCE, CONFIDENCE_IF_SHORT],
            "characters": [LEAST_CHARACTERS, SHORT],
            "watermark": WATERMARK.pattern,
        }

    def beside(self, path: Path, file: str) -> Sequence[str]:
        """Nothing."""
        return ()

    def check(self) -> None:
        """InputError if RapidOCR is not installed."""
        if missing := [package for package in PACKAGES if find_spec(package) is None]:
            remedy = "pip install 'pvdm[curation]', or leave the step text out"
            raise InputError(f"the step text needs {missing[0]}", remedy)

    def score(self, clip: ClipFrames) -> dict[str, Any]:
        """The columns of a clip; InputError if its frames cannot be decoded."""
        frames = clip.at(POSITIONS, short_side=LARGEST_SIDE)
        read = [self.read(frame) for frame in frames]
        text, watermark = ([[box for box in boxes if box.is_watermark == kind] for boxes in read] for kind in (0, 1))
        size = frames.shape[1:3]
        return {
            "text_area": covered(text, size),
            "text": spoken(text),
            "watermark_area": covered(watermark, size),
            "watermark": spoken(watermark),
        }

    def read(self, frame: np.ndarray) -> list[TextBox]:
        """The texts of a frame, (h, w, 3) uint8 RGB, from top to bottom."""
        if max(frame.shape[:2]) > FLATTEST * min(frame.shape[:2]):
            return []
        found = self._reader(np.ascontiguousarray(frame[..., ::-1]))
        if found.txts is None or found.boxes is None:
            return []
        boxes = map(TextBox, found.boxes, found.txts, map(float, found.scores))
        return [box for box in boxes if box.is_read]

    @cached_property
    def _reader(self) -> RapidOCR:
        from rapidocr import RapidOCR

        threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
        detection = {"Det.limit_side_len": DETECTION_SIDE, "Det.limit_type": "max"}
        return RapidOCR(params={"Global.use_cls": False, "Global.log_level": "critical", **threads, **detection})


def covered(frames: Sequence[Sequence[TextBox]], size: tuple[int, int]) -> float:
    """The share of a picture of this size (h, w) that the boxes of each frame cover, in [0, 1], the mean of frames."""
    import cv2

    shares = []
    for boxes in frames:
        mask = np.zeros(size, np.uint8)
        for box in boxes:
            cv2.fillConvexPoly(mask, np.rint(box.corners).astype(np.int32), 1)
        shares.append(mask.mean(dtype=np.float64))
    return float(np.mean(shares))


def spoken(frames: Iterable[Iterable[TextBox]]) -> str:
    """The texts of all frames in their order, each once, in the reading that is surest."""
    kept: list[TextBox] = []
    for box in (box for boxes in frames for box in boxes):
        same = next((place for place, other in enumerate(kept) if _alike(box.text, other.text)), None)
        if same is None:
            kept.append(box)
        elif box.confidence > kept[same].confidence:
            kept[same] = box
    return " ".join(" ".join(box.text.split()) for box in kept)


def _alike(first: str, second: str) -> bool:
    return SequenceMatcher(None, first.lower(), second.lower(), autojunk=False).ratio() >= ALIKE

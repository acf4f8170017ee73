"""Captions without a captioner: sentences of what is measured, each only where the measurement is clear."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from pvdm.curation.clip_frames import ClipFrames
from pvdm.curation.steps.main_colors import MOSTLY_SHARE, is_black_and_white, main_colors
from pvdm.curation.steps.main_motion import Motion, motion_of, pair_positions
from pvdm.curation.steps.picture_labels import LEAST_SIDE, SHORT_SIDE, SURE, WEIGHTS, PictureLabels

KINDS = {"still": "still picture", "slideshow": "slideshow", "screen": "screen recording", "photo": "photo"}
"""Of the column `kind`, those that are told."""

FOLDERS = {
    *("clip", "clips", "data", "dataset", "footage", "frames", "heap", "input", "media", "movies", "raw"),
    *("test", "train", "training", "val", "valid", "validation", "video", "videos"),
}
"""Names of folders that say nothing of what is seen."""

WORD = re.compile(r"[^\W\d_]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])|\d+")
NO_MOTION, WHOLE, AGREED = 0.01, 0.8, 0.8
"""Shares of the picture that move: at most, for none; at least, for the whole. Least agreement of one direction."""

SLOW, FAST = 0.15, 0.6
"""In short sides of the picture a second: at most, and at least."""

LEAST_TEXT, MOST_CHARACTERS = 0.005, 80
"""The share of the picture in text from which it is quoted, and how much of it is."""

COLORS = 2
PLURAL = re.compile(r"(?:[^siu]s|sunglasses|ies)$")

logger = logging.getLogger(__name__)


class TemplateCaptions:
    """One caption of a clip in plain sentences: its folder's class, what a classifier is sure to see in the middle
    frame (extra `efficientnet`), colors, the main motion, and the text that the step `text` read.
    """

    def settings(self) -> dict[str, Any]:
        """The classifier, and from where on its label is told."""
        return {"labels": WEIGHTS.name if self._labels.is_installed else None, "sure": SURE}

    def check(self) -> None:
        """Says what is missing."""
        if not self._labels.is_installed:
            logger.warning("captions do not tell what is seen: %s", WEIGHTS.remedy)

    def __call__(self, clip: ClipFrames) -> list[str]:
        """The caption, or none if nothing is clear; InputError if frames cannot be decoded."""
        middle, *pairs = clip.at([0.5, *pair_positions(clip)], short_side=SHORT_SIDE)
        motion = None if clip.scores.get("kind") == "still" else motion_of(clip, pairs)
        seen = [*self._subject(clip, middle), *_look(_without_bars(middle, clip))]
        sentences = [*seen, *(describe(motion) if motion else ()), *_quote(clip.scores)]
        return [" ".join(sentences)] if sentences else []

    def _subject(self, clip: ClipFrames, middle: np.ndarray) -> Iterator[str]:
        kind = KINDS.get(clip.scores.get("kind") or "")
        topic, label = folder_class(clip.file), self._label(clip, middle)
        if kind or topic or label:
            what = f"A {kind or 'video'}"
            of = f' of "{topic}"' if topic else ""
            yield f"{what}{of}{f', in which {label} can be seen' if label else ''}."

    def _label(self, clip: ClipFrames, middle: np.ndarray) -> str | None:
        """What is seen, with its article; None if the classifier is not sure of it."""
        if not self._labels.is_installed or min(clip.info.height, clip.info.width) < LEAST_SIDE:
            return None
        label, probability = self._labels(middle)
        return with_article(label) if probability >= SURE else None

    @cached_property
    def _labels(self) -> PictureLabels:
        return PictureLabels()


def folder_class(file: str) -> str | None:
    """The words of the folder that a file lies in, if they may name its class: Class/a.avi, class_name/b.mp4."""
    name = PurePosixPath(file).parent.name
    words = [word if len(word) > 1 and word.isupper() else word.lower() for word in WORD.findall(name)]
    if not any(word.isalpha() for word in words) or name.lower() in FOLDERS:
        return None
    return " ".join(words)


def with_article(label: str) -> str:
    """A noun with its indefinite article, none for a plural."""
    if PLURAL.search(label):
        return label
    return f"{'an' if label[:1].lower() in 'aeiou' and not label.lower().startswith(('uni', 'eu')) else 'a'} {label}"


def _look(picture: np.ndarray) -> Iterator[str]:
    if is_black_and_white(picture):
        yield "The picture is black and white."
        return
    colors = main_colors(picture)[:COLORS]
    names = " and ".join(name for name, _ in colors)
    if colors and colors[0][1] >= MOSTLY_SHARE:
        yield f"The picture is mostly {colors[0][0]}."
    elif colors:
        yield f"The main color{'s are' if len(colors) > 1 else ' is'} {names}."


def _without_bars(picture: np.ndarray, clip: ClipFrames) -> np.ndarray:
    """A frame within the letterbox that the columns crop_top, ... give, in pixels of the clip's own size."""
    height, width = picture.shape[:2]
    bars = (clip.scores.get(f"crop_{side}") or 0 for side in ("top", "bottom", "left", "right"))
    top, bottom, left, right = (round(bar * height / clip.info.height) for bar in bars)
    inner = picture[top : height - bottom, left : width - right]
    return inner if inner.size else picture


def describe(motion: Motion) -> Iterator[str]:
    """The sentence of a motion, if there is none or it has a direction or a speed of its own."""
    if motion.share <= NO_MOTION:
        yield "Hardly anything moves."
        return
    pace = "slowly" if motion.speed <= SLOW else "fast" if motion.speed >= FAST else ""
    if motion.direction and motion.agreement >= AGREED:
        what = "The whole picture moves" if motion.share >= WHOLE else "Most of what moves goes"
        yield " ".join(filter(None, (what, pace, motion.direction))) + "."
    elif pace:
        yield f"The motion is {'slow' if pace == 'slowly' else pace}."


def _quote(scores: Mapping[str, Any]) -> Iterator[str]:
    text = (scores.get("text") or "").replace('"', "'")
    if text and (scores.get("text_area") or 0) >= LEAST_TEXT:
        shown = text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS].rpartition(" ")[0] + " ..."
        yield f'The text in the picture reads "{shown}".'

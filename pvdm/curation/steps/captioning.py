"""Captions of clips: of the user, of models, or of what is measured."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pvdm.curation.clip_frames import ClipFrames
from pvdm.curation.steps.caption_models import IMAGE, OPTIONS, PROMPTS, SUMMARY, VIDEO, CaptionModels, Model
from pvdm.data.layouts.captions import captions_of, read_table
from pvdm.errors import InputError

if TYPE_CHECKING:
    from pvdm.curation.steps.caption_template import TemplateCaptions

SIDECAR, TEMPLATE = "sidecar", "template"
VIDEO_FRAMES = 8
SHORT_SIDE = 384
"""Of the pictures that models see."""

logger = logging.getLogger(__name__)


class CaptionStep:
    """Captions in three ways, as Stable Video Diffusion made them, and texts that lie beside a video.

    Columns: `captions` and, of equal length, `caption_sources`: `sidecar` (captions.csv, clip.txt or clip.json, of the
    whole video), `summary`, `video` and `image`, best first. A clip that none of them captions has the sentences of a
    `template`, which tell what is measured.
    """

    name = "captions"
    reads_scores = True
    columns: ClassVar[dict[str, str]] = {"captions": "list<string>", "caption_sources": "list<string>"}

    def __init__(self, models: CaptionModels | None = None) -> None:
        self.models = models or CaptionModels()
        self._tables: dict[Path, dict[str, list[str]]] = {}

    def settings(self) -> dict[str, Any]:
        """The models, their prompts, and what the template depends on."""
        shown = {"frames": VIDEO_FRAMES, "short_side": SHORT_SIDE}
        return {"models": self.models.settings(), **shown, TEMPLATE: self._template.settings()}

    def beside(self, path: Path, file: str) -> Sequence[str]:
        """The captions beside a file, or why they cannot be read, and the name of its folder."""
        try:
            return [*self._sidecar(path, file), PurePosixPath(file).parent.name]
        except InputError as error:
            return [error.problem]

    def check(self) -> None:
        """InputError if a model cannot be used; says what is missing if there is none."""
        self.models.check()
        if not self.models:
            options = ", ".join(f"--{option.replace('_', '-')}" for option in OPTIONS.values())
            logger.warning("captions tell only what is measured, since no model is given (%s)", options)
            self._template.check()

    def score(self, clip: ClipFrames) -> dict[str, Any]:
        """The columns of a clip; InputError if its frames cannot be decoded or a model does not answer."""
        found = [(text, SIDECAR) for text in self._sidecar(clip.path, clip.file)] + list(self._told(clip))
        if not found:
            found = [(text, TEMPLATE) for text in self._template(clip)]
        return {"captions": [text for text, _ in found], "caption_sources": [source for _, source in found]}

    def _sidecar(self, path: Path, file: str) -> list[str]:
        """The captions beside the video, and in tables of the folders that it lies in; InputError if unreadable."""
        folders = list(path.parents)[: len(Path(file).parts)][::-1]
        for folder in folders:
            if folder not in self._tables:
                self._tables[folder] = read_table(folder)
        found = (captions_of(path, folder, self._tables[folder]) for folder in folders)
        return list(dict.fromkeys(chain.from_iterable(found)))

    def _told(self, clip: ClipFrames) -> Iterator[tuple[str, str]]:
        """What models say, the summary first."""
        texts = {}
        for kind, count in ((VIDEO, VIDEO_FRAMES), (IMAGE, 1)):
            if model := self._loaded[kind]:
                texts[kind] = answer(model, PROMPTS[kind], list(clip.at(evenly(count), short_side=SHORT_SIDE)))
        texts = {kind: text for kind, text in texts.items() if text}
        if texts and (model := self._loaded[SUMMARY]):
            listed = "\n".join(f"- {text}" for text in texts.values())
            texts = {SUMMARY: answer(model, PROMPTS[SUMMARY].format(captions=listed)), **texts}
        yield from ((text, kind) for kind, text in texts.items() if text)

    @cached_property
    def _loaded(self) -> dict[str, Model | None]:
        return {kind: self.models.load(kind) for kind in (VIDEO, IMAGE, SUMMARY)}

    @cached_property
    def _template(self) -> TemplateCaptions:
        from pvdm.curation.steps.caption_template import TemplateCaptions  # imports PyTorch

        return TemplateCaptions()


def evenly(count: int) -> np.ndarray:
    """The middles of equal parts of a clip, in [0, 1]."""
    return (np.arange(count) + 0.5) / count


def answer(model: Model, prompt: str, pictures: Sequence[np.ndarray] = ()) -> str:
    """What a model says, on one line; "" if nothing."""
    return " ".join(model(prompt, pictures).split())

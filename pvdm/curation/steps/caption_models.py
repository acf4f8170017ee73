"""The models that write captions: which the user names, and how they are asked."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pvdm.curation.steps.caption_pipelines import PretrainedModel, check_pretrained, fingerprint
from pvdm.curation.steps.chat_server import ChatServer
from pvdm.errors import InputError

Model = Callable[[str, Sequence[np.ndarray]], str]
"""(prompt, pictures (h, w, 3) uint8 RGB) -> its answer; InputError if it gives none."""

IMAGE, VIDEO, SUMMARY = "image", "video", "summary"
OPTIONS = {IMAGE: "image_captioner", VIDEO: "video_captioner", SUMMARY: "summarizer"}

PROMPTS = {
    IMAGE: "Describe this picture in one plain sentence.",
    VIDEO: "These are frames of one video, in order. Describe in one plain sentence what is seen and what happens.",
    SUMMARY: "Here are captions of one video. Write one plain sentence that says what they agree on and what each adds,"
    " and nothing else.\n\n{captions}",
}

TASKS = {IMAGE: "image-text-to-text", VIDEO: "image-text-to-text", SUMMARY: "text-generation"}


@dataclass(frozen=True)
class CaptionModels:
    """The three ways of Stable Video Diffusion, appendix C, to caption a clip.

    Each is a local folder or a name on the Hub, for `transformers`, or the address of an OpenAI-compatible server with
    the model's name, such as http://localhost:8000/v1#model.

    Args:
        image: Describes the middle frame.
        video: Describes frames at equal distances.
        summary: A language model that makes one caption of theirs.
    """

    image: str | None = None
    video: str | None = None
    summary: str | None = None

    def __bool__(self) -> bool:
        """Whether there is any model."""
        return any(asdict(self).values())

    def check(self) -> None:
        """InputError if a model is not given as it should be, or needs a package that is absent."""
        if self.summary and not (self.image or self.video):
            remedy = "give {image_captioner}, {video_captioner} or both, whose captions it sums up"
            raise InputError("a summarizer alone has nothing to sum up", remedy, option=OPTIONS[SUMMARY])
        for kind, name in asdict(self).items():
            if name and is_address(name):
                ChatServer.at(name, option=OPTIONS[kind])
            elif name:
                check_pretrained(name, option=OPTIONS[kind])

    def settings(self) -> dict[str, Any]:
        """Each model's name, digest and prompt."""
        named = {kind: name for kind, name in asdict(self).items() if name}
        return {
            kind: {"model": name, "digest": None if is_address(name) else fingerprint(name), "prompt": PROMPTS[kind]}
            for kind, name in named.items()
        }

    def load(self, kind: str) -> Model | None:
        """The model of a kind, which takes no memory before it is first called; None if none is given."""
        name = asdict(self)[kind]
        if not name:
            return None
        return ChatServer.at(name, option=OPTIONS[kind]) if is_address(name) else PretrainedModel(name, TASKS[kind])


def is_address(name: str) -> bool:
    """Whether a model is behind an address, and not one that `transformers` loads."""
    return name.startswith(("http://", "https://"))


def add_caption_options(parser: argparse.ArgumentParser) -> None:
    """The options of the step `captions`, in a group of their own."""
    group = parser.add_argument_group(
        "captions",
        "each model is a folder or a name on the Hub that transformers loads (extra text), or an OpenAI-compatible "
        "address such as http://localhost:8000/v1#model (key in PVDM_CAPTION_KEY); without any, captions tell only "
        "what is measured",
    )
    group.add_argument("--image-captioner", metavar="MODEL", help="describes the middle frame of a clip")
    group.add_argument("--video-captioner", metavar="MODEL", help="describes frames of a clip at equal distances")
    group.add_argument("--summarizer", metavar="MODEL", help="language model that makes one caption of both")


def caption_models(options: argparse.Namespace) -> CaptionModels:
    """The models of parsed options."""
    return CaptionModels(**{kind: getattr(options, option) for kind, option in OPTIONS.items()})

"""Image-text similarity and aesthetics of clips by CLIP, whose weights the user gives."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pvdm.curation.clip_frames import ClipFrames
from pvdm.curation.steps.caption_pipelines import FAILURES, check_pretrained, fingerprint, quiet_transformers
from pvdm.errors import InputError, one_line

if TYPE_CHECKING:
    from torch import Tensor

    from pvdm.curation.steps.aesthetic_head import AestheticHead

POSITIONS = (0.0, 0.5, 1.0)
"""First, middle and last frame, as in Stable Video Diffusion, appendix C."""

SHORT_SIDE = 384


@dataclass(frozen=True)
class ClipModel:
    """The weights of the step `clip`.

    Args:
        name: A CLIP of `transformers`: local folder, or name on the Hub.
        aesthetic_head: A safetensors file of linear layers that rate an image embedding, see `load_head`.
    """

    name: str | None = None
    aesthetic_head: str | Path | None = None


class SimilarityStep:
    """Compares the first, middle and last frame of a clip with its first caption, and rates how they look.

    Columns: `text_similarity`, the cosine of the embeddings in [-1, 1], null without a caption of an earlier step; and
    `aesthetics`, in the units of the head, if one is given. Both are means over the frames.
    """

    name = "clip"
    reads_scores = True

    def __init__(self, model: ClipModel | None = None) -> None:
        self.model = model or ClipModel()

    @property
    def columns(self) -> dict[str, str]:
        """The types of the columns; `aesthetics` only with a head."""
        return {"text_similarity": "float32"} | ({"aesthetics": "float32"} if self.model.aesthetic_head else {})

    def settings(self) -> dict[str, Any]:
        """The digests of the weights."""
        from pvdm.files.weights import sha256_of  # imports PyTorch

        head = self.model.aesthetic_head
        return {"model": self.model.name, "digest": fingerprint(self.model.name), "head": head and sha256_of(head)}

    def beside(self, path: Path, file: str) -> Sequence[str]:
        """Nothing."""
        return ()

    def check(self) -> None:
        """InputError if no weights are given, or not as they should be."""
        if not self.model.name:
            remedy = "give {clip_model}, a folder or a name on the Hub, or leave the step clip out"
            raise InputError("the step clip needs the weights of a CLIP", remedy)
        check_pretrained(self.model.name, option="clip_model")
        head = self.model.aesthetic_head
        if head and not Path(head).is_file():
            raise InputError(f"there is no file {head}", "give a safetensors file", option="aesthetic_head")

    def score(self, clip: ClipFrames) -> dict[str, Any]:
        """The columns of a clip; InputError if its frames cannot be decoded or the weights are of another kind."""
        captions = clip.scores.get("captions")
        pictures = self._networks.pictures(clip.at(POSITIONS, short_side=SHORT_SIDE))
        found: dict[str, Any] = {"text_similarity": None}
        if captions is not None and len(captions):
            found["text_similarity"] = float((pictures @ self._networks.text(captions[0])).mean())
        if self._head:
            found["aesthetics"] = float(self._head(pictures).mean())
        return found

    @cached_property
    def _networks(self) -> _Clip:
        return _Clip(self.model.name)

    @cached_property
    def _head(self) -> AestheticHead | None:
        from pvdm.curation.steps.aesthetic_head import load_head

        head = self.model.aesthetic_head
        return load_head(Path(head), self._networks.width) if head else None


def add_clip_options(parser: argparse.ArgumentParser) -> None:
    """The options of the step `clip`, in a group of their own."""
    group = parser.add_argument_group("CLIP", "weights of the step clip, whose scores are absent without them")
    group.add_argument("--clip-model", metavar="MODEL", help="CLIP: a folder or a name on the Hub (extra text)")
    group.add_argument("--aesthetic-head", metavar="FILE", help="safetensors of linear layers that rate an embedding")


def clip_model(options: argparse.Namespace) -> ClipModel:
    """The weights of parsed options."""
    return ClipModel(options.clip_model, options.aesthetic_head)


class _Clip:
    """A CLIP whose embeddings have length 1."""

    def __init__(self, name: str) -> None:
        import torch

        transformers = quiet_transformers()
        try:
            self._model = transformers.CLIPModel.from_pretrained(name).eval().requires_grad_(False)
            self._processor = transformers.CLIPProcessor.from_pretrained(name)
        except FAILURES as error:
            remedy = "give {clip_model}, a folder in the layout of the Hub, or a name there"
            raise InputError(f"{name} is no CLIP ({one_line(error)})", remedy, option="clip_model") from error
        self._model.to("cuda" if torch.cuda.is_available() else "cpu")
        self.width = self._model.config.projection_dim

    def pictures(self, frames: np.ndarray) -> Tensor:
        """(n, h, w, 3) uint8 RGB -> (n, width) on the CPU."""
        given = self._processor(images=list(frames), return_tensors="pt")
        model = self._model.vision_model(pixel_values=given["pixel_values"].to(self._model.device, self._model.dtype))
        return _unit(self._model.visual_projection(model.pooler_output))

    def text(self, text: str) -> Tensor:
        """(width,) on the CPU; of a long text its beginning."""
        options = {"truncation": True, "max_length": self._model.config.text_config.max_position_embeddings}
        given = self._processor(text=[text], return_tensors="pt", **options).to(self._model.device)
        model = self._model.text_model(input_ids=given["input_ids"], attention_mask=given["attention_mask"])
        return _unit(self._model.text_projection(model.pooler_output))[0]


def _unit(embeddings: Tensor) -> Tensor:
    embeddings = embeddings.float().cpu()
    return embeddings / embeddings.norm(dim=-1, keepdim=True)

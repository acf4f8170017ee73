"""Selections by the names of their sources: what each source fixes, and what it leaves open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

FRAMES = 16
"""Frames that a clip has at least with a preset, unless others are asked for: those of data.frames."""

PresetName = Literal["default", "svd", "open-sora", "koala"]


@dataclass(frozen=True)
class Condition:
    """An expression that clips must pass, and why."""

    expression: str
    reason: str = ""


@dataclass(frozen=True)
class Share:
    """A share of the clips that goes, because a score of theirs is the lowest or the highest.

    The threshold is that of the clips at hand which pass all conditions.
    """

    column: str
    share: float
    end: Literal["lowest", "highest"]
    reason: str = ""

    @property
    def title(self) -> str:
        """In words, without the threshold."""
        return f"{self.share:.0%} with the {self.end} {self.column} out"


@dataclass(frozen=True)
class Preset:
    """A selection and where it comes from.

    Args:
        source: Whose it is.
        fixes: What the source says.
        leaves_open: What it does not say.
        conditions: Beside those of `BASE`.
        shares: Of what passes the conditions.
    """

    source: str
    fixes: str
    leaves_open: str
    conditions: tuple[Condition, ...] = ()
    shares: tuple[Share, ...] = field(default=())


DECODABLE = Condition("not error", "the file can be decoded")


BASE = (
    Condition("cuts == 0", "a cut within a clip would be learned as motion"),
    Condition("not duplicate_of", "each clip counts once, and none is in training and validation alike"),
)
"""Conditions of every preset."""


def long_enough_for(frames: int) -> Condition:
    """The condition on clips for samples that span this many frames of a file."""
    return Condition(f"frames >= {frames}", f"a sample of {frames} frames fits in")


PRESETS: dict[str, Preset] = {
    "default": Preset(
        "pvdm",
        "no cut inside, decodable, long enough, no duplicate",
        "motion, text and quality, which are a matter of taste and can be conditions of a model instead",
    ),
    "svd": Preset(
        "Stable Video Diffusion, arXiv 2311.15127, appendices C and E",
        "at most 7% of the picture in boxes of text; then out go the 25% with the least motion, the 25% with the most "
        "text, the 25% with the lowest aesthetics and the 50% with the lowest similarity of picture and caption",
        "the thresholds themselves, which are those shares of your own clips, and those of the cut detectors",
        (
            Condition("text_area <= 0.07", "clips with more than 7% of their area in boxes of text are out"),
            Condition("watermark_area <= 0.07", "web addresses and the like, which pvdm counts apart, are text there"),
        ),
        (
            Share("motion", 0.25, "lowest", "near-still clips teach a model to stand still"),
            Share("text_area", 0.25, "highest", "models would write, too"),
            Share("aesthetics", 0.25, "lowest", "preferred by people (Elo of trained models)"),
            Share("text_similarity", 0.50, "lowest", "captions that do not fit"),
        ),
    ),
    "open-sora": Preset(
        "Open-Sora 1.2, docs/data_processing.md",
        "an aesthetic score of at least 5 (its example; 4.5 for the 20 million clips of Panda)",
        "thresholds of motion, text and similarity; later it filters no more, and adds the scores to the captions",
        (Condition("aesthetics >= 5", "the example of its documentation"),),
    ),
    "koala": Preset(
        "Koala-36M, arXiv 2410.08260",
        "clips end at transitions; one learned score of suitability (VTSS) takes the place of many thresholds",
        "the threshold of that score, whose weights pvdm does not have; the other scores condition the model",
    ),
}

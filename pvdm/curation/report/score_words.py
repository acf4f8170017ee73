"""What scores are called in a report, and what they measure; scores that are not named here keep their own names."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """A score's group, title, and what it measures."""

    group: str
    title: str
    meaning: str = ""


OTHER = "Other scores"

WORDS = {
    "motion": Words("Movement", "Motion", "mean optical flow in half a second, in hundredths of the short side"),
    "static": Words("Movement", "Unchanging frames", "share of frames that equal the one before"),
    "frozen": Words("Movement", "Longest standstill", "seconds without a change"),
    "shake": Words("Movement", "Shaking", "strength of camera shifts back and forth"),
    "text_area": Words("Text", "Text", "share of the picture in boxes of text"),
    "watermark_area": Words("Text", "Watermark", "share of the picture in web addresses and the like"),
    "text_similarity": Words("Text", "Caption fits", "similarity of picture and caption by CLIP"),
    "brightness": Words("Picture", "Brightness", "mean luma, 0 is black and 1 white"),
    "contrast": Words("Picture", "Contrast", "spread of the luma"),
    "sharpness": Words("Picture", "Sharpness", "variance of the Laplacian at a fixed size; low is blurred"),
    "blocking": Words("Picture", "Blocking", "edges on the codec's grid of 8 pixels over those within; 1 is none"),
    "colorfulness": Words("Picture", "Colorfulness", "spread of the colors; 0 is gray"),
    "aesthetics": Words("Picture", "Aesthetics", "as a network judges it, mostly from 1 to 10"),
    "crop_top": Words("Letterbox", "Top", "pixels"),
    "crop_bottom": Words("Letterbox", "Bottom", "pixels"),
    "crop_left": Words("Letterbox", "Left", "pixels"),
    "crop_right": Words("Letterbox", "Right", "pixels"),
    "seconds": Words("Length and size", "Length", "seconds"),
    "fps": Words("Length and size", "Frame rate", "frames per second"),
    "height": Words("Length and size", "Height", "pixels"),
    "width": Words("Length and size", "Width", "pixels"),
    "kind": Words("Kinds of clips", "Kind"),
    "cuts": Words("Kinds of clips", "Unsure cuts inside"),
    "duplicate_of": Words("Kinds of clips", "Duplicates"),
    "variable_rate": Words("Kinds of clips", "Variable frame rate"),
}


def words_of(name: str) -> Words:
    """The words for a score."""
    return WORDS.get(name, Words(OTHER, name.replace("_", " ").capitalize()))

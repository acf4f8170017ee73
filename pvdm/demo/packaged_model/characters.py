"""Sentences for the model that comes with the package, in the words of its captions."""

from __future__ import annotations

from itertools import cycle, islice

from pvdm.conditions.text import vocabulary
from pvdm.generation import VideoGenerator

BODIES = (
    "light-skinned character",
    "green orc",
    "brown-skinned character",
    "dark-skinned character",
    "grey-skinned character",
)
HAIRS = ("red", "purple curly", "orange curly", "pink spiky", "blue tied-up", "white", "green spiky")
CLOTHES = (
    "a blue shirt and white trousers",
    "chain mail and red trousers",
    "a white shirt and teal trousers",
    "a leather vest and metal leg armour",
    "a maroon shirt and a brown skirt",
    "a steel breastplate and white trousers",
)
ACTIONS = {
    "walk": "walking",
    "slash": "swinging an arm",
    "spellcast": "raising both arms",
    "thrust": "thrusting forward",
}
"""Actions by their classes."""

DIRECTIONS = ("facing the viewer", "facing right", "facing the viewer", "facing left", "seen from behind")
PROMPT_GUIDANCE = 1.0


def characters(count: int) -> list[str]:
    """Descriptions of so many characters, each with another body, hair and clothes than the one before."""
    described = zip(cycle(BODIES), cycle(HAIRS), cycle(CLOTHES), strict=False)
    return [f"a {body} with {hair} hair, wearing {clothes}" for body, hair, clothes in islice(described, count)]


def acting(actions: list[str]) -> list[str]:
    """A sentence for each action, by its class, with a character of its own."""
    directions = islice(cycle(DIRECTIONS), len(actions))
    named = zip(characters(len(actions)), actions, directions, strict=True)
    return [f"{character}, {ACTIONS[action]}, {direction}" for character, action, direction in named]


def is_told(generator: VideoGenerator) -> bool:
    """Whether a model knows all words and actions of these sentences."""
    if generator.text is None or not set(generator.classes or ()) or not set(generator.classes) <= set(ACTIONS):
        return False
    return set(vocabulary(acting(len(BODIES) * len(HAIRS) * len(CLOTHES) * ["walk"]))) <= set(generator.text.words)

"""What a client sets of the clips to come, checked value by value."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from pvdm.conditions.text import check_prompt
from pvdm.diffusion.sampler_config import SamplerConfig
from pvdm.errors import InputError
from pvdm.generation.conditioned_model import class_index
from pvdm.generation.long_video.anchor import ANCHOR_NOISE
from pvdm.studio.stream_model import StreamModel

MOST_CHARACTERS = 1000
MOST_SEED = 2**53 - 1
"""The largest whole number that JavaScript keeps exact."""

PICTURES = ("first_picture", "last_picture", "anchor")


@dataclass(frozen=True)
class StreamSettings:
    """The settings of a clip; `changed` checks them.

    Args:
        prompt: What is to be seen; None for no prompt.
        negative_prompt: What guidance by the prompt leads away from; without a prompt it is not used.
        label: Name or index of the class; None for none.
        seed: Seed of the noise, 0 ... 2^53 - 1.
        steps: Evaluations of the network, of those that the model offers.
        guidance: Weight of guidance by the previous clip, 0 ... 20; 0 turns it off.
        prompt_guidance: Weight of guidance by the prompt.
        label_guidance: Weight of guidance by the class.
        motion: The score of that name, for a model that has it; None leaves it open.
        first_picture: Picture that a new scene begins with; counts for one clip.
        last_picture: Picture that the clip ends with; counts for one clip.
        anchor: Picture that each clip is drawn to.
    """

    prompt: str | None = None
    negative_prompt: str | None = None
    label: str | None = None
    seed: int = 0
    steps: int = 4
    guidance: float = 0.0
    prompt_guidance: float = 1.0
    label_guidance: float = 1.0
    motion: float | None = None
    first_picture: str | None = None
    last_picture: str | None = None
    anchor: str | None = None

    @classmethod
    def usual(cls, model: StreamModel) -> StreamSettings:
        """The defaults for a model."""
        weights = {name: min(getattr(cls, name), most) for name, most in model.most_guidance.items()}
        return cls(steps=4 if 4 in model.steps else model.steps[0], **weights)

    def changed(self, values: object, model: StreamModel, pictures: Collection[str] = ()) -> StreamSettings:
        """These settings with some changed; InputError for an unknown name or a value that the model does not take.

        pictures: The names of the client's pictures.
        """
        if not isinstance(values, Mapping):
            raise InputError("the settings are no object of names and values", 'send {"seed": 1} or the like')
        checks = _checks(model, pictures)
        if unknown := [name for name in values if name not in checks]:
            raise InputError(f"there is no setting {str(unknown[0])[:40]!r}", f"set one of {', '.join(checks)}")
        return replace(self, **{name: checks[name](name, value) for name, value in values.items()})

    def sampler(self) -> SamplerConfig:
        """How the clip is sampled; guidance by what is not given is off, so that more streams make one batch."""
        return SamplerConfig(
            steps=self.steps,
            guidance=self.guidance,
            prompt_guidance=self.prompt_guidance if self.prompt else 0.0,
            label_guidance=self.label_guidance if self.label is not None else 0.0,
            hint_noise=ANCHOR_NOISE if self.anchor else 0.0,
        )

    def given_pictures(self) -> dict[str, str]:
        """The names of the pictures that are set, by their place."""
        return {name: getattr(self, name) for name in PICTURES if getattr(self, name) is not None}

    def to_json(self) -> dict[str, Any]:
        """All settings by name."""
        return asdict(self)


Check = Callable[[str, Any], Any]


def _checks(model: StreamModel, pictures: Collection[str]) -> dict[str, Check]:
    """For each setting a function (name, value) -> value that raises InputError."""
    checks = {
        "prompt": _optional(_prompt(model)),
        "negative_prompt": _optional(_prompt(model)),
        "label": _optional(_label(model)),
        "seed": _seed,
        "steps": _steps(model),
        **{name: _number(0.0, most) for name, most in model.most_guidance.items()},
        "motion": _optional(_motion(model)),
        **dict.fromkeys(PICTURES, _optional(_picture(model, pictures))),
    }
    return {field.name: checks[field.name] for field in fields(StreamSettings)}


def _optional(check: Check) -> Check:
    return lambda name, value: None if value is None else check(name, value)


def _prompt(model: StreamModel) -> Check:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise _wrong(name, value, "a text, or null for none")
        if len(value) > MOST_CHARACTERS:
            raise InputError(f"the prompt has {len(value)} characters", f"give at most {MOST_CHARACTERS}")
        if model.text is None:
            raise InputError("this model takes no prompts", "leave the prompt out")
        return check_prompt(value, model.text)

    return check


def _label(model: StreamModel) -> Check:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > MOST_CHARACTERS:
            raise _wrong(name, value, "the name of a class, or null for none")
        names = model.classes or ()
        return names[class_index(value, len(names) or None, names)]

    return check


def _seed(name: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MOST_SEED:
        raise _wrong(name, value, f"a whole number from 0 to {MOST_SEED}")
    return value


def _steps(model: StreamModel) -> Check:
    def check(name: str, value: Any) -> int:
        if type(value) is not int or value not in model.steps:
            raise _wrong(name, value, f"one of {', '.join(map(str, model.steps))}")
        return value

    return check


def _number(low: float, high: float) -> Check:
    def check(name: str, value: Any) -> float:
        if type(value) not in (int, float) or not low <= value <= high:  # NaN is neither
            raise _wrong(name, value, f"a number from {low:g} to {high:g}")
        return float(value)

    return check


def _motion(model: StreamModel) -> Check:
    def check(name: str, value: Any) -> float:
        if name not in model.scores:
            raise InputError(f"this model was not trained with the score {name}", "leave it out")
        return _number(0.0, math.nextafter(1e6, 0))(name, value)

    return check


def _picture(model: StreamModel, pictures: Collection[str]) -> Check:
    def check(name: str, value: Any) -> str:
        if "hint" not in model.takes:
            raise InputError("this model was not trained with given pictures", "leave them out")
        if not isinstance(value, str) or value not in pictures:
            raise _wrong(name, value, "the name of a picture that you have uploaded")
        return value

    return check


def _wrong(name: str, value: Any, wanted: str) -> InputError:
    found = str(value)
    return InputError(f"{name} is {found if len(found) <= 40 else found[:40] + '...'}", f"give {wanted}", option=name)

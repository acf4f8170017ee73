"""What clients may set, and the sentence for what they may not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from generation.small_models import hinted_generator, labelled_generator, small_generator, told_generator
from studio_stubs import MODEL

from pvdm.errors import InputError
from pvdm.studio.stream_model import StreamModel
from pvdm.studio.streams.stream_settings import ANCHOR_NOISE, StreamSettings

USUAL = StreamSettings.usual(MODEL)


def test_settings_change_one_by_one():
    given = {"prompt": "a red ball", "label": "1", "seed": 2**53 - 1, "steps": 8, "guidance": 1, "anchor": "p"}
    found = USUAL.changed(given, MODEL, {"p"})
    assert found == replace(USUAL, **{**given, "label": "jump", "guidance": 1.0})
    assert found.changed({"prompt": None, "anchor": None, "label": "run"}, MODEL).to_json()["label"] == "run"
    assert found.given_pictures() == {"anchor": "p"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["seed"], "the settings are no object of names and values; send"),
        ({"speed": 1}, "there is no setting 'speed'; set one of prompt, negative_prompt, label, seed"),
        ({"prompt": "a" * 10_000}, "the prompt has 10000 characters; give at most 1000"),
        ({"prompt": "a dog"}, "this model does not know the word 'dog'"),
        ({"prompt": " "}, "the prompt is empty"),
        ({"prompt": {"a": 1}}, "prompt is {'a': 1}; give a text, or null for none"),
        ({"label": "fly"}, "'fly' is none of this model's 2 classes"),
        ({"label": 1}, "label is 1; give the name of a class, or null for none"),
        ({"seed": -1}, "seed is -1; give a whole number from 0 to 9007199254740991"),
        ({"seed": True}, "seed is True; give a whole number"),
        ({"seed": 1.5}, "seed is 1.5; give a whole number"),
        ({"steps": 3}, "steps is 3; give one of 2, 4, 8, 20"),
        ({"guidance": float("nan")}, "guidance is nan; give a number from 0 to 20"),
        ({"prompt_guidance": "2"}, "prompt_guidance is 2; give a number from 0 to 20"),
        ({"motion": 1}, "this model was not trained with the score motion; leave it out"),
        ({"first_picture": "other"}, "first_picture is other; give the name of a picture that you have uploaded"),
        ({"anchor": "../../etc/passwd" + "x" * 99}, "anchor is ../../etc/passwd"),
    ],
)
def test_what_is_refused_is_one_sentence(values, message):
    with pytest.raises(InputError) as error:
        USUAL.changed(values, MODEL, {"p"})
    assert str(error.value).startswith(message) and len(str(error.value)) < 250


def test_what_a_model_does_not_take_is_refused():
    plain = replace(MODEL, classes=None, text=None, takes=("context",))
    for values, words in (({"prompt": "a"}, "prompts"), ({"label": "0"}, "classes"), ({"anchor": "p"}, "pictures")):
        with pytest.raises(InputError, match=words):
            USUAL.changed(values, plain, {"p"})


def test_scores_are_numbers_where_the_model_has_them():
    model = replace(MODEL, scores=("motion",))
    assert USUAL.changed({"motion": 2}, model).motion == 2.0
    with pytest.raises(InputError, match="motion is -1"):
        USUAL.changed({"motion": -1}, model)


def test_guidance_by_what_is_not_given_is_off():
    assert USUAL.sampler() == replace(USUAL, prompt_guidance=7.0, label_guidance=7.0).sampler()
    told = replace(USUAL, prompt="a", label="run", anchor="p").sampler()
    assert (told.prompt_guidance, told.label_guidance, told.hint_noise) == (1.0, 1.0, ANCHOR_NOISE)


def test_a_weight_that_the_network_is_told_ends_where_it_was_tuned_to():
    generator = labelled_generator()
    generator.denoiser.config = replace(generator.denoiser.config, guidance_input="label_guidance", guidance_most=0.5)
    model = StreamModel.of(generator, "told")
    usual = StreamSettings.usual(model)
    assert (usual.label_guidance, usual.prompt_guidance) == (0.5, 1.0)
    with pytest.raises(InputError, match=r"label_guidance is 0\.6; give a number from 0 to 0\.5"):
        usual.changed({"label_guidance": 0.6, "guidance": 20}, model)


def test_the_facts_of_models():
    told = StreamModel.of(told_generator(), "told")
    assert told.words == ("a", "ball", "blue", "of", "red") and told.recombines and told.takes == ("context", "text")
    assert StreamModel.of(hinted_generator(), "hinted").takes == ("context", "hint", "blurred")
    assert StreamModel.of(labelled_generator(), "labelled").classes == ("Archery", "Biking", "Swing")
    assert StreamModel.of(labelled_generator(None), "nameless").classes == ("0", "1", "2")
    facts = StreamModel.of(small_generator(), "small").to_json()
    wanted = {
        "name": "small",
        "frames": 8,
        "fps": 10.0,
        "width": 32,
        "height": 32,
        "classes": None,
        "words": None,
        "examples": (),
    }
    assert facts.items() >= {**wanted, "extends": True, "steps": (2, 4, 8, 20), "device": "cpu"}.items()
    with pytest.raises(InputError, match="this model is a stage-1 autoencoder without a denoiser"):
        StreamModel.of(small_generator(denoiser=False), "half")

"""The step `clip`: cosines and ratings as plain equations give them, by a small random CLIP."""

import argparse

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pvdm.curation.clip_frames import ClipFrames
from pvdm.curation.steps.image_text_similarity import ClipModel, SimilarityStep, add_clip_options, clip_model
from pvdm.errors import InputError
from pvdm.video import VideoInfo

WIDTH = 6
FRAMES = np.random.default_rng(0).integers(0, 256, (3, 40, 60, 3), dtype=np.uint8)


class Pictures(ClipFrames):
    """A clip of random frames."""

    def at(self, positions, *, short_side=None):
        assert list(positions) == [0, 0.5, 1]
        return FRAMES


def clip_with(**scores) -> ClipFrames:
    return Pictures(None, VideoInfo(10, 40, 60, 25.0), 0, 9, "a.mp4", scores)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> str:
    small = pytest.importorskip("small_captioners")
    torch.manual_seed(0)
    return small.clip(tmp_path_factory.mktemp("clip"), WIDTH)


@pytest.fixture(scope="module")
def embeddings(weights) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the frames and of "a horse runs", by the whole model at once."""
    import transformers

    model, processor = (getattr(transformers, kind).from_pretrained(weights) for kind in ("CLIPModel", "CLIPProcessor"))
    with torch.no_grad():
        found = model(**processor(text=["a horse runs"], images=list(FRAMES), return_tensors="pt"))
    return found.image_embeds, found.text_embeds


def test_similarity_is_the_mean_cosine_with_the_first_caption(weights, embeddings):
    step = SimilarityStep(ClipModel(weights))
    step.check()
    assert step.columns == {"text_similarity": "float32"}
    pictures, text = embeddings
    expected = torch.nn.functional.cosine_similarity(pictures, text).mean().item()
    found = step.score(clip_with(captions=["a horse runs", "fast"]))
    assert found == {"text_similarity": pytest.approx(expected, abs=1e-5)}
    long = step.score(clip_with(captions=["a horse runs " * 20]))
    assert -1 <= long["text_similarity"] <= 1


def test_without_a_caption_there_is_no_similarity(weights):
    step = SimilarityStep(ClipModel(weights))
    assert [step.score(clip)["text_similarity"] for clip in (clip_with(), clip_with(captions=[]))] == [None, None]


@pytest.mark.parametrize("activation", [None, "relu"])
def test_aesthetics_is_the_mean_rating_of_the_head(weights, embeddings, tmp_path, activation):
    torch.manual_seed(1)
    first, second = torch.nn.Linear(WIDTH, 4), torch.nn.Linear(4, 1)
    between = torch.nn.ReLU() if activation else torch.nn.Identity()
    head = torch.nn.Sequential(first, torch.nn.Dropout(), between, second).eval()
    state = {
        f"layers.{place}.{name}": value
        for place, layer in ((0, first), (10, second))
        for name, value in layer.state_dict().items()
    }
    save_file(state, tmp_path / "head.safetensors", {"activation": activation} if activation else None)
    step = SimilarityStep(ClipModel(weights, tmp_path / "head.safetensors"))
    step.check()
    assert set(step.columns) == {"text_similarity", "aesthetics"}
    expected = head(embeddings[0]).mean().item()
    assert step.score(clip_with())["aesthetics"] == pytest.approx(expected, abs=1e-5)
    assert step.settings()["head"] != SimilarityStep(ClipModel(weights)).settings()["head"]


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"weight": torch.zeros(1, 5), "bias": torch.zeros(1)}, r"has a layer of \[1, 5\] where one of 6 inputs"),
        ({"weight": torch.zeros(2, WIDTH)}, "does not end in one rating"),
        ({"scale": torch.zeros(1)}, "does not end in one rating"),
        (None, "head is no safetensors file"),
    ],
)
def test_heads_that_do_not_fit_are_refused(weights, tmp_path, tensors, message):
    if tensors is None:
        (tmp_path / "head").write_bytes(b"no tensors")
    else:
        save_file(tensors, tmp_path / "head")
    with pytest.raises(InputError, match=message):
        SimilarityStep(ClipModel(weights, tmp_path / "head")).score(clip_with())


def test_options():
    parser = argparse.ArgumentParser()
    add_clip_options(parser)
    assert clip_model(parser.parse_args([])) == ClipModel()
    given = parser.parse_args(["--clip-model", "a/b", "--aesthetic-head", "c"])
    assert clip_model(given) == ClipModel("a/b", "c")


def test_without_weights_the_step_says_what_it_needs(tmp_path, weights):
    with pytest.raises(InputError, match="the step clip needs the weights of a CLIP; give --clip-model"):
        SimilarityStep().check()
    with pytest.raises(InputError, match="there is no file nohead"):
        SimilarityStep(ClipModel(weights, "nohead")).check()
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="is no CLIP"):
        SimilarityStep(ClipModel(str(tmp_path))).score(clip_with())

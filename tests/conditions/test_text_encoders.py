"""Text encoders: words by their hashes, and those of transformers, here small ones made on the spot."""

from __future__ import annotations

import pytest
import torch

from pvdm.conditions import text as module
from pvdm.conditions.text import TextConfig, check_prompt, text_encoder, vocabulary, with_examples, with_words
from pvdm.errors import ArgumentError, InputError

WORDS = TextConfig(tokens=4, words=("a", "ball", "red", "rolls"))


def test_words_are_vectors_by_their_hash_in_their_order():
    encode = text_encoder(WORDS)
    states, mask = encode(["A red, ball!", "ball a", "", "one two three four five"])
    assert states.shape == (4, 4, encode.width) and mask.sum(1).tolist() == [3, 2, 0, 4]
    assert torch.equal(states[0, 0], states[1, 1]) and torch.equal(states[0, 2], states[1, 0])
    assert not states[2].any() and not states[0, 3].any()
    assert 0.7 < states[mask].std() < 1.3
    far = states[3] @ states[3].T / encode.width
    assert (far - far.diag().diag()).abs().max() < 0.5
    assert torch.equal(text_encoder(WORDS)(["red"])[0], encode(["RED"])[0])


def test_the_vocabulary_is_that_of_the_captions_and_may_grow():
    assert vocabulary(["a red ball", "A ball, rolling!"]) == ("a", "ball", "red", "rolling")
    assert with_words(WORDS, ["a cube"]).words == ("a", "ball", "cube", "red", "rolls")
    other = TextConfig("somewhere")
    assert with_words(other, ["a cube"]) is other


def test_a_few_captions_that_fit_are_examples_whatever_their_order():
    captions = [f"a ball {number}" for number in range(40)] + ["a ball 1", "", "one two three four five"]
    examples = with_examples(WORDS, captions).examples
    assert len(set(examples)) == len(examples) == 8 and set(examples) < set(captions[:40])
    assert with_examples(WORDS, reversed(captions)).examples == examples
    assert set(with_examples(WORDS, captions[:2]).examples) == set(captions[:2])


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("a red bal", r"does not know the word 'bal'; give words of its 4, such as ball"),
        (" ,. ", "the prompt is empty"),
        ("", "the prompt is empty"),
        ("a a a a a", "the prompt has 5 words; this model takes 4"),
    ],
)
def test_a_prompt_that_the_model_cannot_read_is_refused(prompt, message):
    with pytest.raises(InputError, match=message):
        check_prompt(prompt, WORDS)
    assert check_prompt("A RED ball", WORDS) == "A RED ball"
    assert check_prompt("anything at all", TextConfig("somewhere")) == "anything at all"


def test_impossible_settings_and_unknown_encoders_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ArgumentError, match="tokens is 0"):
        TextConfig(tokens=0)
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="all-MiniLM-L6-v2 is not installed"):
        text_encoder(TextConfig("minilm"))


class TestTransformers:
    """Needs transformers, an optional dependency."""

    @pytest.fixture(params=["bert", "t5", "clip"])
    def folder(self, request, tmp_path):
        transformers = pytest.importorskip("transformers")
        words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "red", "ball", "left", "right"]
        tokenizers = pytest.importorskip("tokenizers")
        plain = tokenizers.Tokenizer(tokenizers.models.WordLevel({w: i for i, w in enumerate(words)}, "[UNK]"))
        plain.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "eos_token": "[SEP]"}
        transformers.PreTrainedTokenizerFast(tokenizer_object=plain, **special).save_pretrained(tmp_path)
        sizes = {"vocab_size": len(words), "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        made = {
            "bert": lambda: transformers.BertModel(transformers.BertConfig(**sizes, intermediate_size=16)),
            "t5": lambda: transformers.T5EncoderModel(
                transformers.T5Config(vocab_size=len(words), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
            ),
            "clip": lambda: transformers.CLIPModel(
                transformers.CLIPConfig(
                    text_config={**sizes, "intermediate_size": 16, "eos_token_id": 3},
                    vision_config={
                        "hidden_size": 16,
                        "num_hidden_layers": 1,
                        "num_attention_heads": 2,
                        "intermediate_size": 16,
                        "image_size": 32,
                        "patch_size": 16,
                    },
                )
            ),
        }
        made[request.param]().save_pretrained(tmp_path)
        return tmp_path

    def test_states_are_those_of_the_last_layer_and_see_each_other(self, folder):
        encode = text_encoder(TextConfig(str(folder), tokens=6))
        assert encode.width == 16
        states, mask = encode(["a red ball", "a ball", ""])
        assert states.shape == (3, 6, 16) and mask.sum(1).tolist()[2] == 0
        assert mask[0].sum() == mask[1].sum() + 1 and not states[~mask].any()
        left, right = encode(["left a ball", "right a ball"])[0]
        assert not torch.allclose(left[2], right[2])
        again, _ = encode(["a red ball"])
        assert torch.equal(again[0], states[0])

    def test_a_folder_without_an_encoder_is_named(self, tmp_path):
        pytest.importorskip("transformers")
        with pytest.raises(InputError, match="there is no text encoder"):
            text_encoder(TextConfig(str(tmp_path)))

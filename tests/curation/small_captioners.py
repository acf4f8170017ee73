"""Small models of `transformers` with random weights that say one word, or anything, saved as a user's would be."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers
from torch import Tensor

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "horse", "runs", "fast", "<image>")
SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
TOKENS = {"vocab_size": len(WORDS), "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
TEXT = {**SMALL, **TOKENS, "max_position_embeddings": 400}
PICTURES = {**SMALL, "image_size": 32, "patch_size": 16}
SIZE = {"height": 32, "width": 32}

CHAT = (
    "{% for message in messages %}{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{{ '<image> ' if part['type'] == 'image' else part['text'] }}{% endfor %}"
    "{% endif %}{% endfor %}"
)


def tokenizer(folder: Path) -> transformers.PreTrainedTokenizerBase:
    """Of the few WORDS alone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    found = transformers.BertTokenizerFast.from_pretrained(folder)
    found.add_special_tokens({"additional_special_tokens": ["<image>"]})
    return found


def saying(word: str, bias: Tensor) -> None:
    """Makes a model say a word whatever it is given, by the bias of its last layer."""
    with torch.no_grad():
        bias[WORDS.index(word)] = 100


def blip(folder: Path, word: str) -> str:
    """A captioner of single pictures."""
    text = {**TEXT, "encoder_hidden_size": 16, "sep_token_id": 3}
    model = transformers.BlipForConditionalGeneration(transformers.BlipConfig(text_config=text, vision_config=PICTURES))
    saying(word, model.text_decoder.cls.predictions.bias)
    model.save_pretrained(folder)
    pictures = transformers.BlipImageProcessor(size=SIZE)
    transformers.BlipProcessor(pictures, tokenizer(folder)).save_pretrained(folder)
    return str(folder)


def git(folder: Path, word: str, frames: int) -> str:
    """A captioner of videos of a number of frames."""
    config = transformers.GitConfig(vision_config=PICTURES, num_image_with_embedding=frames, **TEXT)
    model = transformers.GitForCausalLM(config)
    saying(word, model.output.bias)
    model.save_pretrained(folder)
    transformers.GitProcessor(_clip_pictures(), tokenizer(folder)).save_pretrained(folder)
    return str(folder)


def llava(folder: Path) -> str:
    """A model that chats about any number of pictures, and says any words."""
    pictures, text = transformers.CLIPVisionConfig(**PICTURES), transformers.LlamaConfig(num_key_value_heads=2, **TEXT)
    options = {"image_token_id": WORDS.index("<image>"), "vision_feature_layer": -1}
    config = transformers.LlavaConfig(vision_config=pictures, text_config=text, **options)
    model = transformers.LlavaForConditionalGeneration(config)
    model.generation_config.suppress_tokens = [place for place, word in enumerate(WORDS) if not word.isalpha()]
    model.save_pretrained(folder)
    transformers.LlavaProcessor(
        _clip_pictures(),
        tokenizer(folder),
        patch_size=PICTURES["patch_size"],
        vision_feature_select_strategy="default",
        chat_template=CHAT,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    return str(folder)


def language_model(folder: Path, word: str, *, chats: bool) -> str:
    model = transformers.BertLMHeadModel(transformers.BertConfig(is_decoder=True, **TEXT))
    saying(word, model.cls.predictions.bias)
    model.save_pretrained(folder)
    words = tokenizer(folder)
    words.chat_template = CHAT if chats else None
    words.save_pretrained(folder)
    return str(folder)


def clip(folder: Path, width: int) -> str:
    """A CLIP with embeddings of a width."""
    config = transformers.CLIPConfig(text_config={**TEXT, "max_position_embeddings": 8}, vision_config=PICTURES)
    config.projection_dim = width
    transformers.CLIPModel(config).save_pretrained(folder)
    transformers.CLIPProcessor(_clip_pictures(), tokenizer(folder)).save_pretrained(folder)
    return str(folder)


def _clip_pictures() -> transformers.CLIPImageProcessor:
    return transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=SIZE)

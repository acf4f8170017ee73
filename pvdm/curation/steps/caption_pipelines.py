"""Captioners and language models of `transformers`, by a local folder or their name on the Hub."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pvdm.errors import InputError, one_line

REMEDY = "give a folder in the layout of the Hub, or a name on the Hub"
MOST_TOKENS = 80
ENDS = 1 << 20
"""Bytes at each end of a file that tell models apart."""

FAILURES = (OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, ImportError, AssertionError)
"""What `transformers` raises for a folder or a name that holds no such model."""


class PretrainedModel:
    """A model that `transformers.pipeline` loads when it is first used, on the GPU if there is one.

    Models with a chat template are asked about pictures by a prompt. Captioners without one (BLIP, GIT) are not: they
    describe one picture, or, as GIT trained on videos does, the number of frames in their configuration.

    Args:
        name: Local folder, or name on the Hub.
        task: `image-text-to-text`, or `text-generation` for a language model.
    """

    def __init__(self, name: str, task: str) -> None:
        self.name, self.task = name, task

    def __call__(self, prompt: str, pictures: Sequence[np.ndarray] = ()) -> str:
        """The answer to a prompt about pictures, (h, w, 3) uint8 RGB; InputError if the model cannot give one."""
        try:
            if pictures and not self._chats:
                return self._caption(pictures)
            given = self._conversation(prompt, pictures) if self._chats else prompt
            return self._ask(given)
        except FAILURES as error:
            problem = f"{self.name} gives no caption ({one_line(error)})"
            raise InputError(problem, f"give a model for {self.task}") from error

    def _ask(self, given: Any) -> str:
        options = {"max_new_tokens": MOST_TOKENS, "return_full_text": False}
        if self.task == "text-generation":
            answers = self._pipeline(given, do_sample=False, **options)
        else:
            answers = self._pipeline(text=given, generate_kwargs={"do_sample": False}, **options)
        return answers[0]["generated_text"]

    def _conversation(self, prompt: str, pictures: Sequence[np.ndarray]) -> list[dict[str, Any]]:
        from PIL import Image

        if not pictures:
            return [{"role": "user", "content": prompt}]
        content: list[dict[str, Any]] = [{"type": "image", "image": Image.fromarray(picture)} for picture in pictures]
        return [{"role": "user", "content": [*content, {"type": "text", "text": prompt}]}]

    def _caption(self, pictures: Sequence[np.ndarray]) -> str:
        import torch

        model, processor = self._pipeline.model, self._pipeline.processor
        wanted = getattr(model.config, "num_image_with_embedding", None) or 1
        if len(pictures) > 1 and wanted == 1:
            raise ValueError("it describes single pictures, not videos")
        chosen = [pictures[round(place)] for place in np.linspace(0, len(pictures) - 1, wanted)]
        values = processor(images=chosen, return_tensors="pt")["pixel_values"].to(model.device, model.dtype)
        values = values[None] if wanted > 1 else values
        with torch.no_grad():
            tokens = model.generate(pixel_values=values, max_new_tokens=MOST_TOKENS, do_sample=False)
        return processor.batch_decode(tokens, skip_special_tokens=True)[0]

    @property
    def _chats(self) -> bool:
        pipeline = self._pipeline
        template = pipeline.tokenizer if self.task == "text-generation" else pipeline.processor
        return getattr(template, "chat_template", None) is not None

    @cached_property
    def _pipeline(self) -> Any:
        import torch

        transformers = quiet_transformers()
        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            return transformers.pipeline(self.task, model=self.name, device=device)
        except FAILURES as error:
            problem = f"there is no model for {self.task} at {self.name} ({one_line(error)})"
            raise InputError(problem, REMEDY) from error


def quiet_transformers() -> ModuleType:
    """The package `transformers`, without its bars of progress among ours and its lists of all models."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity(logging.CRITICAL)
    return transformers


def check_pretrained(name: str, *, option: str | None = None) -> None:
    """InputError if `transformers` is absent or knows no model of this name, which is a folder if it looks like one."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            problem = f"{name} holds no config.json, so it is no model"
            raise InputError(problem, "give a folder in the layout of the Hub", option=option)
    elif len(folder.parts) > 2 or name.startswith((".", "~")) or folder.is_absolute():
        raise InputError(f"there is no folder {name}", "give an existing one, or a name on the Hub", option=option)
    if find_spec("transformers") is None:
        raise InputError(f"{name} needs transformers", "pip install 'pvdm[text]'", option=option)
    try:
        quiet_transformers().AutoConfig.from_pretrained(name)
    except FAILURES as error:
        first = str(error).partition("\n")[0]
        raise InputError(f"there is no model {name} ({one_line(first)})", REMEDY, option=option) from error


def fingerprint(name: str) -> str:
    """What tells a model from others: of a folder, a digest of its files' names, sizes and ends; else the name."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        return name
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.name}:{size}:".encode())
        with path.open("rb") as file:
            digest.update(file.read(ENDS))
            file.seek(max(0, size - ENDS))
            digest.update(file.read(ENDS))
    return digest.hexdigest()

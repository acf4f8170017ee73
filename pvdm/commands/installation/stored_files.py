"""Where pvdm and the libraries it downloads with store files, and the models that come with the package."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pvdm.commands.installation.finding import Finding, amount
from pvdm.data.index_cache import cache_folder
from pvdm.errors import InputError
from pvdm.generation.packaged_models import packaged_models

MOST_FILES = 20_000
"""After which a folder's size is a lower bound."""


def cache_findings() -> Iterator[Finding]:
    """The caches, by the variable that moves each, with their sizes."""
    from huggingface_hub.constants import HF_HUB_CACHE
    from torch.hub import get_dir

    try:
        own = cache_folder()
    except RuntimeError:
        yield Finding("PVDM_CACHE", "this user has no home directory", "absent", "set PVDM_CACHE to a folder")
    else:
        yield _cache("PVDM_CACHE", own)
    yield _cache("TORCH_HOME", Path(get_dir()))
    yield _cache("HF_HOME", Path(HF_HUB_CACHE))


def model_findings() -> Iterator[Finding]:
    """The packaged models, after their digests were compared."""
    try:
        models = packaged_models()
    except InputError as error:
        yield Finding("models", error.problem, "broken", error.remedy)
        return
    if not models:
        yield Finding("models", "none comes with this version of pvdm")
    for name, model in models.items():
        try:
            model.check()
        except InputError as error:
            yield Finding(name, error.problem, "broken", error.remedy)
        else:
            yield Finding(name, f"intact, {amount(model.size)}")


def _cache(variable: str, folder: Path) -> Finding:
    if not folder.is_dir():
        return Finding(variable, f"{folder}, empty")
    sizes = [*_sizes(folder)]
    found = f"{folder}, {'at least ' * (len(sizes) == MOST_FILES)}{amount(sum(sizes))}"
    if not os.access(folder, os.W_OK):
        return Finding(variable, f"{found}, not writable", "absent", f"set {variable} to a folder that you may write")
    return Finding(variable, found)


def _sizes(folder: Path) -> Iterator[int]:
    """Bytes of the files below a folder, of `MOST_FILES` at most; links are not followed."""
    left = MOST_FILES
    for place, _, names in os.walk(folder, onerror=None):
        for name in names[:left]:
            yield Path(place, name).lstat().st_size
        left -= len(names[:left])
        if not left:
            return

"""An adapter as a file: safetensors with its sizes and the digest of the denoiser that it was trained for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from pvdm.diffusion.adapters.low_rank import AdapterConfig
from pvdm.errors import ArgumentError, InputError
from pvdm.files.atomic_write import replacing
from pvdm.runtime.finite import check_finite

FORMAT = "pvdm-adapter"
"""What the key `format` of the file's metadata says."""


@dataclass(frozen=True)
class StoredAdapter:
    """The content of a file.

    Args:
        tensors: As of `LowRankAdapter.tensors`.
        config: Its sizes.
        base: `sha256_of_weights` of the denoiser without any adapter.
        words: Those of its captions, for a model that knows the words of its training alone.
    """

    tensors: Mapping[str, Tensor]
    config: AdapterConfig
    base: str
    words: tuple[str, ...] = ()

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Writes the file, as float16; InputError if it exists, unless `overwrite`, or if a value is not finite."""
        from safetensors.torch import save

        half = {name: value.detach().cpu().to(torch.float16).contiguous() for name, value in self.tensors.items()}
        check_finite(half, "the adapter", "train it with a lower learning rate")
        metadata = {"format": FORMAT, "config": json.dumps(asdict(self.config)), "base": self.base}
        if self.words:
            metadata["words"] = " ".join(self.words)
        with replacing(Path(path), overwrite=overwrite) as temporary:
            temporary.write_bytes(save(half, metadata))

    @classmethod
    def load(cls, path: str | Path) -> StoredAdapter:
        """Inverse of `save`; InputError if there is no such file, or it is damaged or no adapter."""
        from safetensors import SafetensorError, safe_open

        path = Path(path)
        if not path.is_file():
            raise InputError(f"there is no adapter {path}", "give a .safetensors file of pvdm")
        try:
            with safe_open(path, framework="pt") as file:
                metadata, names = file.metadata() or {}, file.keys()
                tensors = {name: file.get_tensor(name).float() for name in names}
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path} cannot be read, it is damaged or not an adapter", "give another") from error
        if metadata.get("format") != FORMAT or not tensors:
            raise InputError(f"{path} is not an adapter of pvdm", "give another")
        try:
            config, base = AdapterConfig(**json.loads(metadata["config"])), metadata["base"]
        except (ArgumentError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is not an adapter of this version of pvdm ({error})", "update pvdm") from error
        check_finite(tensors, path, "train it with a lower learning rate")
        return cls(tensors, config, base, tuple(metadata.get("words", "").split()))

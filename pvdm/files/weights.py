"""Published files of weights: given by path, cached or fetched on first use, and identified by digest."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO
from urllib.request import urlopen

import torch
from torch import Tensor, nn
from torch.hub import get_dir

from pvdm.errors import InputError, one_line
from pvdm.files.atomic_write import replacing

BLOCK = 1 << 20
TIMEOUT = 60
"""Seconds without data after which a download is abandoned."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightsFile:
    """A published file of weights.

    Args:
        name: Its file name, also in torch's cache.
        url: The address it is fetched from; None if there is none.
        sha256: Its SHA-256 or the start of it; None if it is not known, and any content is accepted.
        remedy: How to give its path or do without it, for errors.
    """

    name: str
    url: str | None
    sha256: str | None
    remedy: str

    def path(self, given: str | Path | None = None) -> Path:
        """The given file, or the one in torch's cache, which is fetched if it is absent.

        `InputError` if the file is missing and cannot be fetched, or if a file of this name has another digest.
        """
        path = Path(given) if given else self.cached
        if given and not path.is_file():
            raise InputError(f"there is no file {path} ({self.name} is needed)", self._source)
        if not path.is_file():
            self._fetch(path)
        elif self.sha256 and path.name == self.name and not sha256_of(path).startswith(self.sha256):
            raise InputError(
                f"{path} is damaged (its SHA-256 should start with {self.sha256[:8]})",
                f"delete it and {self._source}",
            )
        return path

    def record(self, path: Path) -> dict[str, str | None]:
        """The record of a file for a result: its name, its digest, and the address of the published file."""
        return {"file": path.name, "sha256": sha256_of(path), "url": self.url}

    @property
    def cached(self) -> Path:
        """Its place in torch's cache."""
        return Path(get_dir()) / "checkpoints" / self.name

    @property
    def _source(self) -> str:
        return f"fetch {self.url} or {self.remedy}" if self.url else self.remedy

    def _fetch(self, path: Path) -> None:
        if self.url is None:
            raise InputError(f"{self.name} is needed and has no address to fetch it from", self.remedy)
        try:
            with replacing(path, overwrite=True) as temporary:
                self._download(temporary)
        except _Broken as error:
            raise InputError(
                f"{self.name} is needed and {self.url} cannot be fetched ({one_line(error)})",
                f"place the file at {path} or {self.remedy}",
            ) from error

    def _download(self, path: Path) -> None:
        """Writes the file and checks it; `_Broken` says what is wrong with the file or the connection."""
        logger.info("fetching %s for %s", self.url, self.name)
        try:
            response = urlopen(self.url, timeout=TIMEOUT)
        except (OSError, HTTPException, ValueError) as error:
            raise _Broken(getattr(error, "reason", None) or error) from error
        with response, path.open("wb") as file:
            if response.headers.get_content_type() == "text/html":
                raise _Broken("the server returned a web page")
            size = _copy(response, file)
        total = response.headers.get("Content-Length")
        if total is not None and size != int(total):
            raise _Broken(f"the connection ended after {size} of {total} bytes")
        if self.sha256 and not (digest := sha256_of(path)).startswith(self.sha256):
            raise _Broken(f"its SHA-256 starts with {digest[:8]} and should start with {self.sha256[:8]}")


@dataclass(frozen=True)
class PackagedWeights(WeightsFile):
    """A file of weights that a Python package holds."""

    package: str = ""
    folder: str = ""

    @property
    def cached(self) -> Path:
        """Its place in the package; a path that does not exist if that is not installed."""
        found = find_spec(self.package)
        places = list(found.submodule_search_locations or ()) if found else []
        return Path(places[0] if places else self.package, self.folder, self.name)


class _Broken(Exception):
    """A download that failed."""


def _copy(response: BinaryIO, file: BinaryIO) -> int:
    """Copies and returns the number of bytes; errors in writing are not `_Broken`."""
    size = 0
    while block := _block(response):
        size += file.write(block)
    return size


def _block(response: BinaryIO) -> bytes:
    try:
        return response.read(BLOCK)
    except (OSError, HTTPException) as error:
        raise _Broken(error) from error


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_weights(network: nn.Module) -> str:
    """The SHA-256 of all weights and buffers, sorted by key, in hexadecimal digits."""
    return sha256_of_state(network.state_dict())


def sha256_of_state(state: Mapping[str, Tensor]) -> str:
    """The SHA-256 of the tensors of a `state_dict`, sorted by key, in hexadecimal digits."""
    digest = hashlib.sha256()
    for key, value in sorted(state.items()):
        content = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)  # NumPy has no bfloat16
        digest.update(key.encode() + content.numpy().tobytes())
    return digest.hexdigest()

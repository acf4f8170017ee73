"""What the tests of generation share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


class Code:
    """Unpickled, it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def code() -> type[Code]:
    """`code(folder)` -> an object that would make the folder if its pickle were believed."""
    return Code

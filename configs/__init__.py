"""The configs of training: `pvdm fit -c configs/autoencoder.yaml` finds them here, installed as `pvdm.configs`."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """All configs as they are asked for: `autoencoder`, `data/ucf101`, ..."""
    found = (path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.yaml"))
    return sorted(found, key=lambda name: ("/" in name, name))


def find(name: str) -> Path | None:
    """The file of a config, named `autoencoder`, `autoencoder.yaml` or `configs/autoencoder.yaml`; None if unknown."""
    name = name.removeprefix("configs/").removesuffix(".yaml")
    return FOLDER / f"{name}.yaml" if name in names() else None


def summary(path: Path) -> str:
    """The comment in a config's first line: what it is."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip()

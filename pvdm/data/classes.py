"""A folder with one sub-folder per class, as people keep their own labelled videos."""

from collections.abc import Sequence
from pathlib import Path

from pvdm.data.folder import VALIDATION_FOLDERS, find_split
from pvdm.data.parts import Entry, Parts, first_folder
from pvdm.errors import InputError


def find_classes(root: str | Path, *, validation_fraction: float = 0.1, seed: int = 0) -> Parts:
    """`<class>/...` or `train/<class>/...` and `val/<class>/...`; parts as for any folder, classes by name.

    A video may lie at any depth below its class. `InputError` as for any folder, and if a video is in no class.
    """
    root = Path(root)
    paths = find_split(root, validation_fraction=validation_fraction, seed=seed)
    validation = first_folder(root, VALIDATION_FOLDERS)
    has_parts = validation is not None and (root / "train").is_dir()
    roots = (root / "train", validation) if has_parts else (root, root)
    names = [[_class_of(path, below) for path in part] for part, below in zip(paths, roots, strict=True)]
    classes = tuple(sorted({name for part in names for name in part}))
    training, validation = (_entries(*part, classes) for part in zip(paths, names, strict=True))
    return Parts(training, validation, classes)


def _entries(paths: Sequence[Path], names: Sequence[str], classes: tuple[str, ...]) -> list[Entry]:
    label = {name: index for index, name in enumerate(classes)}
    return [Entry(path, label[name]) for path, name in zip(paths, names, strict=True)]


def _class_of(path: Path, root: Path) -> str:
    folders = path.relative_to(root).parts[:-1]
    if not folders:
        raise InputError(f"{path} lies in no folder of a class; move it into one, or choose --data.layout folder")
    return folders[0]

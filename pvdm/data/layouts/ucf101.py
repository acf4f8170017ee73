"""UCF101 (Soomro, Zamir, Shah, CRCV-TR-12-01): folders by class, and three official splits in lists."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pvdm.data.layouts.folder import check_folder
from pvdm.data.layouts.splits import Entry, SplitOptions, Splits, first_folder
from pvdm.errors import InputError
from pvdm.video.suffixes import VIDEO_SUFFIXES

LISTS, VIDEOS = "ucfTrainTestlist", "UCF-101"


def find_ucf101(root: Path, options: SplitOptions = SplitOptions()) -> Splits:
    """The videos of `trainlist0N.txt` and `testlist0N.txt`, in their order, with the classes of `classInd.txt`.

    root: the folder of the class folders; or one that holds it, named `UCF-101`. The folder of the lists,
    `ucfTrainTestlist`, is inside or beside it. Listed videos that are missing are in `Splits.absent`. Of the options
    `split` alone counts. `InputError` if a list is missing or malformed, or if none of the videos is there.
    """
    root = check_folder(root)
    videos = first_folder(root, (VIDEOS,)) or root
    lists = _lists(root, videos)
    classes = _classes(lists / "classInd.txt")
    names = [_listed(lists / f"{role}list0{options.split}.txt", classes) for role in ("train", "test")]
    present = _present(videos, classes)
    entries = [
        [Entry(videos / name, classes.index(_class(name))) for name in group if name in present] for group in names
    ]
    absent = tuple(videos / name for group in names for name in group if name not in present)
    listed = sum(map(len, names))
    if len(absent) == listed:
        raise InputError(
            f"none of the {listed} videos that {lists} lists is in {videos} (such as {absent[0].relative_to(videos)})",
            "give the folder that holds the class folders of UCF101",
        )
    others = [name for name in sorted(present.difference(*names)) if name.lower().endswith(VIDEO_SUFFIXES)]
    notes = [f"{len(others)} videos are in no list and left out, such as {videos / name}" for name in others[:1]]
    left_out = dict(Counter(Path(name).suffix.lower() for name in others))
    splits = Splits(*entries, classes=tuple(classes), absent=absent, listed=listed)
    return replace(splits, left_out=left_out, notes=tuple(notes))


def is_ucf101(root: Path) -> bool:
    """Whether the lists of UCF101 are in a folder, or beside it and it holds one of their classes."""
    videos = first_folder(root, (VIDEOS,)) or root
    if any((folder / LISTS).is_dir() for folder in (videos, root)):
        return True
    lists = _found_lists(root, videos)
    return lists is not None and (root.name == VIDEOS or any((root / name).is_dir() for name in _named(lists)))


def _named(lists: Path) -> list[str]:
    """The classes of lists; none if these are damaged, which does not matter here."""
    try:
        return _classes(lists / "classInd.txt")
    except InputError:
        return []


def _found_lists(root: Path, videos: Path) -> Path | None:
    """The folder of the lists: inside the folder of the videos, or beside it."""
    places = (videos, root, videos.absolute().parent, videos.resolve().parent)
    return next((folder / LISTS for folder in places if (folder / LISTS).is_dir()), None)


def _lists(root: Path, videos: Path) -> Path:
    """The folder of the lists; InputError if there is none."""
    if lists := _found_lists(root, videos):
        return lists
    raise InputError(
        f"there is no folder {LISTS} in {videos} or beside it",
        "put the official lists of UCF101 there (classInd.txt, trainlist01.txt, testlist01.txt, ...), or "
        "choose --data.layout classes",
    )


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(number, words) of each line that is not empty; any line ends."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"there is no list {path}", "put the official lists of UCF101 there") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a list ({error})", "replace it with the official one") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line.split()


def _classes(path: Path) -> list[str]:
    """Names in the order of their numbers, which count from 1."""
    classes = []
    for number, words in _lines(path):
        if len(words) != 2 or words[0] != str(len(classes) + 1) or words[1] in classes:
            raise InputError(
                f"line {number} of {path} is {' '.join(words)!r}, where {len(classes) + 1} and the name of a "
                "class are expected",
                "replace it with the official list",
            )
        classes.append(words[1])
    return classes


def _listed(path: Path, classes: Sequence[str]) -> list[str]:
    """`Class/video.avi` of each line; the label that the training lists add is that of the class."""
    names = []
    for number, words in _lines(path):
        if len(PurePosixPath(words[0]).parts) != 2 or _class(words[0]) not in classes:
            raise InputError(
                f"line {number} of {path} is {' '.join(words)!r}, where <class>/<video>.avi of a class in "
                "classInd.txt is expected",
                "replace it with the official list",
            )
        names.append(words[0])
    return names


def _class(name: str) -> str:
    return name.partition("/")[0]


def _present(videos: Path, classes: Sequence[str]) -> set[str]:
    """`Class/video.avi` of every file there; lists each folder once."""
    folders = [videos / name for name in classes]
    return {f"{folder.name}/{file.name}" for folder in folders if folder.is_dir() for file in folder.iterdir()}

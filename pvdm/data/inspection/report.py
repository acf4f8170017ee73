"""The report of `pvdm inspect`: figures of a data set, as a dictionary for JSON and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pvdm.data import BadVideo, long_enough
from pvdm.data.inspection.statistics import caption_statistics, class_counts, count_unlabelled, statistics
from pvdm.data.video_collection import VideoCollection
from pvdm.errors import InputError

LISTED = 20  # how many of the bad videos the table shows
WIDTH = 110  # of the table's longest lines


def data_report(data: VideoCollection, damaged: Sequence[BadVideo] = ()) -> dict[str, Any]:
    """The contents of the data set and the samples that training would take: JSON-able.

    damaged: Videos that are good in the index and damaged in other frames, found by decoding all.
    """
    splits, index = data.find()
    entries = {"training": splits.training, "validation": splits.validation}
    videos = {name: index.of(split).videos for name, split in entries.items()}
    clips = data.samples.clips
    per_video = {"training": data.samples.clips_per_video, "validation": None}
    bad = [*long_enough(index, data.clip).bad, *damaged]
    verdict = _verdict(data, damaged)
    has_files = data.captions and data.layout != "scenes"
    return {
        "path": str(data.path),
        "layout": data.layout,
        "split": data.splits.split if data.layout == "ucf101" else None,
        "part": data.part,
        "clip": {**data.clip.to_dict(), "clips": clips},
        "card": asdict(data.card),
        **({"selection": dict(splits.selection)} if splits.selection else {}),
        "parts": {
            name: {"found": len(entries[name]), **statistics(split, data.clip, clips, per_video[name])}
            for name, split in videos.items()
        },
        "classes": splits.classes and {name: class_counts(split, splits.classes) for name, split in videos.items()},
        "unlabelled": splits.classes and {name: count_unlabelled(split) for name, split in videos.items()},
        "captions": caption_statistics(data.find_captions()) if has_files else None,
        "absent": {"count": len(splits.absent), "listed": splits.listed, "first": [str(p) for p in splits.absent[:10]]},
        "left_out": dict(splits.left_out),
        "notes": list(splits.notes),
        "bad": [{"path": str(video.path), "cause": video.cause} for video in bad],
        "training": verdict,
        "validation": data.validation and {"clips": len(data.validated), "of": len(data.validation)},
    }


def _verdict(data: VideoCollection, damaged: Sequence[BadVideo]) -> str:
    """One sentence on what `pvdm fit` would do with these data."""
    try:
        data.setup()
    except InputError as error:
        return f"would refuse: {error}"
    if damaged:
        return f"would stop at the first damaged frame, as in {damaged[0].path}; remove or encode again what is damaged"
    return f"would begin, with {len(data.training.videos)} videos and {len(data.training)} samples an epoch"


def table(report: Mapping[str, Any]) -> str:
    """The report as text."""
    clip = report["clip"]
    pace = f"{clip['fps']:g} frames per second" if clip["fps"] else f"stride {clip['stride']}"
    pace += ", wrapped round" if clip.get("loop") else ""
    split = f", split {report['split']}" if report["split"] else ""
    lines = [
        f"{report['path']}: layout {report['layout']}{split}, training on part {report['part']}",
        f"clip: {clip['frames']} frames of {clip['height']}x{clip['width']} (height x width), {pace}, "
        f"{clip['clips']} in a sample",
        *_selection(report.get("selection")),
        "",
        *_columns(list(_figures(report["parts"], clip))),
        *_classes(report["classes"], report["unlabelled"]),
        *_captions(report["captions"]),
        *_absent(report["absent"]),
        *(["", *report["notes"]] if report["notes"] else []),
        *_bad(report["bad"]),
        *_card(report["card"]),
        "",
        f"training {report['training']}",
        *_validation(report),
    ]
    return "\n".join(lines)


def _selection(selection: Mapping[str, Any] | None) -> Iterator[str]:
    """What the clips of a catalogue were selected by."""
    if selection:
        preset = f" (preset {selection['preset']})" if selection.get("preset") else ""
        yield f"selection: {selection.get('kept')} of {selection.get('of')} clips{preset}, {selection.get('where')}"


def _validation(report: Mapping[str, Any]) -> Iterator[str]:
    """The samples of a validation, if training would start."""
    if report["validation"]:
        clips, total = report["validation"].values()
        yield f"a validation takes {clips:,} of {total:,} clips (data.validation_clips)"


def _figures(splits: Mapping[str, Mapping[str, Any]], clip: Mapping[str, Any]) -> Iterator[list[str]]:
    """Rows of a name and a value for each split."""
    rows = {
        "videos found": "found",
        "readable": "videos",
        "too short for a clip": "too_short",
        "too short for a context": "without_context",
        f"smaller than {clip['height']}x{clip['width']}": "enlarged",
        "frames": "frames",
    }
    yield ["", *splits]
    for name, key in rows.items():
        if key != "without_context" or clip["clips"] > 1:
            yield [name, *(f"{split[key]:,}" for split in splits.values())]
    yield ["hours", *map(_hours, splits.values())]
    yield ["length in frames", *(_length(split["lengths"]) for split in splits.values())]
    for name in ("sizes", "rates"):
        title = {"sizes": "sizes (width x height)", "rates": "frames per second"}[name]
        yield [title, *(_most(split[name]) for split in splits.values())]
    yield ["samples an epoch", *(f"{split['samples']:,}" for split in splits.values())]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _hours(split: Mapping[str, Any]) -> str:
    if 0 < split["videos"] == split["without_rate"]:
        return "unknown, as there is no frame rate"
    others = f" (and {split['without_rate']} without a frame rate)" if split["without_rate"] else ""
    return f"{split['hours']:.2f}{others}"


def _length(lengths: Mapping[str, float] | None) -> str:
    return "none" if lengths is None else f"{lengths['min']:,} to {lengths['max']:,}, median {lengths['median']:,g}"


def _most(counts: Mapping[str, int], shown: int = 4) -> str:
    """The most frequent values and their counts."""
    named = ", ".join(f"{value}: {count:,}" for value, count in list(counts.items())[:shown])
    return (named or "none") + (f", {len(counts) - shown} more" if len(counts) > shown else "")


def _classes(classes: Mapping[str, Mapping[str, int]] | None, unlabelled: Mapping[str, int] | None) -> Iterator[str]:
    """Each class with its videos for training and validation, as many to a line as fit, and those of no class."""
    if not classes:
        return
    training, validation = classes["training"], classes["validation"]
    cells = [f"{name} {training[name]}+{validation[name]}" for name in training if training[name] + validation[name]]
    yield from ("", f"classes: {len(training)}, of which {len(cells)} have videos (training + validation)")
    width = max(map(len, cells), default=0) + 2
    across = max(1, WIDTH // width)
    for start in range(0, len(cells), across):
        yield "  " + "".join(cell.ljust(width) for cell in cells[start : start + across]).rstrip()
    if any(unlabelled.values()):
        yield f"without a label: {unlabelled['training']}+{unlabelled['validation']}"


def _captions(captions: Mapping[str, Any] | None) -> Iterator[str]:
    """How many there are; the notes say how many videos have none."""
    if captions:
        videos, total = captions["videos"], captions["of"]
        words = f"{captions['words']:,} different words, {captions['longest']} in the longest"
        yield from ("", f"captions: {captions['captions']:,}, of {videos:,} of {total:,} videos; {words}")


def _absent(absent: Mapping[str, Any]) -> Iterator[str]:
    if absent["count"]:
        yield from ("", f"absent: {absent['count']:,} of {absent['listed']:,} listed, such as {absent['first'][0]}")


def _bad(bad: Sequence[Mapping[str, str]]) -> Iterator[str]:
    if bad:
        yield from ("", f"bad: {len(bad):,}", *(f"  {video['cause']}" for video in bad[:LISTED]))
    if len(bad) > LISTED:
        yield f"  and {len(bad) - LISTED:,} more; --json lists all"


def _card(card: Mapping[str, str | None]) -> Iterator[str]:
    yield from ("", "card (data.card.*, stored with the model):")
    yield from (f"  {name}: {text or 'not given'}" for name, text in card.items())

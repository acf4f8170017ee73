"""The wall of videos, real beside generated, and the nearest training clips."""

from __future__ import annotations

from collections.abc import Sequence

from pvdm.benchmark.report.markup import decimal, paragraph, text
from pvdm.benchmark.report.media import Embedded, Media
from pvdm.benchmark.report.results import Nearest, Results, Video

KINDS = {
    "real": "Real",
    "generated": "Generated",
    "extended": "Extended",
    "reconstructed": "Reconstructed",
    "other": "Other model",
}
NO_CLASS = "no class"
Shown = tuple[Video, Embedded]


def wall(results: Results, media: Media) -> str:
    """Groups of videos of one kind and setting beside each other, those of one length together, real ones first."""
    found = [(video, embedded) for video in results.videos if (embedded := media.video(video.file)) is not None]
    if not found:
        return paragraph("No video is at hand to be shown.", "missing")
    groups: dict[tuple, list[Shown]] = {}
    for video, embedded in sorted(found, key=lambda shown: (shown[0].label or "", shown[0].index)):
        groups.setdefault(_group(video), []).append((video, embedded))
    settings = [_group(video)[1:3] for video, _ in found]
    lanes = "".join(_lane(groups[key]) for key in sorted(groups, key=lambda key: _order(key, settings)))
    return _filters([video for video, _ in found]) + f'<div class="lanes">{lanes}</div>'


def nearest(results: Results, media: Media) -> str:
    """Pictures of samples above the training clip that is nearest to each."""
    shown = [(entry, media.picture(entry.picture)) for entry in results.nearest]
    figures = "".join(_pair(entry, picture) for entry, picture in shown if picture is not None)
    if not figures:
        return paragraph("The nearest training clips were not looked for, or their pictures are gone.", "missing")
    return f'<div class="nearest">{figures}</div>'


def _group(video: Video) -> tuple:
    return (video.kind, video.setting or "", video.sampler or "", video.frames or 0)


def _order(group: tuple, settings: Sequence[tuple]) -> tuple:
    """By length, kind, and the settings' order in the results."""
    kind, *setting, frames = group
    names = list(KINDS)
    return (frames, names.index(kind) if kind in names else len(names), kind, settings.index(tuple(setting)))


def _title(video: Video) -> str:
    """What a group is called: its kind, setting and length."""
    told = ", ".join(word for word in (video.setting, video.sampler) if word)
    length = f"{video.frames} frames" if video.frames else ""
    return " · ".join(word for word in (KINDS.get(video.kind, video.kind), told, length) if word)


def _lane(shown: Sequence[Shown]) -> str:
    first = shown[0][0]
    clips = "".join(_clip(video, embedded) for video, embedded in shown)
    return (
        f'<section class="lane" data-kind="{text(first.kind)}" data-group="{text(_title(first))}" '
        f'data-frames="{first.frames or 0}"><h3><i class="dot" aria-hidden="true"></i>{text(_title(first))} '
        f'<small class="count">{len(shown)}</small></h3><div class="clips">{clips}</div></section>'
    )


def _clip(video: Video, embedded: Embedded) -> str:
    label = video.label or NO_CLASS
    told = f"{_title(video)}, {label}, number {video.index}"
    caption = f"{text(video.label)} " if video.label else ""
    return (
        f'<figure class="clip" data-kind="{text(video.kind)}" data-class="{text(label)}" '
        f'data-file="{text(video.file)}" data-index="{video.index}">'
        f'<button type="button" aria-label="Enlarge: {text(told)}">'
        f'<video muted loop playsinline preload="none" tabindex="-1" poster="{embedded.poster}" '
        f'src="{embedded.data}"></video></button>'
        f"<figcaption>{caption}<span>{video.index}</span></figcaption></figure>"
    )


def _filters(videos: Sequence[Video]) -> str:
    kinds = [
        kind
        for kind in dict.fromkeys([*KINDS, *(video.kind for video in videos)])
        if any(video.kind == kind for video in videos)
    ]
    labels = sorted({video.label or NO_CLASS for video in videos})
    chips = "".join(
        f'<button type="button" class="chip" data-kind="{text(kind)}" aria-pressed="true">'
        f'<i class="dot" aria-hidden="true"></i>{text(KINDS.get(kind, kind))}</button>'
        for kind in kinds
    )
    options = "".join(f'<option value="{text(label)}">{text(label)}</option>' for label in labels)
    return (
        '<div class="filters" role="group" aria-label="Which videos are shown">'
        f'<div class="chips">{chips}</div>'
        f'<span class="field"><label for="class-filter">Class</label> <select id="class-filter">'
        f'<option value="">all</option>{options}</select></span>'
        '<button type="button" id="pause" class="quiet-button" aria-pressed="false">Pause all</button>'
        f'<output id="shown" aria-live="polite">{len(videos)} videos</output></div>'
    )


def _pair(entry: Nearest, picture: Embedded) -> str:
    distance = "" if entry.distance is None else f"<span>distance {decimal(entry.distance)}</span>"
    told = f"{entry.sample} above the nearest training clip, {entry.training}"
    return (
        f'<figure><img alt="Frames of {text(told)}" src="{picture.data}">'
        f"<figcaption><b>{text(entry.sample)}</b> above <b>{text(entry.training)}</b> {distance}</figcaption></figure>"
    )

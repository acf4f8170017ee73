"""All protocols: those of published codes, as read in their sources, and our own metrics that need no downloads."""

from __future__ import annotations

from dataclasses import replace

from pvdm.errors import InputError
from pvdm.evaluation.protocol import Protocol

STYLEGAN_V = "https://github.com/universome/stylegan-v"
PVDM = "https://github.com/sihyun-yu/PVDM"
TATS = "https://github.com/songweige/TATS"
LATTE = "https://github.com/Vchitect/Latte"
TGAN2 = "https://github.com/pfnet-research/tgan2"
DIGAN = "https://github.com/sihyun-yu/digan"
CD_FVD = "https://github.com/songweige/content-debiased-fvd"
OURS = "docs/evaluation.md"

ENOUGH = 512
"""Real clips that suffice where the data set has no more: the covariance of 400 features needs more than 400."""


def protocols_named(name: str) -> list[Protocol]:
    """The protocol of this name, or all of a family (`pvdm`, `stylegan-v`, ...); InputError lists the names."""
    family = [protocol for protocol in PROTOCOLS.values() if name in (protocol.name, protocol.family)]
    if not family:
        raise InputError(
            f"there is no protocol {name}",
            f"choose one of {', '.join(PROTOCOLS)}, or a family: {', '.join(families())}",
        )
    return family


def families() -> list[str]:
    """The families, in the order of the protocols."""
    return list(dict.fromkeys(protocol.family for protocol in PROTOCOLS.values()))


_stylegan_v_fvd = Protocol(
    name="stylegan-v/fvd2048_16f",
    kind="fvd",
    source=f"{STYLEGAN_V}: src/metrics/metric_main.py, frechet_video_distance.py, metric_utils.py, "
    "src/training/dataset.py, src/scripts/convert_videos_to_frames.py; which part: its issue 30",
    frames=16,
    resize="lanczos",
    jpeg_quality=75,
    parts={"ucf101": "both"},
    real_choice="first",
    min_real=ENOUGH,
    detector="i3d-torchscript",
    note="The code passes q=95 for the JPEG, which Pillow ignores, so its default of 75 is used. It accepts any number "
    f"of real clips where the data set has no more; our limit is {ENOUGH}. Its offsets are not seeded. It divides "
    "covariances by n instead of n - 1, a difference of 0.05 percent at 2048.",
)
_pvdm_fvd = Protocol(
    name="pvdm/fvd16",
    kind="fvd",
    source=f"paper (arXiv 2302.07685) appendix B.2 as quoted in {PVDM}/issues/30, with the authors' answer; "
    f"{PVDM}: evals/eval.py, evals/fvd/fvd.py, tools/dataloader.py, tools/data_utils.py",
    frames=16,
    min_real=ENOUGH,
    detector="i3d-400",
    note="The text says the training part, 2,048 real clips or as many as there are, and 2,048 samples. That these are "
    "random clips, one per video, is what the released code does during training, with 16 clips. The code rounds "
    "pixels down, ours to the nearest.",
)
_tats_fvd = Protocol(
    name="tats/fvd16",
    kind="fvd",
    source=f"{TATS}: scripts/sample_vqgan_transformer_short_videos.py, tats/fvd/fvd.py, tats/data.py; which part: "
    "its issue 23",
    frames=16,
    size=128,
    min_real=ENOUGH,
    detector="i3d-400",
    note="The code draws from all clips of all videos, hence long videos more often; we draw one clip per video. Its "
    "script for long videos computes no score, so there is no tats/fvd128.",
)
_inception_score = Protocol(
    name="tgan2/is",
    kind="is",
    source=f"{TGAN2}: scripts/compute_inception_score.py, tgan2/evaluations/inception_score.py",
    frames=16,
    size=None,
    num_real=None,
    detector="c3d-ucf101",
    splits=1,
    seeds=tuple(range(10)),
    note="C3D was fine-tuned on the first training split of UCF101 (its authors' warning): a score says nothing about "
    "other data. We use StyleGAN-V's conversion of these weights.",
)
_reconstruction = Protocol(
    name="pvdm/reconstruction",
    kind="reconstruction",
    source=f"paper (arXiv 2302.07685) table 4; {PVDM}/issues/43; {PVDM}: evals/eval.py",
    frames=16,
    real_choice="all",
    num_real=None,
    num_fake=None,
    detector="i3d-400",
    free=("part",),
    note="The test part has 3,783 videos of UCF101 (testlist01) and 196 of SkyTimelapse. That all of the training part "
    "is used, and a clip at a random position in each video, is assumed. LPIPS, SSIM and ST-RRED are our additions.",
)
_content_debiased_fvd = Protocol(
    name="cd-fvd/fvd16",
    kind="fvd",
    source=f"arXiv 2404.12391; {CD_FVD} (package cd-fvd 0.1.1): README.md, cdfvd/fvd.py, cdfvd/utils/data_utils.py",
    frames=16,
    resize="antialiased",
    parts={"ucf101": "both"},
    real_choice="all",
    num_real=None,
    min_real=2048,
    detector="videomae-v2-ssv2",
    note="The package repeats samples if there are fewer than 2,048; here that is refused. Its published statistics "
    "use a seed of their own, so the clips drawn differ from these.",
)
_random_fvd = Protocol(
    name="fvd-random/16f",
    kind="fvd",
    source=f"{OURS}: the Frechet distance in the features of I3D with fixed random weights",
    frames=16,
    resize="antialiased",
    min_real=ENOUGH,
    detector="i3d-random",
    note="A check that the evaluation works; do not rank models by it.",
)
_coherence = Protocol(
    name="coherence/16f",
    kind="coherence",
    source=f"{OURS}: warping error, energy of second differences and motion",
    frames=16,
    resize="antialiased",
    num_real=256,
    num_fake=256,
    fits=("num_real", "num_fake"),
    free=("part",),
)
_viideo = Protocol(
    name="viideo/16f",
    kind="naturalness",
    source="VIIDEO (Mittal, Saad, Bovik, IEEE TIP 2016) as in scikit-video 1.1",
    frames=16,
    resize="antialiased",
    num_real=64,
    num_fake=64,
    fits=("num_real", "num_fake"),
    free=("part",),
)
_nearest = Protocol(
    name="nearest/16f",
    kind="nearest",
    source=f"{OURS}: the nearest training clip to each sample in the features of I3D with fixed random weights",
    frames=16,
    resize="antialiased",
    real_choice="all",
    real_start="middle",
    num_real=None,
    num_fake=256,
    fits=("num_fake",),
    detector="i3d-random",
    note="Only the middle clip of each training video is compared; copies of other parts of a video are not found.",
)

_appearance_motion = Protocol(
    name="appearance-motion/16f",
    kind="appearance",
    source=f"{OURS}: kernel distances of the mean, the change and the turn of a picture network's features",
    frames=16,
    size=64,
    resize="antialiased",
    several=True,
    num_real=1024,
    num_fake=1024,
    fits=("num_real", "num_fake"),
    free=("part",),
    detector="efficientnet-lite0",
    note="Frames are shown to the network at 64x64. Real videos give several clips each where there are fewer than "
    "1,024; clips of one video are never compared with each other, and the bootstrap draws whole videos.",
)

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        _stylegan_v_fvd,
        replace(_stylegan_v_fvd, name="stylegan-v/fvd2048_128f", frames=128),
        replace(
            _stylegan_v_fvd, name="stylegan-v/fvd2048_128f_subsample8f", stride=8, real_stride=8, min_frames=16 * 8
        ),
        replace(
            _inception_score,
            name="stylegan-v/isv2048_ucf",
            source=f"{STYLEGAN_V}: src/metrics/metric_main.py, video_inception_score.py",
            splits=10,
            seeds=(0,),
        ),
        _pvdm_fvd,
        replace(_pvdm_fvd, name="pvdm/fvd128", frames=128),
        _reconstruction,
        _tats_fvd,
        replace(
            _inception_score,
            name="tats/is",
            source=f"{TATS}/issues/5: 10,000 samples, by the code of {TGAN2}",
            num_fake=10_000,
            seeds=(0,),
            note="One run is assumed; the source does not say how many. PVDM's own number was not found, so use this "
            "for its table too.",
        ),
        replace(
            _stylegan_v_fvd,
            name="latte/fvd16",
            source=f"{LATTE}: tools/metrics/metric_main.py, frechet_video_distance.py, metric_utils.py; which part: "
            "its issue 103 (what was trained on)",
            real_stride=3,
            min_frames=16 * 3,
            real_choice="random",
            note="Real clips use every third frame and generated clips every frame, for models that were trained this "
            "way. An early version used 20,480 clips. The JPEG and the covariance are StyleGAN-V's. All of UCF101 is "
            "assumed, because training reads every video of the folder.",
        ),
        _inception_score,
        replace(
            _tats_fvd,
            name="digan/fvd16",
            source=f"{DIGAN}: src/scripts/compute_fvd_kvd.py, src/training/dataset.py; which part: its issue 16",
            parts={"ucf101": "both", "skytimelapse": "test"},
            min_real=None,
            seeds=tuple(range(10)),
            note="The code runs ten repetitions from one seed; here each has its own. It draws from all clips of all "
            "videos; we draw one clip per video, and SkyTimelapse's test part, which it reads, has too few videos.",
        ),
        _content_debiased_fvd,
        replace(_content_debiased_fvd, name="cd-fvd/fvd128", frames=128),
        _random_fvd,
        replace(_random_fvd, name="fvd-random/128f", frames=128),
        _coherence,
        replace(_coherence, name="coherence/128f", frames=128),
        _viideo,
        _nearest,
        _appearance_motion,
        replace(
            _reconstruction,
            name="reconstruction-random/16f",
            source=f"{OURS}: pvdm/reconstruction in the features of I3D with fixed random weights",
            resize="antialiased",
            detector="i3d-random",
            note=_random_fvd.note,
        ),
    )
}
"""All protocols, by name."""

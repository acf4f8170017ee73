"""The protocols that have a name: what the published codes do, read there, and our own measures without downloads."""

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
"""Real clips that are enough where the data have no more: the covariance of 400 features needs more than 400."""


def protocols_named(name: str) -> list[Protocol]:
    """The protocol of this name, or all of a family (`pvdm`, `stylegan-v`, ...); InputError lists what there is."""
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
    note="It says q=95 for the JPEG, a name that Pillow does not know: its default of 75 is what is written. It takes "
    f"fewer real clips where the data have no more, without a limit; ours is {ENOUGH}. Its offsets are not seeded. "
    "It divides covariances by n and not by n - 1, a difference of a twentieth of a percent at 2048.",
)
_pvdm_fvd = Protocol(
    name="pvdm/fvd16",
    kind="fvd",
    source=f"paper (arXiv 2302.07685) appendix B.2 as quoted in {PVDM}/issues/30, with the authors' answer; "
    f"{PVDM}: evals/eval.py, evals/fvd/fvd.py, tools/dataloader.py, tools/data_utils.py",
    frames=16,
    min_real=ENOUGH,
    detector="i3d-400",
    note="The text says the training part, 2,048 real clips or as many as there are, and 2,048 samples; that they are "
    "random clips, one of a video, is what the released code does in training, where it takes 16 clips. The code "
    "rounds pixels down, we to the nearest.",
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
    note="It draws from all clips of all videos, long videos more often; we draw one clip of each video. Its script "
    "of long videos measures nothing, so that there is no tats/fvd128.",
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
    note="C3D was tuned on the first training part of UCF101 (its authors' warning): a score says nothing of other "
    "data. Ours is StyleGAN-V's conversion of these weights.",
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
    note="Of the test part it takes 3,783 videos of UCF101 (testlist01) and 196 of SkyTimelapse; that it takes all "
    "of the training part, and a clip at a random place in each, is assumed. LPIPS, SSIM and ST-RRED are ours.",
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
    note="The package fills up with copies where there are fewer samples than 2,048; here that is refused. Its "
    "published statistics are of a seed of its own, so that they differ from these in the clips drawn.",
)
_random_fvd = Protocol(
    name="fvd-random/16f",
    kind="fvd",
    source=f"{OURS}: the Frechet distance in the features of I3D with fixed random weights",
    frames=16,
    resize="antialiased",
    min_real=ENOUGH,
    detector="i3d-random",
    note="A check of the plumbing: never to rank models by.",
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
    note="One clip of each training video is looked at, its middle: a copy of another place in a video is not found.",
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
            note="Whether in one run or several is not said; one is assumed. PVDM's own count was not found; take this "
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
            note="Real clips take every third frame, generated ones every one: it is for models trained so. An "
            "early version took 20,480 clips. The JPEG is StyleGAN-V's, and so is the covariance. All of UCF101 is "
            "assumed, as its training reads every video of the folder.",
        ),
        _inception_score,
        replace(
            _tats_fvd,
            name="digan/fvd16",
            source=f"{DIGAN}: src/scripts/compute_fvd_kvd.py, src/training/dataset.py; which part: its issue 16",
            parts={"ucf101": "both", "skytimelapse": "test"},
            min_real=None,
            seeds=tuple(range(10)),
            note="Ten repetitions go on from one seed there, here each has its own. It draws from all clips of all "
            "videos, we one clip of each, of which SkyTimelapse's test part, which it reads, has too few.",
        ),
        _content_debiased_fvd,
        replace(_content_debiased_fvd, name="cd-fvd/fvd128", frames=128),
        _random_fvd,
        replace(_random_fvd, name="fvd-random/128f", frames=128),
        _coherence,
        replace(_coherence, name="coherence/128f", frames=128),
        _viideo,
        _nearest,
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

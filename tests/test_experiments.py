"""What the published experiments compose, value by value, against the papers and their authors' code."""

from typing import Any

import pytest

from portrait_cartoons.cli.config import CONF, composed, plain

Values = dict[str, Any]


def flat(tree: Any, key: str = "") -> Values:
    """The leaves of nested dicts by their dotted keys."""
    if not isinstance(tree, dict):
        return {key: tree}
    return {name: leaf for k, v in tree.items() for name, leaf in flat(v, f"{key}.{k}" if key else k).items()}


def adam(player: str, lr: float, betas: tuple[float, float] = (0.5, 0.999)) -> Values:
    key = f"optimizers.{player}"
    return {f"{key}._target_": "torch.optim.Adam", f"{key}.lr": lr, f"{key}.betas": list(betas)}


def parts(name: str, target: str, **options: Any) -> Values:
    """The keys of one network of a model."""
    return flat({name: {"_target_": f"portrait_cartoons.networks.{target}", **options}})


PATCHGAN = parts("discriminator", "patchgan.PatchDiscriminator", width=64, layers=3)
CYCLIC = {
    "objective": "lsgan", "pool_size": 50, "batch_size": 1, "epochs": 200, "decay_share": 0.5, "ema": 0, "augment": [],
    **PATCHGAN, **adam("g", 2e-4), **adam("d", 2e-4),
}  # fmt: skip
CYCLEGAN = {
    "_target_": "portrait_cartoons.models.cyclegan.CycleGAN", **CYCLIC,
    **parts("generator", "resnet.ResnetGenerator", width=64, blocks=9),
}  # fmt: skip
CAMGAN = {
    "_target_": "portrait_cartoons.models.camgan.CAMGAN", **CYCLIC,
    **parts("generator", "ganilla.GanillaGenerator", width=64, attention="skips"),
}  # fmt: skip
CARTOON_NETWORKS = {
    **parts("generator", "cartoongan.CartoonGenerator", width=64, blocks=8, norm="affine"),
    **parts("discriminator", "cartoongan.CartoonDiscriminator", width=32, norm="affine"),
    **parts("features", "features.PretrainedFeatures", layer="vgg19.conv4_4", weights="imagenet", size=224),
}
CARTOONGAN = {
    "_target_": "portrait_cartoons.models.cartoongan.CartoonGAN", **CARTOON_NETWORKS,
    "objective": "lsgan", "pool_size": 50, "batch_size": 8, **adam("g", 1e-5), **adam("d", 1e-5),
    "phases.content.epochs": 20, "phases.content.decay_share": 0.5, "phases.content.lr.g": 2e-4,
    "epochs": 200, "decay_share": 0.5, "ema": 0, "augment": [],
}  # fmt: skip
SELFIEGAN = {
    "_target_": "portrait_cartoons.models.selfiegan.SelfieGAN", **CARTOON_NETWORKS,
    **parts("segmenter", "unet.UNet", width=64, levels=4, weights=None),
    "objective": "lsgan", "background": "white", "joint": "none", "batch_size": 8,
    **adam("g", 2e-4), **adam("d", 2e-4), **adam("u", 2e-4, (0.9, 0.999)),
    "phases.content.epochs": 1, "phases.segment.epochs": 20, "epochs": 20, "decay_share": 0.0, "ema": 0, "augment": [],
}  # fmt: skip
ARTIFYGAN = {
    "_target_": "portrait_cartoons.models.artifygan.ArtifyGAN",
    **parts("generator", "artifygan.ArtifyGenerator", width=64, blocks=10, kernel=7, extra_convs=True),
    **parts("discriminator", "artifygan.ArtifyDiscriminator", width=32),
    **parts("features", "features.PretrainedFeatures", layer="vgg16.23", weights="imagenet", size=None),
    "objective": "vanilla", "pool_size": 0, "batch_size": 16, **adam("g", 1e-3), **adam("d", 1e-3),
    "phases.content.epochs": 10, "epochs": 200, "decay_share": 0.0, "gamma": 1.0, "ema": 0, "augment": [],
}  # fmt: skip
PIX2PIX = {
    "_target_": "portrait_cartoons.models.pix2pix.Pix2Pix",
    **parts("generator", "pix2pix.PixGenerator", width=64, levels=8, norm="instance"),
    **parts("discriminator", "patchgan.PatchDiscriminator", width=64, layers=3, channels=6, norm="instance"),
    "objective": "vanilla", "batch_size": 1, "epochs": 200, "decay_share": 0.0, "ema": 0, "augment": [],
    **adam("g", 2e-4), **adam("d", 2e-4),
}  # fmt: skip
ANIMEGAN = {
    "_target_": "portrait_cartoons.models.animegan.AnimeGANv2",
    **parts("generator", "animegan.AnimeGenerator", width=32, blocks=4),
    **parts("discriminator", "animegan.AnimeDiscriminator", width=32),
    **parts("features", "features.PretrainedFeatures", layer="vgg19.conv4_4", weights="imagenet", size=None),
    "objective": "lsgan", "batch_size": 12, **adam("g", 2e-5), **adam("d", 4e-5),
    "phases.content.epochs": 10, "phases.content.lr.g": 2e-4, "epochs": 91, "decay_share": 0.0, "ema": 0, "augment": [],
}  # fmt: skip
WHITEBOX = {
    "_target_": "portrait_cartoons.models.whitebox.Whitebox",
    **parts("generator", "whitebox.WhiteboxGenerator", width=32, blocks=4, eps=0.01, skip=False),
    **parts("discriminator", "whitebox.WhiteboxDiscriminator", width=32),
    **parts("features", "features.PretrainedFeatures", layer="vgg19.conv4_4", weights="imagenet", size=None),
    "objective": "lsgan", "batch_size": 16, **adam("g", 2e-4, (0.5, 0.99)), **adam("d", 2e-4, (0.5, 0.99)),
    "phases.content.epochs": 80, "epochs": 160, "decay_share": 0.0, "ema": 0, "augment": [],
}  # fmt: skip

WITH_IDENTITY = {"g.adv": 1, "g.cycle": 10, "g.identity": 5, "d.adv": 1, "d.r1": 0}
WITHOUT_IDENTITY = WITH_IDENTITY | {"g.identity": 0}
SELFIE_LOSS = {"g.adv": 1, "g.content": 0.58, "d.adv": 1, "d.r1": 0, "u.adv": 1, "u.seg": 10}
CONTENT = {"g.adv": 1, "d.adv": 1, "d.r1": 0}

FFHQ, CELEBA, IDENTIFICATION, COCO = (
    "ffhq_whitebox",
    "celeba_handpainted",
    "id_photo_handpainted",
    "coco_celeba_safebooru",
)
GATE = "generator.attention"
RATES = ("optimizers.g.lr", "optimizers.d.lr")

EXPERIMENTS: dict[str, tuple[str, Values, Values]] = {
    "cyclegan_ffhq_whitebox": (FFHQ, CYCLEGAN, WITH_IDENTITY),
    "cyclegan_no_identity": (FFHQ, CYCLEGAN, WITHOUT_IDENTITY),
    "ganilla_ffhq_whitebox": (FFHQ, CAMGAN | {GATE: "none"}, WITH_IDENTITY),
    "camgan_ffhq_whitebox": (FFHQ, CAMGAN, WITHOUT_IDENTITY),
    "camgan_attention_bottleneck": (FFHQ, CAMGAN | {GATE: "bottleneck"}, WITHOUT_IDENTITY),
    "camgan_attention_pyramid": (FFHQ, CAMGAN | {GATE: "pyramid"}, WITHOUT_IDENTITY),
    "cartoongan_celeba": (CELEBA, CARTOONGAN, CONTENT | {"g.content": 0.035}),
    "cartoongan_ffhq_whitebox": (FFHQ, CARTOONGAN, CONTENT | {"g.content": 0.035}),
    "selfiegan_celeba": (CELEBA, SELFIEGAN, SELFIE_LOSS),
    "selfiegan_id_photo": (IDENTIFICATION, SELFIEGAN, SELFIE_LOSS),
    "selfiegan_no_masking": (CELEBA, SELFIEGAN | {"background": "none", "phases.segment.epochs": 0}, SELFIE_LOSS),
    "artifygan_round1": (
        COCO,
        ARTIFYGAN | {"generator.blocks": 8, "epochs": 230} | dict.fromkeys(RATES, 5e-3),
        CONTENT | {"g.content": 5.2e6},
    ),
    "artifygan_round2": (
        COCO,
        ARTIFYGAN
        | {"generator.kernel": 3, "phases.content.epochs": 0, "epochs": 210, "gamma": 0.97}
        | dict.fromkeys(RATES, 0.1),
        CONTENT | {"g.content": 0},
    ),
    "artifygan_round3": (COCO, ARTIFYGAN, CONTENT | {"g.content": 5.2}),
}


def test_every_published_experiment_is_in_the_table() -> None:
    names = {path.stem for path in (CONF / "experiment").glob("*.yaml")}
    own = {name for name in names if name.endswith(("_toy", "_portraits"))} | {"demo", "small", "classical"}
    assert names - own == EXPERIMENTS.keys()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_values_are_the_published_ones(name: str) -> None:
    data, model, loss = EXPERIMENTS[name]
    tree = plain(composed("train", [f"experiment={name}"]))
    composed_model = flat(tree["model"])
    makers = {key for key in composed_model if key.endswith(("._partial_", ".fused"))}
    assert {key: value for key, value in composed_model.items() if key not in makers} == model
    assert flat(tree["loss"]) == loss
    assert tree["metrics"]["features"] == "inception"
    for domain in ("photo", "cartoon"):
        assert tree["data"]["source"][domain] == f"data/{data}/{domain}s"
    seen = {key: tree["data"][key] for key in ("size", "load_size", "flip", "background", "smooth_noise", "batch_size")}
    assert seen == {
        "size": 256,
        "load_size": 286,
        "flip": True,
        "background": "keep",
        "smooth_noise": 0.1 if data == COCO else 0.0,
        "batch_size": model["batch_size"],
    }
    assert {
        key: value for key, value in tree["trainer"].items() if key.startswith(("max_", "limit_", "precision"))
    } == {
        "max_epochs": None,
        "max_time": None,
        "limit_train_batches": None,
        "limit_val_batches": None,
        "precision": "auto",
    }


def test_models_without_an_experiment_compose_the_same() -> None:
    values = {"cyclegan": CYCLEGAN, "camgan": CAMGAN, "ganilla": CAMGAN | {GATE: "none"}, "cartoongan": CARTOONGAN}
    values |= {
        "selfiegan": SELFIEGAN,
        "artifygan": ARTIFYGAN | {"epochs": 69},
        "pix2pix": PIX2PIX,
        "animeganv2": ANIMEGAN,
        "whitebox": WHITEBOX,
    }
    for name, expected in values.items():
        found = flat(plain(composed("train", [f"model={name}"]))["model"])
        assert expected.items() <= found.items(), name


def test_the_weights_of_whitebox_are_those_of_its_code_with_their_means_taken_into_account() -> None:
    features = 32 * 32 * 512  # of conv4_4, by which the code divides a mean once more
    caffe = 255 * (0.229 + 0.224 + 0.225) / 3  # how much smaller torchvision's features are, see losses/perceptual.py
    recon, variation = 200 / features * caffe, 2 * 1e4 / (3 * 256 * 256)
    found = flat(plain(composed("train", ["model=whitebox"]))["loss"])
    assert found == pytest.approx(
        {
            "g.texture": 1,
            "g.surface": 0.1,
            "g.structure": recon,
            "g.content": recon,
            "g.tv": variation,
            "d.texture": 1,
            "d.surface": 1,
            "d.r1": 0,
        },
        rel=0.02,
    )


def test_the_best_epoch_has_the_highest_psnr_or_the_lowest_distance() -> None:
    monitors = composed("train", []).callbacks.checkpoints.monitors
    for name, best in monitors.items():
        assert best == ("max" if name.endswith(("psnr", "ssim")) else "min"), name
    assert "val/target/psnr" in monitors

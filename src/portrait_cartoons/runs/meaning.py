"""What each logged number means, in one line beside its curve."""

import re

_MEASURES = {"psnr": "dB, higher is nearer", "ssim": "1 is the same structure", "mse": "0 is identical"}
_FAMILIES = {
    "content": "the cartoon beside its photo",
    "background": "the cartoon beside its photo, outside the person",
    "cycle": "the photo that comes back from its cartoon",
    "target": "the cartoon beside the true one",
}
# The first pattern that a whole name fits.
_MEANINGS = {
    r"val/iou": "the person found beside the photo's mask: 1 is complete overlap",
    r"(val|baseline)/.*fid": "distance of all cartoons from the real ones; lower is nearer",
    r"(val|baseline)/.*_fd": "distance of all cartoons from the real ones; lower is nearer (this is not FID)",
    r"val/.*_n": "pictures that the distance rests on",
    r"train/grad_ratio/.*": "pull of this term beside the adversarial one; far above 1 it decides alone",
    r"train/grad_norm/.*": "length of the gradient; it should not grow without end",
    r"train/lr/.*": "learning rate",
    r"train/output/mean": "mean brightness of the outputs, -1 black to 1 white",
    r"train/output/std": "contrast of the outputs; near 0 they are flat",
    r"train/mask/.*": "share of the picture that is taken for the person; at 0 or 1 the mask cuts nothing out",
    r"train/\w+_score/.*": "how real the discriminator finds them: 1 real, 0 fake; it has won where it is always right",
    r"train/\w+/adv": "adversarial loss: each side lowers its own at the other's cost",
    r"train/\w+/content": "content loss: lower keeps more of the photo",
    r"train/\w+/(real|fake|grey|smooth)": "how wrong the discriminator is about them, before the weight",
    r"train/\w+/style": "style loss: lower has more of the cartoons' texture",
    r"train/\w+/colour": "colour loss: lower keeps more of the photo's colours",
    r"train/\w+/tv": "total variation: lower is smoother",
    r"train/\w+/cycle": "cycle loss: lower brings the photo back better",
    r"train/\w+/identity": "identity loss: lower changes less where nothing is to change",
    r"train/\w+/l1": "distance to the true cartoon: lower is nearer",
    r"train/\w+/seg": "segmentation loss: lower finds the person better",
    r"train/\w+/r1": "gradient penalty: lower is a discriminator that changes more smoothly",
    r"train/\w+/(surface|texture)": "adversarial loss of the discriminator that sees this view of the pictures alone",
    r"train/\w+/structure": "structure loss: lower has flatter areas",
    r"train/\w+/total": "weighted sum of the losses",
    r"train/phase": "which part of training: the model card lists them, counted from 0",
    r"time/images_per_second": "speed, validation left out",
}


def meaning(metric: str) -> str:
    """One line about a metric; empty for an unknown one."""
    if match := re.fullmatch(r"(?:val|baseline)/(\w+)/(\w+)", metric):
        family, measure = (names.get(name) for names, name in zip((_FAMILIES, _MEASURES), match.groups(), strict=True))
        return f"{family}: {measure}" if family and measure else ""
    return next((text for pattern, text in _MEANINGS.items() if re.fullmatch(pattern, metric)), "")

"""Make a data set of any folders of pictures: photos, drawings, whatever was downloaded.

    python -m src.prepare input=<folder> output=<folder> [key=value ...]
    python -m src.prepare report=<folder>
    python -m src.prepare download=<name> output=<folder>

Every file is decoded with care, turned upright, converted to sRGB, cut to a square and resized; copies and near
duplicates are left out, across splits, too; a hash of each file's contents puts it into train, val or test, so that
adding files moves none. The output holds photo/train, photo/val and photo/test (or cartoon/...), sheets/, and
photo.csv: what became of each file and why. The input is never changed. An interrupted run goes on where it stopped.

make=cartoons: half of the training photos become cartoons instead, so that the two domains show different people, and
    the photos of val and test get their own cartoons as target/val and target/test. OpenCV draws them (bilateral
    filters, mean shift, difference of Gaussians), or a trained generator: by=<run folder or checkpoint>.
make=targets: every photo keeps its place and gets its own cartoon as target: pairs, for pix2pix.
make=masks: who is person and who is not, in photo_mask and cartoon_mask, by OpenCV's GrabCut around the face, or by
    the U-Net of a SelfieGAN: by=<run folder or checkpoint>, or torchvision's DeepLabV3, 160 MB: by=deeplabv3.
make=outlines: |dilate - erode| of the pictures, in photo_outline and cartoon_outline.
make=smooth: cartoons with blurred edges, in cartoon_smooth. Training computes the same on the fly.

shards=true: all that training reads of the set, in tar files of WebDataset's format below <output>/shards. data=shards
    reads them there, from another disk or from object storage, and makes the same batches of them.

download=<name> fetches a public set of conf/downloads.yaml, such as horse2zebra, goes on after a break, and checks it.

report=<folder> writes a page, <folder>/report.html or output=<file>, about any data set, prepared here or not: counts,
sizes, broken and suspicious files, duplicates, leakage between splits, both domains side by side.

Exit code: 0 done, 1 done but too many files cannot be read, 2 wrong use.

Examples:

    python -m src.prepare input=downloads output=data/portraits size=256 crop=face
    python -m src.prepare input=ffhq output=data/ffhq limit=10000
    python -m src.prepare input=photos output=data/portraits make=cartoons,masks
    python -m src.prepare input=drawings output=data/portraits domain=cartoon
"""

from portrait_cartoons.cli import usage
from portrait_cartoons.cli.config import CONF
from portrait_cartoons.cli.options import parse_options
from portrait_cartoons.preparation import request
from portrait_cartoons.preparation.options import Options

OPTIONS, DOWNLOADS = CONF / "prepare.yaml", CONF / "downloads.yaml"
_KINDS = {
    "size": "a whole number of pixels",
    "min_side": "a whole number of pixels",
    "limit": "a whole number or null",
    "val": "a number from 0 to 1",
    "test": "a number from 0 to 1",
    "max_unreadable": "a number from 0 to 1",
    "near_duplicates": "true or false",
    "shards": "true or false",
}


def main(arguments: list[str]) -> int:
    """Run the command and give its exit code. Wrong use raises UserError."""
    if usage.asked(arguments):
        print(usage.page_of_keys(__doc__ or "", OPTIONS), end="")
        return 0
    options = parse_options(Options, OPTIONS, arguments, _KINDS)
    request.check(options)
    if options.report is not None:
        folder, file = request.report_file(options)
        from portrait_cartoons.preparation.session import judge  # late, as it brings torch

        return judge(folder, file, options)
    if options.download is not None:
        from portrait_cartoons.preparation.download import download, listed

        archive, output = listed(options.download, DOWNLOADS), request.output_folder(options, [])
        print(f"{download(archive, output)} pictures are in {output / 'photo'} and {output / 'cartoon'}")
        return 0
    inputs = request.input_folders(options)
    output = request.output_folder(options, inputs)
    from portrait_cartoons.preparation.session import prepare

    return prepare(options, inputs, output)

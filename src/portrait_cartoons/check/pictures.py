"""The pictures of a configuration, really looked for."""

from collections.abc import Collection, Iterator

from portrait_cartoons.check.keys import Problem, Tree, affected
from portrait_cartoons.check.players import declared
from portrait_cartoons.cli.build import made, reason
from portrait_cartoons.data.picture import Splits, read
from portrait_cartoons.errors import UserError


def pictures(tree: Tree) -> Splits:
    """The pictures of the data source. Raises what it raises."""
    return made(tree["data"]["source"])


def picture_problems(tree: Tree, known: Collection[str], training: bool) -> dict[str, str]:
    """By key the sentence about it. Evaluation needs test pictures alone.

    Nothing is looked for where the keys known to have a problem already decide what would be found.
    """
    return {} if affected(("data.source", "data.load_size"), known) else dict(_problems(tree, training))


def _problems(tree: Tree, training: bool) -> Iterator[Problem]:
    try:
        splits = pictures(tree)
        for domain, found in (("photo", splits.train_photos), ("cartoon", splits.train_cartoons)):
            if training and not found:
                yield (
                    f"data.source.{domain}",
                    f"data.source.{domain} has {domain}s for the test only: put some to train on into a folder train"
                    " beside test",
                )
                return
        photo = read(splits.train_photos if training else splits.test_photos, 0, [])
        if photo.mask is None and (
            "photo_mask" in (declared(tree, "inputs") or ()) or tree["data"]["background"] != "keep"
        ):
            yield (
                "data.source.photo_mask",
                "data.source.photo_mask is missing: this model or background needs the photos' person masks; name their"
                " folder, data.source.photo_mask=<folder>",
            )
    except UserError as error:
        for n, sentence in enumerate(getattr(error, "problems", (str(error),))):
            yield f"data.{n}", sentence
    except Exception as error:  # whatever unsuitable values make it raise
        yield "data.source", f"data.source cannot be made: {reason(error)}; change its values, see conf/data"

"""The pictures of a configuration, really looked for."""

from collections.abc import Collection, Iterator

from portrait_cartoons.check.keys import Problem, Tree, affected
from portrait_cartoons.check.players import declared
from portrait_cartoons.cli.build import made, reason
from portrait_cartoons.data.fields import known as known_fields
from portrait_cartoons.data.picture import Splits, read
from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded
from portrait_cartoons.image import unread


def pictures(tree: Tree) -> Splits:
    """The pictures of the data source. Raises what it raises."""
    return made(tree["data"]["source"])


def picture_problems(tree: Tree, known: Collection[str], training: bool) -> dict[str, str]:
    """By key the sentence about it. Evaluation needs test pictures alone.

    Nothing is looked for where the keys known to have a problem already decide what would be found.
    """
    return {} if affected(("data.source", "data.load_size"), known) else dict(_problems(tree, training))


def pictures_left_out(tree: Tree) -> Iterator[str]:
    """A sentence for each folder of the data that also holds pictures of formats that are not read."""
    for key in ("root", "photo", "cartoon"):
        if (folder := tree["data"]["source"].get(key)) and (sentence := unread(expanded(folder))):
            yield sentence


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
        yield from _missing_companions(tree, splits, training)
    except UserError as error:
        for n, sentence in enumerate(getattr(error, "problems", (str(error),))):
            yield f"data.{n}", sentence
    except Exception as error:  # whatever unsuitable values make it raise
        yield "data.source", f"data.source cannot be made: {reason(error)}; change its values, see conf/data"


def _missing_companions(tree: Tree, splits: Splits, training: bool) -> Iterator[Problem]:
    """Masks and true cartoons that the model or the background needs, but the first picture does not have."""
    data, fields = tree["data"], known_fields(declared(tree, "inputs") or ()) if training else ()
    replaced = data["background_of"] if data["background"] != "keep" else ()
    for domain, test, train in (
        ("photo", splits.test_photos, splits.train_photos),
        ("cartoon", splits.test_cartoons, splits.train_cartoons),
    ):
        first = read(train if training else test, 0, [])
        if first.mask is None and (f"{domain}_mask" in fields or domain in replaced):
            yield (
                f"data.source.{domain}_mask",
                f"data.source.{domain}_mask is missing: this model or background needs the {domain}s' person masks;"
                f" {_way_out(data, f'{domain}_mask', 'masks')}",
            )
        if first.target is None and domain == "photo" and "target" in fields:
            yield (
                "data.source.target",
                "data.source.target is missing: this model needs the training photos' true cartoons;"
                f" {_way_out(data, 'target', 'targets')}",
            )


def _way_out(data: Tree, key: str, make: str) -> str:
    """What a user does about companions that are missing: a packed set has no folder of them."""
    named = f"name their folder, data.source.{key}=<folder>"
    return named if key in data["source"] else f"prepare the set again with make={make} shards=true"

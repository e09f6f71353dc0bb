import torch

from portrait_cartoons.models.pool import ImagePool


def images(*values: float) -> torch.Tensor:
    return torch.tensor(values).reshape(-1, 1, 1, 1)


def test_returns_every_image_while_it_fills() -> None:
    pool = ImagePool(3)
    assert pool(images(1, 2, 3)).flatten().tolist() == [1, 2, 3]
    assert [int(image) for image in pool.images] == [1, 2, 3]


def test_then_returns_new_or_swaps_for_a_stored_one_with_equal_chance() -> None:
    torch.manual_seed(0)
    pool, swapped = ImagePool(50), 0
    pool(images(*range(50)))
    for new in range(50, 1050):
        before = {int(image) for image in pool.images}
        out = int(pool(images(new)))
        stored = {int(image) for image in pool.images}
        if out == new:
            assert stored == before
        else:
            assert stored == before - {out} | {new}
            swapped += 1
    assert 430 < swapped < 570


def test_stored_images_are_copies_without_gradient() -> None:
    pool, fake = ImagePool(1), torch.ones(1, 1, 1, 1, requires_grad=True)
    out = pool(fake * 1)
    assert not out.requires_grad
    out += 1
    assert int(pool.images[0]) == 1


def test_state_is_restored_to_the_bit_through_the_state_dict() -> None:
    pool, restored = ImagePool(2), ImagePool(2)
    pool(images(0.1, 0.2))
    restored.load_state_dict(pool.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(pool.images, restored.images, strict=True))


def test_size_zero_is_no_pool() -> None:
    assert ImagePool(0)(images(7)).item() == 7

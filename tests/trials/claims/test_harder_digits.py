"""The harder tasks are what they say; what is not changed stays."""

import numpy as np
import pytest
import torch

from bnteach.data import digits
from bnteach.training import mlp, training_steps
from bnteach.trials.claims.harder_digits import few_classes, fewer, noisy_pixels, wrong_labels

DATA = digits()


def test_fewer_keeps_pairs_of_picture_and_label():
    small = fewer(DATA, 50, seed=3)
    places = [int(np.flatnonzero((DATA.x_train == x).all(axis=1))[0]) for x in small.x_train]
    assert len(set(places)) == 50
    assert (DATA.y_train[places] == small.y_train).all()
    assert small.x_test is DATA.x_test
    assert not np.array_equal(small.y_train, fewer(DATA, 50, seed=4).y_train)


def test_wrong_labels_are_wrong_and_as_many_as_asked():
    noisy = wrong_labels(DATA, 0.3, seed=1)
    wrong = noisy.y_train != DATA.y_train
    assert wrong.sum() == round(0.3 * 1347)
    assert set(noisy.y_train) == set(range(10))
    assert np.unique((noisy.y_train - DATA.y_train)[wrong] % 10).tolist() == list(range(1, 10))
    assert noisy.y_test is DATA.y_test
    assert digits().y_train.tolist() == DATA.y_train.tolist()  # nothing was changed in place


def test_pixel_noise_has_this_spread_on_both_sets():
    noisy = noisy_pixels(DATA, 0.5, seed=1)
    for one, other in ((noisy.x_train, DATA.x_train), (noisy.x_test, DATA.x_test)):
        assert (one - other).std() == pytest.approx(0.5, rel=0.02)
        assert abs((one - other).mean()) < 0.01
        assert one.dtype == np.float32


@pytest.mark.parametrize("classes", [1, 3, 10])
def test_each_batch_holds_so_many_digits(classes):
    labels = torch.from_numpy(DATA.y_train)
    order = few_classes(classes, batch_size=60)(labels, torch.Generator().manual_seed(0))
    counts = [batch.unique().numel() for batch in labels[order].split(60)]
    assert len(counts) == 1347 // 60
    assert set(counts) == {classes}
    assert all(batch.unique().numel() == 60 for batch in order.split(60))  # no picture twice in a batch
    if classes < 10:
        assert len({tuple(batch.unique().tolist()) for batch in labels[order].split(60)}) > 3


def test_training_takes_the_pictures_in_the_order_given():
    def backwards(labels, generator):
        return torch.arange(len(labels)).flip(0)

    first = next(training_steps(mlp([64, 20, 10]), DATA, order=backwards))
    x, y = torch.from_numpy(DATA.x_train[:-61:-1].copy()), torch.from_numpy(DATA.y_train[:-61:-1].copy())
    expected = torch.nn.functional.cross_entropy(mlp([64, 20, 10])(x), y)
    assert first.loss == pytest.approx(expected.item(), rel=1e-6)


def test_errors_name_the_argument():
    for n in (0, 1348):
        with pytest.raises(ValueError, match=f"n is {n}, expected 1 to 1347"):
            fewer(DATA, n)
    with pytest.raises(ValueError, match=r"share is 1\.5"):
        wrong_labels(DATA, 1.5)
    with pytest.raises(ValueError, match="std is -1"):
        noisy_pixels(DATA, -1)
    with pytest.raises(ValueError, match="classes is 11"):
        few_classes(11, 60)
    with pytest.raises(ValueError, match="batch_size is 60, but the digits of a batch have 10 pictures"):
        few_classes(1, 60)(torch.arange(100) % 10, torch.Generator())

"""The data of the lessons: the right digits, split fairly; cars that follow their recipe."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from bnteach.data import digits, rental_cars


def test_every_digit_is_used_once_and_with_its_own_label():
    data = digits()
    pictures, labels = load_digits(return_X_y=True)
    expected = sorted((*row, label) for row, label in zip(pictures, labels, strict=True))
    x, y = np.vstack([data.x_train, data.x_test]), np.hstack([data.y_train, data.y_test])
    assert sorted((*row, label) for row, label in zip(x * 16, y, strict=True)) == expected


def test_both_sets_hold_every_class_in_the_same_share():
    data = digits(test_share=0.25)
    train, test = np.bincount(data.y_train), np.bincount(data.y_test)
    assert np.abs(test - (train + test) * 0.25).max() < 1


def test_the_split_is_shuffled_and_belongs_to_its_seed():
    assert np.array_equal(digits(seed=3).x_train, digits(seed=3).x_train)
    assert not np.array_equal(digits(seed=3).y_test, digits(seed=4).y_test)
    assert (np.diff(digits().y_train) < 0).sum() > 300  # sorted labels would go down never


def test_types_and_ranges():
    data = digits(dtype=np.float64)
    assert (data.x_train.dtype, data.y_train.dtype) == (np.float64, np.int64)
    assert (data.x_train.min(), data.x_train.max()) == (0, 1)
    assert digits().x_test.dtype == np.float32


def test_images_are_views_of_the_same_pictures():
    data = digits()
    images = data.images()
    assert images.x_test.shape == (450, 1, 8, 8)
    assert np.shares_memory(images.x_train, data.x_train)
    assert np.array_equal(images.x_test[7, 0], data.x_test[7].reshape(8, 8))
    assert images.images().x_train.shape == images.x_train.shape


@pytest.mark.parametrize("share", [0, 1, -0.5, 2])
def test_a_share_that_leaves_a_set_empty_is_refused(share):
    with pytest.raises(ValueError, match=f"test_share is {share}, expected"):
        digits(test_share=share)


def test_cars_stay_within_the_ranges_and_follow_the_recipe():
    cars = rental_cars(20_000, seed=1)
    assert 0 <= cars.age.min()
    assert cars.age.max() <= 30
    assert 0 <= cars.mileage.min()
    assert cars.mileage.max() <= 300_000
    assert cars.age.mean() == pytest.approx(30 * 1.2 / 3.7, rel=0.02)  # the mean of Beta(1.2, 2.5)
    assert 0.7 < np.corrcoef(cars.age, cars.mileage)[0, 1] < 0.9
    noise = cars.price - (75 - 1.2 * cars.age - 0.0001 * cars.mileage)
    assert noise.mean() == pytest.approx(0, abs=0.1)
    assert noise.std() == pytest.approx(3, rel=0.03)


def test_cars_belong_to_their_seed_and_features_are_columns():
    assert np.array_equal(rental_cars(50, seed=2).features, rental_cars(50, seed=2).features)
    assert not np.array_equal(rental_cars(50, seed=2).age, rental_cars(50, seed=3).age)
    cars = rental_cars(50)
    assert np.array_equal(cars.features[:, 1], cars.mileage)
    with pytest.raises(ValueError, match="n is 0"):
        rental_cars(0)

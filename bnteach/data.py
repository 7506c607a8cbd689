"""The data of the lessons: handwritten digits that are real, rental cars that are made from a written recipe.

Nothing is downloaded: the digits come inside scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

__all__ = ["Digits", "RentalCars", "digits", "rental_cars"]


@dataclass(frozen=True)
class Digits:
    """Small pictures of handwritten digits, split into a training and a test set.

    Attributes:
        x_train: pictures to learn from, (n, 64), or (n, 1, 8, 8) after `images`; gray values in [0, 1].
        y_train: the digit in each picture, (n,), int64, 0 to 9.
        x_test: pictures kept for the test, (k, 64) or (k, 1, 8, 8).
        y_test: their digits, (k,), int64.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def images(self) -> Digits:
        """The same digits as pictures with one channel, (n, 1, 8, 8): what a convolution expects.

        The pictures are views: they share their memory with the rows of 64 values.

        >>> digits().images().x_train.shape
        (1347, 1, 8, 8)
        """
        return replace(
            self, x_train=self.x_train.reshape(-1, 1, 8, 8), x_test=self.x_test.reshape(-1, 1, 8, 8)
        )

    def __repr__(self) -> str:
        return f"Digits(x_train {self.x_train.shape} {self.x_train.dtype}, x_test {self.x_test.shape})"


def digits(test_share: float = 0.25, seed: int = 0, dtype: type = np.float32) -> Digits:
    """Load scikit-learn's 1 797 handwritten digits, shuffled and split.

    Every digit takes the same share of both sets (a *stratified* split). Gray values are divided by 16,
    their largest value, and by nothing else: the lessons do their own normalizing.

    Args:
        test_share: the part of the pictures kept for the test, between 0 and 1.
        seed: decides which pictures those are, and the order of all.
        dtype: of the pictures, `np.float32` or `np.float64`.

    Returns:
        Digits, with pictures as rows of 64 values. `digits().images()` gives them as 8 x 8 pictures.

    Raises:
        ValueError: test_share leaves one of the two sets with fewer than ten pictures.

    Example:
        >>> data = digits()
        >>> data
        Digits(x_train (1347, 64) float32, x_test (450, 64))
        >>> float(data.x_train.min()), float(data.x_train.max())
        (0.0, 1.0)

    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository, 1998, as bundled in `sklearn.datasets.load_digits`.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    if not 10 / 1797 <= test_share <= 1 - 10 / 1797:
        raise ValueError(
            f"test_share is {test_share}, expected a number between 0.006 and 0.994: both sets need "
            "ten pictures, one for each digit"
        )
    pictures, labels = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        (pictures / 16).astype(dtype),
        labels.astype(np.int64),
        test_size=test_share,
        random_state=seed,
        stratify=labels,
    )
    return Digits(x_train, y_train, x_test, y_test)


@dataclass(frozen=True)
class RentalCars:
    """Cars of a rental firm: two features of very different size, and a price.

    Attributes:
        age: years, (n,), between 0 and 30.
        mileage: kilometers driven, (n,), between 0 and 300 000.
        price: euros a day, (n,).
    """

    age: np.ndarray
    mileage: np.ndarray
    price: np.ndarray

    @property
    def features(self) -> np.ndarray:
        """Age and mileage side by side, (n, 2): one row a car, one column a feature."""
        return np.column_stack([self.age, self.mileage])

    def __repr__(self) -> str:
        return f"RentalCars({len(self.age)} cars: age in years, mileage in km, price in euros a day)"


def rental_cars(n: int = 500, seed: int = 0) -> RentalCars:
    """Make up n rental cars from a recipe that you can read.

    The cars are not real. The recipe:

    * age = 30 · Beta(1.2, 2.5) years. Most cars are young, a few are very old.
    * mileage = 300 000 · (age / 30)^0.6 · Beta(4, 3) km. It grows with age, and slower for an old car.
    * price = 75 − 1.2 · age − 0.0001 · mileage + Normal(0, 3) euros a day.

    A Beta number lies between 0 and 1, so age and mileage keep within 0–30 years and 0–300 000 km.
    In the price a year of age counts as much as 12 000 km: both features matter about equally, although
    one of them is ten thousand times larger.

    Args:
        n: how many cars, at least 1.
        seed: the same seed gives the same cars.

    Returns:
        RentalCars, with float64 arrays of shape (n,).

    Raises:
        ValueError: n is smaller than 1.

    Example:
        >>> cars = rental_cars(200)
        >>> cars.features.shape
        (200, 2)
        >>> bool(cars.age.max() <= 30 and cars.mileage.max() <= 300_000)
        True
    """
    if n < 1:
        raise ValueError(f"n is {n}, expected at least 1 car")
    random = np.random.default_rng(seed)
    age = 30 * random.beta(1.2, 2.5, n)
    mileage = 300_000 * (age / 30) ** 0.6 * random.beta(4, 3, n)
    price = 75 - 1.2 * age - 0.0001 * mileage + random.normal(0, 3, n)
    return RentalCars(age, mileage, price)

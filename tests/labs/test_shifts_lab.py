"""The lab of shifted pictures: its NumPy network answers as PyTorch's, and statistics mend what they can."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bnteach import labs  # noqa: E402
from bnteach.data import digits  # noqa: E402
from bnteach.trials.clinic import shuffled, trained  # noqa: E402


def right_in_pytorch(statistics, pictures):
    model, _ = trained(0, shuffled())
    model.train(statistics == "recalibrated")  # training mode: the statistics of these pictures
    with torch.no_grad():
        answers = model(torch.from_numpy(pictures)).argmax(dim=1).numpy()
    return 100 * (answers == digits().y_test).mean()


@pytest.mark.parametrize("statistics", ["stored", "recalibrated"])
def test_the_network_answers_as_in_pytorch(statistics):
    lab = labs.Shifts(contrast=0.5, brightness=0.25, statistics=statistics)
    expected = right_in_pytorch(statistics, 0.5 * digits().x_test + 0.25)
    assert lab.frame.accuracy[statistics] == pytest.approx(expected, abs=0.3)  # a picture of 450


@pytest.mark.parametrize(("contrast", "brightness"), [(0.25, 0), (2, -0.5), (1, 1)])
def test_statistics_mend_what_is_affine(contrast, brightness):
    plain, changed = (
        labs.Shifts(statistics="recalibrated", contrast=a, brightness=b).frame
        for a, b in ((1, 0), (contrast, brightness))
    )
    np.testing.assert_allclose(changed.x_hat, plain.x_hat, atol=1e-2)  # ε
    assert changed.accuracy["recalibrated"] == pytest.approx(plain.accuracy["recalibrated"], abs=0.3)


def test_a_negative_is_mirrored():
    plain, negative = (
        labs.Shifts(statistics="recalibrated", contrast=a, brightness=b).frame for a, b in ((1, 0), (-1, 1))
    )
    np.testing.assert_allclose(negative.x_hat, -plain.x_hat, atol=1e-3)
    assert negative.accuracy["recalibrated"] < 10

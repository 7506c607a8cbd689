"""The readings say true numbers: the same quantities by other people's code."""

from __future__ import annotations

import re
import statistics

import numpy as np
import pytest
from scipy import stats
from sklearn.preprocessing import StandardScaler

from bnteach import labs
from bnteach.labs import depth, sampler


def numbers(reading: str) -> list[float]:
    """All numbers, with 3·10⁻⁶ as one."""
    powers = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
    plain = re.sub(r"·10([⁰-⁹⁻¹²³]+)", lambda m: "e" + m[1].translate(powers), reading)
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", plain)]


@pytest.mark.parametrize("skew", [0.0, 0.7, 2.0])
def test_sampler_population_is_what_it_claims(skew):
    values = sampler._samples(skew, 0)[:, :10].ravel()
    shape = stats.pearson3(skew, loc=5, scale=2)  # a Gamma variable, shifted; Gaussian for skew 0
    assert stats.kstest(values, shape.cdf).pvalue > 0.01


@pytest.mark.parametrize(("size", "skew"), [(2, 0.0), (8, 1.5), (64, 3.0)])
def test_sampler_reading(size, skew):
    lab = labs.Sampler(batch_size=size, skew=skew)
    batches = [list(batch[:size]) for batch in sampler._samples(skew, 0)]
    means = [statistics.fmean(batch) for batch in batches]
    theory = 2 / size**0.5
    inside = sum(abs(mean - 5) <= theory for mean in means) / len(means)
    expected = [
        400,
        size,
        statistics.pstdev(means),
        theory,
        100 * inside,
        4,
        statistics.fmean(map(statistics.pvariance, batches)),
        statistics.fmean(map(statistics.variance, batches)),
    ]
    read = numbers(lab.reading.replace("N − 1", "N"))
    assert read.pop(4) == pytest.approx(expected.pop(4), abs=0.51)  # whole percents
    assert read == pytest.approx(expected, abs=0.51e-2)


def test_sampler_draws_other_batches_from_the_same_population():
    lab = labs.Sampler(skew=1.0)
    before = lab.frame
    lab.press(lab.buttons[0])
    assert not np.array_equal(lab.frame.means, before.means)
    assert stats.ks_2samp(lab.frame.population, before.population).pvalue > 0.01


@pytest.mark.parametrize(("sample", "value"), [(1, -6.0), (3, 6.0), (8, 0.25)])
def test_coupling_by_scikit_learn(sample, value):
    from bnteach.labs.coupling import BATCH

    moved = BATCH.copy()
    moved[sample - 1] = value
    before = StandardScaler().fit(BATCH[:, None])
    after = StandardScaler().fit(moved[:, None])
    for mode, scaler in (("training", after), ("evaluation", before)):
        lab = labs.Coupling(sample=sample, value=value, mode=mode)
        expected = scaler.transform(moved[:, None])[:, 0]
        np.testing.assert_allclose(lab.frame.normalized, expected, atol=1e-4)  # ε is 1e-5
        read = numbers(lab.reading)
        assert read[:3] == [sample, BATCH[sample - 1], value]
        assert read[-2:] == pytest.approx([scaler.mean_[0], scaler.scale_[0]], abs=0.51e-2)
        if mode == "training":
            others = np.delete(np.abs(expected - before.transform(BATCH[:, None])[:, 0]), sample - 1)
            assert read[3] == pytest.approx(others.max(), abs=0.51e-2)


def test_coupling_says_when_nothing_moved():
    assert "nothing has moved" in labs.Coupling(sample=3, value=2.0).reading


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", list(depth.ACTIVATIONS))
@pytest.mark.parametrize("scale", [0.5, 1.4])
def test_depth_by_pytorch(activation, batch_norm, scale):
    torch = pytest.importorskip("torch")
    lab = labs.Depth(depth=6, scale=scale, activation=activation, batch_norm=batch_norm)
    activate = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "ReLU": torch.relu}[activation]
    h = torch.tensor(depth._pictures(), dtype=torch.float64)
    spread, outputs = [h.std(0, correction=0).square().mean()], []
    for weight in depth._weights()[:6]:
        z = scale * (h @ torch.tensor(weight, dtype=torch.float64))
        if batch_norm:
            z = torch.nn.functional.batch_norm(z, None, None, training=True)
        h = activate(z.requires_grad_())
        h.retain_grad()
        outputs.append(h)
        spread.append(h.detach().std(0, correction=0).square().mean())
    h.backward(torch.tensor(depth._upstream(), dtype=torch.float64))
    signal = (torch.stack(spread[1:]) / spread[0]).sqrt().detach()
    gradient = torch.stack([h.grad.square().mean().sqrt() for h in outputs])
    np.testing.assert_allclose(lab.frame.signal, signal, rtol=1e-7)
    np.testing.assert_allclose(lab.frame.gradient, gradient / gradient[-1], rtol=1e-7)
    read = numbers(lab.reading.replace("layer 1 ", "layer "))
    assert read[2] == pytest.approx(float(signal[-1]), rel=0.5)
    assert read[3] == pytest.approx(float(gradient[0] / gradient[-1]), rel=0.5)


def test_depth_words_follow_the_numbers():
    dead, alive = labs.Depth(batch_norm=False, depth=15), labs.Depth(batch_norm=True, depth=15)
    assert dead.reading.count("vanishing") == 2
    assert alive.reading.count("alive") == 2
    assert "exploding" in labs.Depth(activation="ReLU", scale=5.0, depth=15).reading

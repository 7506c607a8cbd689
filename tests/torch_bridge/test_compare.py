"""`compare` says "agrees" where it is so, and turns exactly the right rows red where it is not."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from bnteach.core.layers import BatchNorm
from bnteach.torch_bridge import NumpyBatchNorm2d, compare

NINE = [("training", q) for q in ("y", "dx", "dgamma", "dbeta", "running_mean", "running_var")]
NINE += [("evaluation", q) for q in ("y", "dx", "dgamma")]


def case(shape=(6, 4, 5, 3), channel_axis=1, dtype=np.float64, kind=BatchNorm, offset=3.0, **options):
    """A layer in a state that masks nothing, a batch off center, a random upstream gradient."""
    random = np.random.default_rng(0)
    c = shape[channel_axis]
    along = [1] * len(shape)
    along[channel_axis] = c
    x = random.normal(size=shape) * random.uniform(0.5, 2, along) + offset * random.uniform(0.5, 1, along)
    bn = kind(c, channel_axis=channel_axis, dtype=np.result_type(dtype, np.float32).type, **options)
    if bn.affine:
        bn.gamma[...], bn.beta[...] = random.uniform(0.5, 2, c), random.normal(size=c)
    if bn.track_running_stats:
        bn.running_mean[...], bn.running_var[...] = random.normal(size=c), random.uniform(0.5, 2, c)
        bn.num_batches_tracked = np.int64(3)
    return bn, x.astype(dtype), random.normal(size=shape).astype(dtype)


def red(comparison):
    return {(row.mode, row.quantity) for row in comparison.rows if not row.agrees}


# Where it agrees


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((8, 4), 1), ((1999, 3), 1), ((5, 3, 7), 1), ((4, 5, 6, 3), -1), ((4, 3, 5, 6), 1),
     ((3, 4, 2, 5, 3), 1), ((6, 50), 0), ((5, 3, 7, 2), 2)],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_bnteach_agrees_in_every_layout_and_dtype(shape, axis, dtype):
    comparison = compare(*case(shape, axis, dtype))
    assert comparison.agrees, str(comparison)
    assert [(row.mode, row.quantity) for row in comparison.rows] == NINE


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("track", [True, False])
@pytest.mark.parametrize("momentum", [0.1, None, 0, 1, -0.3, 1.7])
def test_bnteach_agrees_with_every_option(affine, track, momentum):
    comparison = compare(*case(affine=affine, track_running_stats=track, momentum=momentum, eps=1e-2))
    assert comparison.agrees, str(comparison)
    absent = {row.quantity for row in comparison.rows if row.error is None}
    expected = (set() if affine else {"dgamma", "dbeta"}) | (
        set() if track else {"running_mean", "running_var"}
    )
    assert absent == expected
    assert ("neither has it" in str(comparison)) == bool(expected)


@pytest.mark.parametrize("offset", [0, 1e2, 1e4, 1e6])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_large_mean_is_no_excuse_and_no_false_alarm(offset, dtype):
    comparison = compare(*case((5000, 3), dtype=dtype, offset=offset))
    assert comparison.agrees, str(comparison)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("momentum", [0.1, 1.0])
@pytest.mark.parametrize(
    "x",
    [np.full((37, 3), 0.1), np.full((37, 3), 1e4), np.zeros((8, 3)), np.zeros((0, 3)),
     1 + 1e-6 * np.random.default_rng(1).normal(size=(100, 3)),
     1e-10 * np.random.default_rng(1).normal(size=(100, 3))],
    ids=["0.1", "1e4", "zeros", "empty", "tiny variance", "tiny"],
)  # fmt: skip
def test_constant_tiny_and_empty_batches(x, dtype, momentum):
    bn, _, _ = case((4, 3), dtype=dtype, momentum=momentum)
    bn.beta[...] = 0
    comparison = compare(bn, x.astype(dtype), np.random.default_rng(2).normal(size=x.shape).astype(dtype))
    assert comparison.agrees, str(comparison)


def test_pytorchs_own_float32_is_shown_beside_and_can_be_worse():
    comparison = compare(*case((20_000, 3), dtype=np.float32, offset=1e4))
    assert comparison.agrees
    y = comparison.rows[0]
    assert y.torch_error > 100 * y.error
    assert "PyTorch's own" in str(comparison)
    assert "PyTorch's own" not in str(compare(*case()))


# Nan and infinity


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_agrees_with_nan_alone(value):
    bn, x, dy = case((9, 3))
    x[2, 1] = value
    assert compare(bn, x, dy).agrees

    class Hides(BatchNorm):
        def forward(self, x, training=None):
            return np.nan_to_num(super().forward(x, training))

    assert ("training", "y") in red(compare(case((9, 3), kind=Hides)[0], x, dy))


def test_nan_where_pytorch_has_a_number_differs():
    class Nan(BatchNorm):
        def backward(self, dy):
            dx, dgamma, dbeta = super().backward(dy)
            dx.flat[5] = np.nan
            return dx, dgamma, dbeta

    comparison = compare(*case(kind=Nan))
    assert red(comparison) == {("training", "dx"), ("evaluation", "dx")}
    assert "DIFFERS by inf" in str(comparison)


# Deliberate faults. `Textbook` is a right answer in another style; each fault changes one line of it.


class Textbook(BatchNorm):
    def mean(self, x):
        return x.mean((0, 2, 3), keepdims=True)

    def var(self, x):
        return x.var((0, 2, 3), keepdims=True)

    def inv_std(self, var):
        return 1 / np.sqrt(var + self.eps)

    def statistics(self, x):
        if self.training:
            return self.mean(x), self.var(x)
        return self.running_mean.reshape(1, -1, 1, 1), self.running_var.reshape(1, -1, 1, 1)

    def update(self, x):
        new = self.momentum
        unbiased = x.var((0, 2, 3), ddof=1)
        self.running_mean = (1 - new) * self.running_mean + new * x.mean((0, 2, 3))
        self.running_var = (1 - new) * self.running_var + new * unbiased

    def forward(self, x, training=None):
        mean, var = self.statistics(x)
        self.s = self.inv_std(var)
        self.xhat = (x - mean) * self.s
        if self.training:
            self.update(x)
        return self.gamma.reshape(1, -1, 1, 1) * self.xhat + self.beta.reshape(1, -1, 1, 1)

    def parameters(self, dy):
        return (dy * self.xhat).sum((0, 2, 3)), dy.sum((0, 2, 3))

    def dx(self, dy):
        g = dy * self.gamma.reshape(1, -1, 1, 1)
        if not self.training:
            return g * self.s
        return self.s * (g - self.through_mean(g) - self.through_var(g))

    def through_mean(self, g):
        return g.mean((0, 2, 3), keepdims=True)

    def through_var(self, g):
        return self.xhat * (g * self.xhat).mean((0, 2, 3), keepdims=True)

    def backward(self, dy):
        return (self.dx(dy), *self.parameters(dy))


class NMinusOne(Textbook):
    def var(self, x):
        return x.var((0, 2, 3), ddof=1, keepdims=True)


class EpsOutside(Textbook):
    def inv_std(self, var):
        return 1 / (np.sqrt(var) + self.eps)


class OneMeanForAllChannels(Textbook):
    def mean(self, x):
        return np.broadcast_to(x.mean(), (1, x.shape[1], 1, 1))


class BatchStatisticsInEvaluation(Textbook):
    def statistics(self, x):
        return self.mean(x), self.var(x)


class BiasedRunningVar(Textbook):
    def update(self, x):
        old = self.running_var
        super().update(x)
        self.running_var = (1 - self.momentum) * old + self.momentum * x.var((0, 2, 3))


class MomentumReversed(Textbook):
    def update(self, x):
        self.momentum = 1 - self.momentum
        super().update(x)


class NeverUpdated(Textbook):
    def update(self, x):
        pass


class MeanPathMissing(Textbook):
    def through_mean(self, g):
        return 0


class VariancePathMissing(Textbook):
    def through_var(self, g):
        return 0


class EvaluationGradientAsInTraining(Textbook):
    def dx(self, dy):
        self.training = True
        return super().dx(dy)


class GammaForgottenInDx(Textbook):
    def dx(self, dy):
        return super().dx(dy) / self.gamma.reshape(1, -1, 1, 1)


class DgammaWithoutXhat(Textbook):
    def parameters(self, dy):
        return dy.sum((0, 2, 3)), dy.sum((0, 2, 3))


class DbetaAsMean(Textbook):
    def parameters(self, dy):
        return super().parameters(dy)[0], dy.mean((0, 2, 3))


class WrongOrder(Textbook):
    def parameters(self, dy):
        return super().parameters(dy)[::-1]


T, E = "training", "evaluation"
FAULTS = [
    (Textbook, []),
    (NMinusOne, [(T, "y"), (T, "dx"), (T, "dgamma")]),
    (EpsOutside, [(T, "y"), (T, "dx"), (T, "dgamma"), (E, "y"), (E, "dx"), (E, "dgamma")]),
    (OneMeanForAllChannels, [(T, "y"), (T, "dx"), (T, "dgamma")]),
    (BatchStatisticsInEvaluation, [(E, "y"), (E, "dx"), (E, "dgamma")]),
    (BiasedRunningVar, [(T, "running_var")]),
    (MomentumReversed, [(T, "running_mean"), (T, "running_var")]),
    (NeverUpdated, [(T, "running_mean"), (T, "running_var")]),
    (MeanPathMissing, [(T, "dx")]),
    (VariancePathMissing, [(T, "dx")]),
    (EvaluationGradientAsInTraining, [(E, "dx")]),
    (GammaForgottenInDx, [(T, "dx"), (E, "dx")]),
    (DgammaWithoutXhat, [(T, "dgamma"), (E, "dgamma")]),
    (DbetaAsMean, [(T, "dbeta")]),
    (WrongOrder, [(T, "dgamma"), (T, "dbeta"), (E, "dgamma")]),
]


@pytest.mark.parametrize(("kind", "rows"), FAULTS, ids=[kind.__name__ for kind, _ in FAULTS])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(6, 4, 5, 3), (40, 3, 10, 5)])
def test_each_fault_shows_in_its_own_rows_alone(kind, rows, dtype, shape):
    comparison = compare(*case(shape, dtype=dtype, kind=kind, eps=1e-3))
    assert red(comparison) == set(rows), str(comparison)
    assert comparison.agrees == (not rows)


def test_a_layer_with_one_method_replaced_is_judged_too():
    bn, x, dy = case()
    bn._track = lambda cache: None
    assert red(compare(bn, x, dy)) == {("training", "running_mean"), ("training", "running_var")}


@pytest.mark.parametrize(
    ("answer", "words"),
    [(lambda y: y.astype(np.float64), "DIFFERS: dtype float64, expected float32"),
     (lambda y: y[0], r"DIFFERS: shape (4, 5, 3), expected (6, 4, 5, 3)"),
     (lambda y: None, "DIFFERS: it is missing")],
)  # fmt: skip
def test_wrong_dtype_wrong_shape_and_nothing_are_said_in_words(answer, words):
    class Odd(BatchNorm):
        def forward(self, x, training=None):
            return answer(super().forward(x, training))

    comparison = compare(*case(dtype=np.float32, kind=Odd))
    assert red(comparison) == {("training", "y"), ("evaluation", "y")}
    assert words in str(comparison)


def test_something_where_pytorch_has_nothing_differs():
    class Extra(BatchNorm):
        def backward(self, dy):
            return super().backward(dy)[0], np.zeros(4), np.zeros(4)

    comparison = compare(*case(affine=False, kind=Extra))
    assert "DIFFERS: PyTorch has none" in str(comparison)


# What it leaves alone, and what it refuses


def test_layer_and_data_are_left_as_they_were():
    class WritesIntoItsInputs(BatchNorm):
        def forward(self, x, training=None):
            y = super().forward(x.copy(), training)
            x[...] = 0
            return y

        def backward(self, dy):
            gradients = super().backward(dy.copy())
            dy[...] = 0
            return gradients

    bn, x, dy = case(kind=WritesIntoItsInputs)
    bn.eval()
    state, x_before, dy_before, attributes = bn.state_dict(), x.copy(), dy.copy(), copy.deepcopy(vars(bn))
    assert compare(bn, x, dy).agrees
    assert np.array_equal(x, x_before)
    assert np.array_equal(dy, dy_before)
    assert all(np.array_equal(value, state[name]) for name, value in bn.state_dict().items())
    assert bn.training is False
    assert bn.dgamma is attributes["dgamma"] is None


def test_read_only_data_is_welcome():
    bn, x, dy = case()
    x.setflags(write=False)
    dy.setflags(write=False)
    assert compare(bn, x, dy).agrees


def test_errors_are_the_layers_own_or_name_dy():
    bn, x, dy = case()
    with pytest.raises(ValueError, match=r"dy has shape \(6, 4\), expected \(6, 4, 5, 3\)"):
        compare(bn, x, dy[..., 0, 0])
    with pytest.raises(TypeError, match="x has dtype int64"):
        compare(bn, x.astype(np.int64), dy)
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        compare(bn, x[:1, :, :1, :1], dy[:1, :, :1, :1])


def test_a_layer_of_pytorch_is_refused_by_name():
    _, x, dy = case()
    for bn in (nn.BatchNorm2d(4), NumpyBatchNorm2d(4), BatchNorm):
        with pytest.raises(TypeError, match=r"bn is \w+, expected a bnteach\.BatchNorm"):
            compare(bn, x, dy)


def test_tensors_are_welcome_as_data_and_as_state_and_gradients_are_refused_by_name():
    bn, x, dy = case()
    twin = copy.deepcopy(bn)
    bn.gamma, bn.running_var = torch.tensor(bn.gamma), bn.running_var.tolist()
    assert str(compare(bn, torch.tensor(x), torch.tensor(dy))) == str(compare(twin, x, dy))
    with pytest.raises(TypeError, match=r"x requires a gradient.*x\.detach"):
        compare(bn, torch.tensor(x, requires_grad=True), dy)
    with pytest.raises(TypeError, match="dy is a Tensor that NumPy cannot read"):
        compare(bn, x, torch.tensor(dy).bfloat16())


# How it is shown


def test_the_table_has_a_row_a_quantity_and_a_sentence():
    text = str(compare(*case(kind=BiasedRunningVar)))
    lines = text.splitlines()
    assert len(lines) == 11
    assert lines[0].split()[:3] == ["mode", "quantity", "verdict"]
    assert lines[-1] == "8 of 9 agree with PyTorch (float64). Look at running_var in training."
    assert repr(compare(*case())).endswith("All 9 quantities agree with PyTorch (float64).")


def test_html_says_the_verdict_in_words_and_marks_the_faulty_row_alone():
    html = compare(*case(kind=BiasedRunningVar))._repr_html_()
    assert html.count("<tr") == 10
    assert html.count("style=") == 1
    assert html.count("agrees") == 8
    assert "DIFFERS by" in html
    assert '<th scope="col">verdict</th>' in html
    assert "<caption>8 of 9" in html

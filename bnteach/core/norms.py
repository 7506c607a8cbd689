"""LayerNorm, InstanceNorm, GroupNorm, RMSNorm: the same two functions over other sets of values.

Each layer answers two questions about x, by a shape:

    which values share one mean and variance?    a row of (sets, values of a set)
    which values share one γ and β?              the middle of (before, parameters, after)

BatchNorm is the one layer for which both answers are the same. Everything else here is shared.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bnteach.core import arguments, fast, functional
from bnteach.core.functional import quietly
from bnteach.core.state import Layer


class StatisticsOfASample(Layer):
    """Standardize within each sample, then scale and shift. Training and evaluation are alike."""

    HAS_MEAN = True

    def __init__(self, eps: float, parameter_shape, affine: bool, dtype):
        super().__init__()
        self.eps = arguments.non_negative_eps(eps)
        self.dtype = arguments.float_dtype("dtype", dtype)
        self._parameter_shape = parameter_shape
        self.gamma = np.ones(parameter_shape, self.dtype) if affine else None
        self.beta = np.zeros(parameter_shape, self.dtype) if affine and self.HAS_MEAN else None

    def shapes(self, x: np.ndarray) -> tuple[tuple, tuple]:
        """The two answers for this x, or an error that says what is wrong with x."""
        raise NotImplementedError

    @quietly
    def forward(self, x: np.ndarray, training: bool | None = None) -> np.ndarray:
        """y for x, with the shape and dtype of x. Training and evaluation are the same.

        Raises:
            TypeError: x is not float16, float32 or float64.
            ValueError: x does not have the shape that the layer expects.
                After an error backward still belongs to the pass before.
        """
        x = arguments.float_array("x", x)
        sets, parameters = self.shapes(x)
        x_hat, inv_std = _standardize(x.reshape(sets), self._eps_for(x), self.HAS_MEAN)
        gamma, beta = self._column("gamma", like=x_hat), self._column("beta", like=x_hat)
        y = x_hat.reshape(parameters) * gamma + beta
        self._cache = x_hat, inv_std, gamma, parameters, x.shape, x.dtype
        return y.astype(x.dtype, copy=False).reshape(x.shape)

    @quietly
    def backward(self, dy: np.ndarray):
        """dx, dgamma, dbeta of the last forward pass; None where the layer has no γ or no β.

            dβ = Σ dy     dγ = Σ dy·x̂     dx as in `batch_norm_backward`, from γ·dy

        Raises:
            RuntimeError: there was no forward pass.
            TypeError, ValueError: dy has the wrong dtype or not the shape of the last y.
        """
        x_hat, inv_std, gamma, parameters, shape, dtype = self._last_cache()
        dy = arguments.upstream("dy", dy, shape).astype(x_hat.dtype, copy=False).reshape(parameters)
        dx_hat = (dy * gamma).reshape(x_hat.shape)
        dx = _standardize_backward(dx_hat, x_hat, inv_std, self.HAS_MEAN)
        dgamma, dbeta = fast.sums(x_hat.reshape(parameters), dy)
        if self.gamma is not None:
            self.dgamma = dgamma.astype(self.dtype).reshape(self.gamma.shape)
        if self.beta is not None:
            self.dbeta = dbeta.astype(self.dtype).reshape(self.beta.shape)
        return dx.astype(dtype, copy=False).reshape(shape), self.dgamma, self.dbeta

    def _eps_for(self, x: np.ndarray) -> float:
        return self.eps

    def _column(self, name: str, like: np.ndarray) -> np.ndarray | float:
        """A copy of γ or β that meets x̂, or the number that changes nothing where the layer has none."""
        parameter = getattr(self, name)
        if parameter is None:
            return 1.0 if name == "gamma" else 0.0
        parameter = arguments.float_array(name, parameter)
        if parameter.shape != self._parameter_shape:
            raise ValueError(f"{name} has shape {parameter.shape}, expected {self._parameter_shape}")
        return parameter.astype(like.dtype).reshape(-1, 1)


def _standardize(x, eps, has_mean):
    """x̂ and 1/√(σ² + ε) of each row of x, by the page that suits its size and its numbers."""
    if x.size >= fast.MANY:
        channels = x.astype(np.result_type(x, np.float32), copy=False)[np.newaxis]  # each row is one
        mean, var, *around = fast.statistics(channels, has_mean)
        x_hat, inv_std = fast.normalized(channels, var > 0, 0 * mean, eps, mean, var, *around)
        if x_hat is not None:
            return x_hat[0], inv_std[:, np.newaxis]
    return functional.standardize(x.astype(np.float64), (1,), eps, has_mean)[:2]


def _standardize_backward(dx_hat, x_hat, inv_std, has_mean):
    """The gradient with respect to x, for which x̂ and dx̂ are all that is needed: μ = 0 and σ² = 1 of x̂."""
    if x_hat.size >= fast.MANY:
        one = np.ones(len(x_hat))
        cache = fast.Cache(x_hat[np.newaxis], one, 0 * one, one, gamma=inv_std.ravel(), layout=None)
        dx = fast.gradients(dx_hat, cache, has_mean)[0]
        if dx is not None:
            return dx[0]
    dx_hat, x_hat = dx_hat.astype(np.float64), x_hat.astype(np.float64)
    return functional.standardize_backward(dx_hat, x_hat, inv_std, (1,), has_mean)


class LayerNorm(StatisticsOfASample):
    """Standardize each sample over its last axes, then scale and shift each of their elements.

        μ, σ² of x over the axes in normalized_shape     y = γ·(x − μ)/√(σ² + ε) + β

    What surprises: γ and β have the shape normalized_shape, one number an element, not one a channel.
    No sample sees another, so a batch of one is welcome and evaluation equals training.

    Args:
        normalized_shape: the sizes of the last axes of x, an integer or a tuple.
        eps: ε, 0 or more.
        dtype: of γ and β.

    >>> ln = LayerNorm(3)
    >>> print(ln(np.array([[1.0, 2.0, 6.0], [10.0, 20.0, 60.0]])).round(2))
    [[-0.93 -0.46  1.39]
     [-0.93 -0.46  1.39]]

    Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450, eq. 3. As `torch.nn.LayerNorm`.
    """

    def __init__(self, normalized_shape, eps: float = 1e-5, dtype=np.float32):
        self.normalized_shape = arguments.shape("normalized_shape", normalized_shape)
        super().__init__(eps, self.normalized_shape, affine=True, dtype=dtype)

    def shapes(self, x):
        last = self.normalized_shape
        if x.shape[-len(last) :] != last:
            raise ValueError(f"x has shape {x.shape}, expected its last axes to be normalized_shape {last}")
        samples, elements = math.prod(x.shape[: x.ndim - len(last)]), math.prod(last)
        return (samples, elements), (samples, elements, 1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.normalized_shape}, eps={self.eps})"


class RMSNorm(LayerNorm):
    """Divide each sample by its root mean square over its last axes, then scale.

        y = γ · x / √(mean(x²) + ε)

    What surprises: the mean stays in, and there is no β. eps=None is not 0 but the machine epsilon of
    the precision it computes in: about 1.2e-07 for float32 and float16 input, 2.2e-16 for float64.

    Args:
        normalized_shape: the sizes of the last axes of x, an integer or a tuple.
        eps: ε, 0 or more, or None.
        dtype: of γ.

    >>> print(RMSNorm(2)(np.array([[3.0, 4.0]])).round(3))
    [[0.849 1.131]]

    Source: Zhang & Sennrich 2019, arXiv:1910.07467, eq. 4. As `torch.nn.RMSNorm`.
    """

    STATE: ClassVar = {"weight": "gamma"}
    HAS_MEAN = False

    def __init__(self, normalized_shape, eps: float | None = None, dtype=np.float32):
        super().__init__(normalized_shape, 0.0 if eps is None else eps, dtype)
        self.eps = None if eps is None else self.eps

    def _eps_for(self, x):
        return float(np.finfo(np.result_type(x, np.float32)).eps) if self.eps is None else self.eps


class GroupNorm(StatisticsOfASample):
    """Standardize each group of channels of each sample, then scale and shift each channel.

        μ, σ² of x over (C / num_groups channels, all positions) of one sample
        y = γ·(x − μ)/√(σ² + ε) + β

    What surprises: num_groups=1 is not quite LayerNorm, for γ and β stay one a channel;
    num_groups=num_channels is InstanceNorm with γ and β.

    Args:
        num_groups: how many groups; it divides num_channels.
        num_channels: C, the size of axis 1 of x.
        eps: ε, 0 or more.
        dtype: of γ and β.

    >>> gn = GroupNorm(2, 4)
    >>> print(gn(np.array([[1.0, 3.0, 10.0, 50.0]])).round(2))
    [[-1.  1. -1.  1.]]

    Source: Wu & He 2018, arXiv:1803.08494, eq. 7. As `torch.nn.GroupNorm`.
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, dtype=np.float32):
        self.num_groups = arguments.positive_integer("num_groups", num_groups)
        self.num_channels = arguments.positive_integer("num_channels", num_channels)
        if num_channels % num_groups:
            raise ValueError(f"num_groups is {num_groups}, expected a divisor of num_channels={num_channels}")
        super().__init__(eps, (self.num_channels,), affine=True, dtype=dtype)

    def shapes(self, x):
        samples, positions = _samples_and_positions(x, "num_channels", self.num_channels)
        values = self.num_channels // self.num_groups * positions
        if values == 1:
            raise ValueError(f"Expected more than 1 value per group, got input size {x.shape}")
        return (samples * self.num_groups, values), (samples, self.num_channels, positions)

    def __repr__(self) -> str:
        return f"GroupNorm({self.num_groups}, {self.num_channels}, eps={self.eps})"


class InstanceNorm(StatisticsOfASample):
    """Standardize each channel of each sample over its positions; with affine=True scale and shift too.

        μ, σ² of x over all positions of one channel of one sample     y = (x − μ)/√(σ² + ε)

    What surprises: affine is False by default, as in PyTorch, and then there is no γ and no β. A single
    position is refused, in evaluation as well: its own mean would leave nothing.

    Args:
        num_features: C, the size of axis 1 of x.
        eps: ε, 0 or more.
        affine: True adds γ and β, one number a channel.
        dtype: of γ and β.

    >>> inorm = InstanceNorm(1)
    >>> print(inorm(np.array([[[1.0, 2.0, 6.0]], [[10.0, 20.0, 60.0]]])).round(2))
    [[[-0.93 -0.46  1.39]]
    <BLANKLINE>
     [[-0.93 -0.46  1.39]]]

    Source: Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022. As `torch.nn.InstanceNorm2d`.
    """

    def __init__(self, num_features: int, eps: float = 1e-5, affine: bool = False, dtype=np.float32):
        self.num_features = arguments.positive_integer("num_features", num_features)
        self.affine = bool(affine)
        super().__init__(eps, (self.num_features,), affine=self.affine, dtype=dtype)

    def shapes(self, x):
        samples, positions = _samples_and_positions(x, "num_features", self.num_features)
        if positions == 1:
            raise ValueError(f"Expected more than 1 spatial element, got input size {x.shape}")
        return (samples * self.num_features, positions), (samples, self.num_features, positions)

    def __repr__(self) -> str:
        return f"InstanceNorm({self.num_features}, eps={self.eps}, affine={self.affine})"


def _samples_and_positions(x, name: str, channels: int) -> tuple[int, int]:
    x = arguments.batch("x", x)
    if x.shape[1] != channels:
        raise ValueError(
            f"x has shape {x.shape}: {x.shape[1]} channels on axis 1, expected {name}={channels}"
        )
    return x.shape[0], math.prod(x.shape[2:])

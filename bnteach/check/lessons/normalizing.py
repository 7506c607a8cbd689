"""Mistakes of all that normalizes. They fit every recipe that has these lines, whatever the axes are:

var = sum_of_squares / n
inv_std = 1 / np.sqrt(var + eps)
x_hat = (x - mean) * inv_std
"""

IN_VARIANCE = """
    > 01_measure_a_batch: Divide by N or by N − 1?

    n_minus_one: the variance divides by n − 1
        var = sum_of_squares / (n - 1)
        | n − 1 estimates the variance of a population. BN gives these very values a variance of 1, with n.
"""

IN_ROOT = """
    > 02_normalize: Subtract, divide

    variance_for_std: the variance stands where its root belongs
        inv_std = 1 / (var + eps)
        | The variance has the square of the unit of x. Only its root gives a standard deviation of 1.

    half_power: `** 1/2` is half of it, not the root
        inv_std = 1 / (var + eps) / 2
        | Powers come before division: a ** 1/2 is (a ** 1) / 2. Write a ** 0.5, or np.sqrt(a).

    half_power_below: `** 1/2` is half of it, not the root, in what is divided by
        inv_std = 2 / (var + eps)
        | Powers come before division: a ** 1/2 is (a ** 1) / 2. Write a ** 0.5, or np.sqrt(a).

    > 02_normalize: What does ε do?

    eps_outside: ε is outside the root
        inv_std = 1 / (np.sqrt(var) + eps)
        | √σ² + ε is not √(σ² + ε). The difference is large where the variance is small.

    eps_forgotten: ε is not used
        inv_std = 1 / np.sqrt(var)
        | Without ε, a channel that hardly varies is blown up to full size, and a constant one becomes 0/0.

    eps_as_floor: ε is only a lower limit for the standard deviation
        inv_std = 1 / np.maximum(np.sqrt(var), eps)
        | max(σ, ε) leaves σ as it is, unless σ is below ε. In √(σ² + ε), ε counts a little in every channel.
"""

IN_X_HAT = """
    > 02_normalize: What does ε do?

    eps_after_division: ε is added after the division
        x_hat = (x - mean) / np.sqrt(var) + eps
        | a / b + eps is (a / b) + eps: all values are moved by ε, and the root is left without it.
"""

OF_COLUMNS = """
    > 01_measure_a_batch: Along which axis?

    wrong_axis: the statistics run over axis 1, along a sample
        mean = x.mean(axis=1)
        var = x.var(axis=1)
        | The axis that you name is the one that disappears. axis=1 mixes the channels of one sample; BN wants
        | one mean for each channel, over all samples. When N = C, no error tells you.

    one_mean_for_all: one mean and one variance serve all channels
        mean = x.mean()
        var = x.var()
        | Without an axis, NumPy takes the mean of all values, whatever their channel. Each needs its own.

    one_variance_for_all: each channel has its own mean, but one variance serves all channels
        var = x.var()
        | Without an axis it is the variance of all values, of wide channels and of narrow ones.
"""

PER_SAMPLE = """
    > 01_measure_a_batch: Along which axis?

    per_sample: each sample is normalized by itself (axis 1, with keepdims)
        mean = x.mean(axis=1, keepdims=True)
        var = x.var(axis=1, keepdims=True)
        | With keepdims=True the wrong axis always fits, so no error tells you. This is layer normalization:
        | it compares the channels of one sample, not the samples of one channel.
"""

"""Mistakes across devices, and between frameworks."""

import numpy as np

from ..mistake import Mistake

SHARES = ("10_across_devices", "Two shares are not one batch")
TRAVEL = ("10_across_devices", "What must travel")
COSTS = ("12_the_same_layer_elsewhere", "What each difference costs")
MERGE, SYNC, KERAS = ("merge_statistics",), ("sync_backward",), ("to_pytorch",)

MISTAKES = [
    Mistake(
        key="merge_unweighted_mean",
        title="the two means are averaged one to one",
        confuses="A device with more values counts more.",
        mend="mean_a + count_b / count * (mean_b - mean_a)",
        lesson=SHARES,
        checks=MERGE,
        steps={"mean": lambda mean_a, mean_b: (mean_a + mean_b) / 2},
    ),
    Mistake(
        key="merge_unweighted_var",
        title="the two variances are averaged one to one",
        confuses="A device with more values counts more.",
        mend="(count_a * var_a + count_b * var_b) / count, and the part between.",
        lesson=SHARES,
        checks=MERGE,
        steps={"within": lambda var_a, var_b: (var_a + var_b) / 2},
    ),
    Mistake(
        key="merge_between_forgotten",
        title="the distance of the two means is forgotten",
        confuses="The variances say how far the values are from the mean of their own device. The means are "
        "apart as well.",
        mend="Add count_a * count_b / count**2 * (mean_b - mean_a)**2.",
        lesson=SHARES,
        checks=MERGE,
        steps={"between": lambda mean_a: np.zeros_like(mean_a)},
    ),
    Mistake(
        key="merge_between_quarter",
        title="the distance of the means is weighted as if both devices were equal",
        confuses="The weight is share_a · share_b. It is a quarter only where both have the same number.",
        mend="count_a * count_b / count**2 * (mean_b - mean_a)**2",
        lesson=SHARES,
        checks=MERGE,
        steps={"between": lambda mean_a, mean_b: (mean_b - mean_a) ** 2 / 4},
    ),
    Mistake(
        key="merge_between_not_squared",
        title="the distance of the means is not squared",
        confuses="A variance is a mean of squares.",
        mend="count_a * count_b / count**2 * (mean_b - mean_a)**2",
        lesson=SHARES,
        checks=MERGE,
        steps={"between": lambda mean_a, mean_b, share: share * (1 - share) * abs(mean_b - mean_a)},
    ),
    Mistake(
        key="merge_between_unweighted",
        title="the distance of the means has no weight",
        confuses="The part between the devices is share_a · share_b · δ²; δ² alone is too much.",
        mend="count_a * count_b / count**2 * (mean_b - mean_a)**2",
        lesson=SHARES,
        checks=MERGE,
        steps={"between": lambda mean_a, mean_b: (mean_b - mean_a) ** 2},
    ),
    Mistake(
        key="merge_weights_swapped",
        title="each device has the weight of the other",
        confuses="The share of b is count_b / count, and it belongs to the mean and the variance of b.",
        mend="(count_a * mean_a + count_b * mean_b) / count",
        lesson=SHARES,
        checks=MERGE,
        steps={"share": lambda count_a, count_b: count_a / (count_a + count_b)},
    ),
    Mistake(
        key="sync_own_sums",
        title="dx uses the sums of this device alone",
        confuses="Mean and variance belong to all devices, so the gradient comes back from all of them.",
        mend="Use all_reduce on the two sums, and put the totals into dx.",
        lesson=TRAVEL,
        checks=SYNC,
        steps={"all_dgamma": lambda dgamma: dgamma, "all_dbeta": lambda dbeta: dbeta},
    ),
    Mistake(
        key="sync_own_count",
        title="the sums of all devices are divided by the number of this device",
        confuses="The sums run over the values of all devices: so must the count.",
        mend="Divide by count, not by len(dy).",
        lesson=TRAVEL,
        checks=SYNC,
        steps={"m": lambda dy: len(dy)},
    ),
    Mistake(
        key="sync_plain",
        title="dx uses the sums and the number of this device",
        confuses="That is the backward pass of a BN that has seen this share alone.",
        mend="Use all_reduce on the two sums, and divide by count.",
        lesson=TRAVEL,
        checks=SYNC,
        steps={
            "all_dgamma": lambda dgamma: dgamma,
            "all_dbeta": lambda dbeta: dbeta,
            "m": lambda dy: len(dy),
        },
    ),
    Mistake(
        key="sync_totals_returned",
        title="the totals are returned as dgamma and dbeta",
        confuses="Data parallelism adds up the gradients of all parameters afterwards. Totals would be added "
        "once for each device.",
        mend="Return this device's own dgamma and dbeta.",
        lesson=TRAVEL,
        checks=SYNC,
        steps={
            "dgamma": lambda dy, x_hat, other_dgamma: (dy * x_hat).sum(axis=0) + other_dgamma,
            "dbeta": lambda dy, other_dbeta: dy.sum(axis=0) + other_dbeta,
            "all_dgamma": lambda dgamma: dgamma,
            "all_dbeta": lambda dbeta: dbeta,
        },
    ),
    Mistake(
        key="sync_sums_swapped",
        title="the two totals have changed places",
        confuses="Σ dy stands alone in dx; Σ dy·x̂ has the factor x̂.",
        mend="gamma / std * (dy - all_dbeta / count - x_hat * all_dgamma / count)",
        lesson=TRAVEL,
        checks=SYNC,
        steps={
            "dx": lambda dy, x_hat, gamma, std, all_dgamma, all_dbeta, m: (
                gamma / std * (dy - all_dgamma / m - x_hat * all_dbeta / m)
            )
        },
    ),
    Mistake(
        key="momentum_not_translated",
        title="the momentum is carried over as it is",
        confuses="Keras' momentum is the share of the old average, PyTorch's that of the new batch.",
        mend="1 - momentum",
        lesson=COSTS,
        checks=KERAS,
        steps={"new_momentum": lambda momentum: momentum},
    ),
    Mistake(
        key="variance_not_translated",
        title="the variance is carried over as it is",
        confuses="Keras stores the variance divided by m, PyTorch the one divided by m − 1.",
        mend="k + (moving_variance - k) * m / (m - 1), with k = momentum**batches",
        lesson=COSTS,
        checks=KERAS,
        steps={"running_var": lambda moving_variance: moving_variance},
    ),
    Mistake(
        key="start_value_stretched",
        title="the start value is stretched too",
        confuses="The average began at 1, and a part of that is left. It never was a variance of a batch.",
        mend="Take momentum**batches out first, stretch the rest, and put it back.",
        lesson=COSTS,
        checks=KERAS,
        steps={"running_var": lambda moving_variance, stretch: moving_variance * stretch},
    ),
    Mistake(
        key="stretched_the_other_way",
        title="the variance is multiplied by (m − 1)/m",
        confuses="The unbiased variance is the larger one: divided by less.",
        mend="Multiply by m / (m - 1).",
        lesson=COSTS,
        checks=KERAS,
        steps={"stretch": lambda m: (m - 1) / m},
    ),
    Mistake(
        key="start_weight_wrong",
        title="what is left of the start is computed with 1 − momentum",
        confuses="In each step Keras keeps the share momentum of the old average.",
        mend="momentum**batches",
        lesson=COSTS,
        checks=KERAS,
        steps={"left": lambda momentum, batches: (1 - momentum) ** batches},
    ),
]

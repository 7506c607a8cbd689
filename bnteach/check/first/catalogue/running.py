"""Mistakes with the running statistics, in training and in evaluation."""

import numpy as np

from ..mistake import Mistake

AVERAGES = ("05_train_and_infer", "The running averages")
CONVENTIONS = ("05_train_and_infer", "Three conventions of momentum")
MIND = ("05_train_and_infer", "A network that changes its mind")
UPDATES = ("update_running_statistics", "BatchNorm")
INFERENCE = ("batch_norm_inference",)

MISTAKES = [
    Mistake(
        key="running_var_biased",
        title="the stored variance divides by n",
        confuses="To normalize, BN divides by n. What it stores is an estimate for all data, and divides by "
        "n − 1.",
        mend="Store x.var(axis=0, ddof=1).",
        lesson=AVERAGES,
        checks=UPDATES,
        steps={"kept_var": lambda var: var},
    ),
    Mistake(
        key="momentum_reversed",
        title="the momentum weighs the old average",
        confuses="That is Keras' convention. Here, as in PyTorch, momentum is the weight of the new batch.",
        mend="(1 - momentum) * old + momentum * new",
        lesson=CONVENTIONS,
        checks=UPDATES,
        steps={"weight": lambda momentum: 1 - momentum},
    ),
    Mistake(
        key="never_updated",
        title="the running statistics are never updated",
        confuses="They stay at what they were, and in evaluation the network sees other numbers than in "
        "training.",
        mend="Return, or store, (1 - momentum) * old + momentum * new.",
        lesson=AVERAGES,
        checks=UPDATES,
        steps={"new_mean": lambda running_mean: running_mean, "new_var": lambda running_var: running_var},
    ),
    Mistake(
        key="running_replaced",
        title="the running statistics are replaced by those of the batch",
        confuses="Then only the last batch counts. The momentum says how much of the old average stays.",
        mend="(1 - momentum) * old + momentum * new",
        lesson=AVERAGES,
        checks=UPDATES,
        steps={"weight": lambda momentum: 1.0},
    ),
    Mistake(
        key="running_not_faded",
        title="the new batch is added, and the old average does not fade",
        confuses="The two weights must add up to 1: (1 − momentum) and momentum. Otherwise the average grows "
        "with every batch.",
        mend="(1 - momentum) * old + momentum * new",
        lesson=AVERAGES,
        checks=UPDATES,
        steps={
            "new_mean": lambda running_mean, kept_mean, weight: running_mean + weight * kept_mean,
            "new_var": lambda running_var, kept_var, weight: running_var + weight * kept_var,
        },
    ),
    Mistake(
        key="running_half",
        title="old and new are averaged one to one",
        confuses="The momentum decides about the weights. It is 0.5 only if the caller says so.",
        mend="(1 - momentum) * old + momentum * new",
        lesson=CONVENTIONS,
        checks=UPDATES,
        steps={"weight": lambda momentum: 0.5},
    ),
    Mistake(
        key="momentum_fixed",
        title="the momentum is always 0.1, whatever is given",
        confuses="0.1 is only PyTorch's usual value. The caller chooses.",
        mend="Write momentum where 0.1 stands.",
        lesson=CONVENTIONS,
        checks=UPDATES,
        steps={"weight": lambda momentum: 0.1},
    ),
    Mistake(
        key="running_std",
        title="the standard deviation is averaged, not the variance",
        confuses="The stored number is a variance; the root is taken when it is used.",
        mend="Average x.var(axis=0, ddof=1).",
        lesson=AVERAGES,
        checks=UPDATES,
        steps={"kept_var": lambda unbiased: np.sqrt(unbiased)},
    ),
    Mistake(
        key="running_squares",
        title="the mean of the squares is stored, not the variance",
        confuses="The variance is measured from the mean of the batch. The mean of x² is larger by the mean, "
        "squared.",
        mend="Store x.var(axis=0, ddof=1).",
        lesson=AVERAGES,
        checks=UPDATES,
        steps={"kept_var": lambda mean_of_squares: mean_of_squares},
    ),
    Mistake(
        key="around_running_mean",
        title="the variance is measured around the running mean",
        confuses="The variance of a batch is measured around the mean of that batch.",
        mend="Store x.var(axis=0, ddof=1).",
        lesson=AVERAGES,
        checks=UPDATES,
        steps={
            "kept_var": lambda table, running_mean, n: ((table - running_mean) ** 2).sum(axis=0) / (n - 1)
        },
    ),
    Mistake(
        key="running_mean_of_all",
        title="one mean serves all channels: axis=0 is missing in the mean",
        confuses="x.mean() without an axis is the mean of all values, whatever their channel.",
        mend="Write axis=0 in the mean.",
        lesson=AVERAGES,
        checks=("update_running_statistics",),
        steps={"kept_mean": lambda table: table.mean()},
    ),
    Mistake(
        key="whole_var_corrected",
        title="N/(N − 1) multiplies the whole running variance",
        confuses="The old average was made of unbiased variances already. Only the variance of the new batch "
        "is corrected, before it is mixed in.",
        mend="Correct the new variance alone: x.var(axis=0, ddof=1).",
        lesson=AVERAGES,
        checks=UPDATES,
        steps={
            "new_var": lambda running_var, var, weight, n: (
                ((1 - weight) * running_var + weight * var) * n / (n - 1)
            )
        },
    ),
    Mistake(
        key="stored_var_corrected",
        title="the stored variance is multiplied by (n − 1)/n",
        confuses="n is the number of samples that come now. It has nothing to do with those that the stored "
        "variance was measured on. A single sample would get the variance 0.",
        mend="Use running_var as it is.",
        lesson=MIND,
        checks=INFERENCE,
        steps={"var": lambda running_var, x: running_var * (len(x) - 1) / len(x)},
    ),
    Mistake(
        key="stored_var_corrected_again",
        title="the stored variance is multiplied by n/(n − 1)",
        confuses="That was done when it was stored. n is the number of samples that come now: with one, this "
        "divides by 0.",
        mend="Use running_var as it is.",
        lesson=MIND,
        checks=INFERENCE,
        steps={"var": lambda running_var, x: running_var * len(x) / (len(x) - 1)},
    ),
    Mistake(
        key="batch_statistics_used",
        title="the statistics of the batch are used in evaluation",
        confuses="Then a prediction depends on its neighbors, and a batch of one gives β, always.",
        mend="Use running_mean and running_var.",
        lesson=MIND,
        checks=INFERENCE,
        steps={"mean": lambda x: x.mean(axis=0), "var": lambda x: x.var(axis=0)},
    ),
    Mistake(
        key="batch_mean_used",
        title="the mean of the batch is used in evaluation",
        confuses="The variance is the stored one, but the mean is measured on x. Both must be stored ones.",
        mend="Use running_mean.",
        lesson=MIND,
        checks=INFERENCE,
        steps={"mean": lambda x: x.mean(axis=0)},
    ),
    Mistake(
        key="batch_variance_used",
        title="the variance of the batch is used in evaluation",
        confuses="The mean is the stored one, but the variance is measured on x. Both must be stored ones.",
        mend="Use running_var.",
        lesson=MIND,
        checks=INFERENCE,
        steps={"var": lambda x: x.var(axis=0)},
    ),
]

"""Lesson 15, fine-tune and adapt: its exercises and their mistakes."""

import numpy as np

from ..checking import Check
from ..running import Probe
from .inputs import readable, values
from .letters import named_letters
from .normalizing import IN_ROOT, IN_X_HAT
from .one_change import one_change

CAMERAS = """
    A as_before: what are a and c, where nobody divides by 255? BN divides, too.
    B as_before: fog multiplies and adds, in each pixel the same.
    C other: which pixels are cut at 1? The same in all pictures?
    D as_before: what does the scratch add to a channel? Does it depend on the picture?
    E other: is there one a for all pictures?
    F mirrored: what is a here? Look at its sign.
    G other: a channel is a sum over both halves. Can one a turn the old sum into the new one?
"""


def mixed_x_hat(x, running_mean, running_var, prior, eps):
    new = len(x) / (len(x) + prior)
    batch_mean = x.mean(axis=0)
    batch_var = x.var(axis=0)
    mean = new * batch_mean + (1 - new) * running_mean
    var = new * batch_var + (1 - new) * running_var
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * inv_std
    return x_hat


OF_MIXING = """
    only_the_new: the stored statistics do not count
        new = 1
        | That is AdaBN, prior = 0. Here the stored mean and variance have a weight, too.

    stds_mixed: standard deviations are mixed, not variances
        inv_std = 1 / (new * np.sqrt(batch_var + eps) + (1 - new) * np.sqrt(running_var + eps))
        | First mix the variances, then take the root.

    pooled: the distance of the two means counts in the variance
        batch_var = x.var(axis=0) + (1 - new) * (batch_mean - running_mean) ** 2
        | That is the variance of both sets of pictures together. Here only the two variances are mixed.

    outputs_mixed: two normalized batches are mixed
        batch_var = np.sqrt(x.var(axis=0) + eps)
        var = np.sqrt(running_var + eps)
        x_hat = new * (x - batch_mean) / batch_var + (1 - new) * (x - running_mean) / var
        | Mix the statistics, then normalize once.

    > 01_measure_a_batch: Divide by N or by N − 1?

    n_minus_one: the variance of the new pictures is divided by n − 1
        batch_var = x.var(axis=0, ddof=1)
        | That would be the one that PyTorch stores. Asked for is the variance divided by n.
"""


def few_pictures(rng: np.random.Generator) -> list[Probe]:
    """A batch to read; then random ones that lie off the stored statistics; one that hardly varies."""

    def random(n: int, c: int, prior: float, eps: float, spread: float = 1.0) -> Probe:
        mean, var = spread * rng.uniform(-2, 0, size=c), spread**2 * rng.uniform(4, 9, size=c)
        new = {"x": spread * values(rng, n, c), "running_mean": mean, "running_var": var}
        return {**new, "prior": prior, "eps": eps}

    others = [random(5, 3, 16, 0.2), random(10, 4, 3, 1e-5), random(4, 2, 9, 0.01, 0.002)]
    return [readable(random(2, 1, 6, 0.5)), *others]


def no_measurement(pictures, brightness, digit):
    if brightness == 0:
        return "brightness is 0, expected another number: these pictures are as before, nothing has to adapt"
    return f"pictures is {pictures}, expected 2 or more: one picture has no variance" * (pictures < 2)


EXERCISES = [
    named_letters(
        "name_the_cameras",
        CAMERAS,
        hints="""Write the new z with the old one. Is it a·z + c, with the same a and c for all pictures?
        A number that is added may differ from pixel to pixel. May a factor?
        Three are as before, and one is mirrored.""",
        lesson=("15_fine_tune_and_adapt", "Another camera: which changes can statistics mend?"),
    ),
    Check(
        mixed_x_hat,
        few_pictures,
        hints="""What should come out for `prior = 0`? And for a very large `prior`?
        The two weights add up to 1. They are n / (n + prior) and …
        Mix the means, mix the variances, then normalize once: the root comes last.""",
        lesson=("15_fine_tune_and_adapt", "Another camera: which changes can statistics mend?"),
        mistakes=(OF_MIXING, IN_ROOT, IN_X_HAT),
    ),
    one_change(
        "share_right",
        {"pictures": 137, "brightness": 0.5, "digit": None},
        name="effect_of_pictures",
        refused=no_measurement,
        such_as="pictures=20",
        lesson=("15_fine_tune_and_adapt", "Another camera: which changes can statistics mend?"),
    ),
]

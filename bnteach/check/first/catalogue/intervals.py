"""Mistakes with the interval of a difference over seeds, and with what it says about a claim."""

import numpy as np

from ...quantile import student_t
from ..mistake import Mistake

TRIAL = ("07_put_the_claims_on_trial", "How a claim is tried")
INTERVAL, OUTCOME = ("difference_interval",), ("interval_outcome",)
HALF = "half = stats.t.ppf(0.975, n - 1) * difference.std(ddof=1) / np.sqrt(n)"


def standard_error(with_bn, without_bn):
    """Of the difference of two means that have nothing to do with each other."""
    return np.sqrt((with_bn.var(ddof=1) + without_bn.var(ddof=1)) / len(with_bn))


MISTAKES = [
    Mistake(
        key="one_network_alone",
        title="the interval is that of the network with BN alone",
        confuses="The claim compares two networks. Its effect is the difference, one for each seed.",
        mend="Begin with difference = with_bn - without_bn.",
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"difference": lambda with_bn: with_bn},
    ),
    Mistake(
        key="difference_reversed",
        title="the difference is taken the other way round",
        confuses="The effect is to be above 0 where BN is better: with BN minus without.",
        mend="difference = with_bn - without_bn",
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"difference": lambda with_bn, without_bn: without_bn - with_bn},
    ),
    Mistake(
        key="pairs_torn",
        title="the two networks are taken as unpaired",
        confuses="Both networks of a seed have the same data and the same start. What the seed alone changes "
        "cancels in each difference, and only there. (This is the interval of the unpaired t-test.)",
        mend="Take the differences first, then their standard deviation.",
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"error": standard_error, "t": lambda n: student_t(0.975, 2 * n - 2)},
    ),
    Mistake(
        key="variances_added",
        title="the variances of the two networks are added",
        confuses="That is right for two results that have nothing to do with each other. Here the seed moves "
        "both, and their difference varies less.",
        mend="Take the differences first, then their standard deviation.",
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"error": standard_error},
    ),
    Mistake(
        key="normal_for_t",
        title="1.96 stands where Student's t belongs",
        confuses="1.96 would be right if s were known. It is estimated from a few seeds, and that needs a "
        "longer interval: 2.78 for five.",
        mend=HALF,
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"t": lambda: 1.96},
    ),
    Mistake(
        key="t_of_five_seeds",
        title="t is that of five seeds, however many there are",
        confuses="2.776 belongs to five values. With fewer it is larger, with more it is smaller.",
        mend="t = stats.t.ppf(0.975, n - 1)",
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"t": lambda: 2.776},
    ),
    Mistake(
        key="t_of_five_rounded",
        title="t is 2.78, however many seeds there are",
        confuses="2.78 belongs to five values, and it is rounded. With fewer seeds t is larger, with more "
        "it is smaller.",
        mend="t = stats.t.ppf(0.975, n - 1)",
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"t": lambda: 2.78},
    ),
    Mistake(
        key="four_degrees_always",
        title="Student's t is always asked for 4 degrees of freedom",
        confuses="4 belongs to five seeds. There are n − 1.",
        mend="t = stats.t.ppf(0.975, n - 1)",
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"t": lambda: student_t(0.975, 4)},
    ),
    Mistake(
        key="five_seeds_always",
        title="n is always 5",
        confuses="The example has five seeds. Other arrays have fewer, or more.",
        mend="n = len(with_bn)",
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"t": lambda: student_t(0.975, 4), "error": lambda spread: spread / np.sqrt(5)},
    ),
    Mistake(
        key="root_of_five",
        title="the root is always √5",
        confuses="The example has five seeds. With n of them it is √n.",
        mend=HALF,
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"error": lambda spread: spread / np.sqrt(5)},
    ),
    Mistake(
        key="root_of_n_less_one",
        title="√(n − 1) stands where √n belongs",
        confuses="The n − 1 is in s already. The mean has n values.",
        mend=HALF,
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"error": lambda spread, n: spread / np.sqrt(n - 1)},
    ),
    Mistake(
        key="variance_for_s",
        title="the variance stands where s belongs",
        confuses="s is the standard deviation: the root of the variance.",
        mend="difference.std(ddof=1)",
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"spread": lambda difference: difference.var(ddof=1)},
    ),
    Mistake(
        key="spreads_subtracted",
        title="s is the standard deviation of one network minus that of the other",
        confuses="Two networks may spread alike, and their difference still changes from seed to seed. Take "
        "the differences first.",
        mend="difference = with_bn - without_bn, then difference.std(ddof=1)",
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"spread": lambda with_bn, without_bn: with_bn.std(ddof=1) - without_bn.std(ddof=1)},
    ),
    Mistake(
        key="percentiles_of_effects",
        title="the ends are percentiles of the effects",
        confuses="They say where single seeds lie. The question is how sure the *mean* of n seeds is.",
        mend=HALF,
        lesson=TRIAL,
        checks=INTERVAL,
        steps={
            "low": lambda difference: np.percentile(difference, 2.5),
            "high": lambda difference: np.percentile(difference, 97.5),
        },
    ),
    Mistake(
        key="t_with_n_degrees",
        title="Student's t is asked for n degrees of freedom",
        confuses="The mean was estimated from the same n values, so n − 1 are free.",
        mend="t = stats.t.ppf(0.975, n - 1)",
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"t": lambda n: student_t(0.975, n)},
    ),
    Mistake(
        key="t_one_sided",
        title="5 % are left out on each side",
        confuses="A 95 % interval leaves out 5 % in all: 2.5 % below it and 2.5 % above it.",
        mend="t = stats.t.ppf(0.975, n - 1)",
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"t": lambda n: student_t(0.95, n - 1)},
    ),
    Mistake(
        key="spread_biased",
        title="the standard deviation divides by n",
        confuses="NumPy's std divides by n unless told otherwise. An estimate for all seeds there could be "
        "divides by n − 1.",
        mend="difference.std(ddof=1)",
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"spread": lambda difference: difference.std()},
    ),
    Mistake(
        key="root_n_forgotten",
        title="the standard deviation is not divided by √n",
        confuses="s says how far one seed is from the others. The mean of n seeds is √n times as sure.",
        mend=HALF,
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"error": lambda spread: spread},
    ),
    Mistake(
        key="divided_by_n_seeds",
        title="the standard deviation is divided by n",
        confuses="The variance of a mean is s²/n, so its standard deviation is s/√n.",
        mend=HALF,
        lesson=TRIAL,
        checks=INTERVAL,
        steps={"error": lambda spread, n: spread / n},
    ),
    Mistake(
        key="ends_swapped",
        title="the two ends of the interval have changed places",
        confuses="The low end is mean − half, the high end mean + half.",
        mend="return mean, mean - half, mean + half",
        lesson=TRIAL,
        checks=INTERVAL,
        steps={
            "low": lambda mean, t, error: mean + t * error,
            "high": lambda mean, t, error: mean - t * error,
        },
    ),
    Mistake(
        key="margin_ignored",
        title="the margin is not used: every interval above 0 is for the claim",
        confuses="A tiny effect can be quite certain. The margin says from where on anyone should care.",
        mend="Compare low with margin, and high with -margin.",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={
            "for_it": lambda low: low > 0,
            "against_it": lambda high: high < 0,
            "no_difference": lambda: False,
        },
    ),
    Mistake(
        key="margin_of_one",
        title="the margin is always 1, whatever margin is given",
        confuses="1 is the margin for percentage points of accuracy. For another effect it is another one.",
        mend="Write margin where 1 stands.",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={
            "for_it": lambda low: low > 1,
            "against_it": lambda high: high < -1,
            "no_difference": lambda low, high: low >= -1 and high <= 1,
        },
    ),
    Mistake(
        key="zero_inside",
        title="an interval that holds 0 is called no difference",
        confuses="A long interval that holds 0 holds large effects too: nothing is known yet. To say that "
        "there is no difference, the interval must be short, and lie inside the margin.",
        mend="'no difference' only if low >= -margin and high <= margin.",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={"no_difference": lambda low, high: low <= 0 <= high},
    ),
    Mistake(
        key="never_undecided",
        title="what is neither for nor against the claim is called no difference",
        confuses="Not to have seen an effect is not to have seen that there is none. A long interval means: "
        "more seeds are needed.",
        mend="'no difference' only if low >= -margin and high <= margin; all else is 'undecided'.",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={"no_difference": lambda: True},
    ),
    Mistake(
        key="or_for_and",
        title="one end in the band is enough for no difference",
        confuses="*Both* ends must be in the band. The other end may lie far outside: then a large effect "
        "is still possible.",
        mend="low >= -margin and high <= margin: and, not or.",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={"no_difference": lambda low, high, margin: low >= -margin or high <= margin},
    ),
    Mistake(
        key="high_end_alone",
        title="for no difference only the high end is looked at",
        confuses="*Both* ends must be in the band. The low end may lie far below it.",
        mend="'no difference' only if low >= -margin and high <= margin.",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={"no_difference": lambda high, margin: high <= margin},
    ),
    Mistake(
        key="low_end_alone",
        title="for no difference only the low end is looked at",
        confuses="*Both* ends must be in the band. The high end may lie far above it.",
        mend="'no difference' only if low >= -margin and high <= margin.",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={"no_difference": lambda low, margin: low >= -margin},
    ),
    Mistake(
        key="middle_in_the_band",
        title="the middle of the interval is held against the band",
        confuses="The middle decides nothing: the ends do. Both must be in the band.",
        mend="'no difference' only if low >= -margin and high <= margin.",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={"no_difference": lambda low, high, margin: abs(low + high) / 2 <= margin},
    ),
    Mistake(
        key="shorter_than_margin",
        title="an interval shorter than the margin is called no difference",
        confuses="A short interval may still stick out of the band. The length decides nothing: the ends do.",
        mend="'no difference' only if low >= -margin and high <= margin.",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={"no_difference": lambda low, high, margin: high - low <= margin},
    ),
    Mistake(
        key="shorter_than_band",
        title="an interval shorter than the band is called no difference",
        confuses="It would fit in the band, but it may still stick out of it. Look where its ends lie.",
        mend="'no difference' only if low >= -margin and high <= margin.",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={"no_difference": lambda low, high, margin: high - low <= 2 * margin},
    ),
    Mistake(
        key="short_around_the_middle",
        title="no difference is a short interval with its middle in the band",
        confuses="It may still stick out of the band. The middle and the length decide nothing: the two "
        "ends do.",
        mend="'no difference' only if low >= -margin and high <= margin.",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={
            "no_difference": lambda low, high, margin: (
                abs(low + high) / 2 <= margin and high - low <= 2 * margin
            )
        },
    ),
    Mistake(
        key="middle_decides",
        title="the middle of the interval decides",
        confuses="Other seeds would give another mean. The whole interval must lie on one side.",
        mend="Compare low with margin, and high with -margin.",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={
            "for_it": lambda low, high, margin: (low + high) / 2 > margin,
            "against_it": lambda low, high, margin: (low + high) / 2 < -margin,
            "no_difference": lambda: True,
        },
    ),
    Mistake(
        key="one_end_is_enough",
        title="one end beyond the margin is enough",
        confuses="Such an interval says that the effect may be large. It must say that the effect is not "
        "small: the end that is nearer to 0 counts.",
        mend="low > margin is for it, high < -margin is against it.",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={
            "for_it": lambda high, margin: high > margin,
            "against_it": lambda low, margin: low < -margin,
        },
    ),
    Mistake(
        key="minus_of_margin_forgotten",
        title="the margin below 0 has lost its minus",
        confuses="The band goes from −margin to margin. Below +margin is not yet below the band.",
        mend="high < -margin",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={"against_it": lambda high, margin: high < margin},
    ),
    Mistake(
        key="not_for_is_against",
        title="what is not for the claim is called against it",
        confuses="There are four outcomes. Against it is an interval that lies below −margin as a whole.",
        mend="high < -margin",
        lesson=TRIAL,
        checks=OUTCOME,
        steps={"against_it": lambda low, margin: low <= margin},
    ),
]

"""Every mistake and every right answer of the first checker (commit 53e721e), judged by the checker of today.

    python tests/check/migration.py [lesson or check ...] [-v]

It prints a row for each mistake that is not named by its own key, and the numbers for each check. Kept until
the issue after the one that made the checker smaller is done.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from bnteach import check  # noqa: E402

COMMIT = "53e721e"
SEEDS = range(3)
STYLE_SEEDS = range(8)
# What the first checker and its tests import: of its own, or what has moved since.
RENAMED = {
    "from bnteach import check": "from bnteach_before import check",
    "bnteach.check": "bnteach_before.check",
    "bnteach.training.cutting": "bnteach.trials.slimming.cutting",
    "bnteach.training.verdicts": "bnteach.training.claims",
}
# The name is the same, the exercise is another one.
REPLACED = ("staged_backward", "largest_x_hat_batch", "sync_backward")
# (mistake, check) pairs that are dropped on purpose, each with its reason.
DROPPED = {
    ("shorter_than_margin", "interval_outcome"): "a shade of shorter_than_band; the first wrong one is told",
    ("short_around_the_middle", "interval_outcome"): "a mix of shorter_than_band and middle_in_the_band",
    ("pull_on_beta", "slimming_gradient"): "beta_pulled_too has the words; the facts say what is off",
    ("threshold_as_share", "cut_channels"): "over-specific: threshold_times_largest has words",
    ("constant_of_zero_input", "cut_channels"): "over-specific: BN of an input of 0",
    ("relu_on_products", "cut_channels"): "a shade of relu_behind_the_sum",
    ("next_old_bias_scaled", "fold_into_next"): "half of bias_of_the_layer_before",
    ("eps_squared", "BatchNorm"): "made in training alone; in both modes it is a slip",
    ("multiplied_by_std_back", "BatchNorm"): "made in training alone; one line serves both modes",
    ("initial_mean_one", "BatchNorm"): "over-specific; the facts say which value is off",
    ("t_of_five_rounded", "difference_interval"): "a typed number of the example; n = 5 typed has words",
    ("root_of_five", "difference_interval"): "a typed number of the example; n = 5 typed has words",
    ("spreads_subtracted", "difference_interval"): "over-specific: nobody subtracts two standard deviations",
    ("merge_between_not_squared", "merge_statistics"): "nobody writes abs(); without it, it is a slip",
    ("mean_not_squared", "one_pass_statistics"): "over blocks nobody writes it; batch_statistics has it",
    ("not_squared", "one_pass_statistics"): "the fact says more: every value is 0",
    ("min_max", "scale_like_training"): "a right z-score is asked for; the facts say how far it is off",
    ("one_too_many", "largest_x_hat_batch"): "the fact says it: it is 6, expected 5",
    ("factor_along_rows", "gradient_after_rescaling"): "it stops, and the words of NumPy are explained",
    ("product_along_rows", "gradient_after_rescaling"): "two things; it stops, and that is explained",
    ("root_of_n", "batch_norm_backward"): "nobody writes it",
    ("root_of_n", "BatchNorm"): "nobody writes it",
    ("dbeta_not_compared", "gradient_check"): "the fact says it: one whose dβ is a mean is accepted",
    ("dgamma_not_compared", "gradient_check"): "the fact says it: one whose dγ is a mean is accepted",
    ("dx_not_compared", "gradient_check"): "the fact says it: one whose dx is too long is accepted",
    (
        "wrong_axis_by_hand",
        "standardize",
    ): "it stops, and NumPy's words are explained; x.var(axis=1) is named",
    ("eps_hard_coded", "BatchNorm"): "made in training alone; in both modes: eps has no effect",
    ("dgamma_with_centred", "BatchNorm"): "made in training alone; in both modes it has words",
    ("dgamma_with_gamma", "BatchNorm"): "made in training alone; in both modes it is a slip",
    ("gamma_forgotten_in_evaluation", "BatchNorm"): "made in evaluation alone; the fact says y_evaluation",
    ("four_degrees_always", "difference_interval"): "a shade of t_of_five_seeds",
    ("five_seeds_always", "difference_interval"): "a shade of t_of_five_seeds",
    ("middle_in_the_band", "interval_outcome"): "a shade of shorter_than_band",
    ("merge_between_unweighted", "merge_statistics"): "a shade of merge_between_quarter",
    ("always_channels_first", "batch_norm_channels"): "channel_axis_unused has the words",
    ("not_moved_back", "batch_norm_channels"): "the fact says it: the shape, and which one is expected",
    ("next_shift_from_the_left", "fold_into_next"): "it stops, and the words of NumPy are explained",
    ("next_shift_not_summed", "fold_into_next"): "it stops, and the words of NumPy are explained",
    ("groups_without_places", "group_norm"): "a shade of the wrong axes; the facts say how far it is off",
    ("running_squares", "BatchNorm"): "over-specific; the facts say which value is off",
    ("means_by_n_minus_one", "batch_norm_backward"): "nobody writes it by hand",
    ("means_by_n_minus_one", "BatchNorm"): "nobody writes it by hand",
    ("merge_parts_of_less", "merge_statistics"): "over-specific: the variances that are given divide by n",
}


def first_checker(folder):
    """The first checker, as bnteach_before, and its right answers in many styles."""
    archive = subprocess.run(
        ["git", "archive", COMMIT, "bnteach", "tests/check"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    (folder / "bnteach").rename(folder / "bnteach_before")
    for file in folder.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        for old, new in RENAMED.items():
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")
    sys.path[:0] = [str(folder), str(folder / "tests" / "check")]
    import styles
    from bnteach_before import check as before

    return before, styles.STYLES


def how_named(before, mistake, name):
    """("words", "slip", "lost" or "dropped", what is said today of code that makes the mistake)."""
    if (mistake.key, name) in DROPPED:
        return "dropped", DROPPED[mistake.key, name]
    first, today = before.CHECKS[name], check.CHECKS[name]
    answer = first.answer_from(mistake.spoil(first.recipe))
    verdicts = [today.judge(answer, seed) for seed in SEEDS]
    keys = {verdict.mistakes for verdict in verdicts}
    said = f"{verdicts[0].mistakes} {verdicts[0].why}".replace("\n", " | ")
    if len(keys) > 1:
        return "lost", f"differs by seed: {keys}"
    (found,) = keys
    if not found:
        return "lost", said
    return ("slip" if all(key.startswith("slip_") for key in found) else "words"), said


def false_alarms(answers, name):
    for style, answer in answers.items():
        for seed in STYLE_SEEDS:
            verdict = check.CHECKS[name].judge(answer, seed)
            if verdict.state != "passed":
                yield f"    CALLED WRONG {style} (seed {seed}): {verdict}"


def wanted(name, words):
    if name not in check.CHECKS or name in REPLACED:
        return False  # the second edition has another exercise there
    one = check.CHECKS[name]
    return not words or name in words or one.lesson[0][:2] in words


def main(words, verbose):
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    total, alarms, runs, slowest = Counter(), 0, 0, (0.0, "")
    with tempfile.TemporaryDirectory() as folder:
        before, styles = first_checker(Path(folder))
        for name in filter(lambda name: wanted(name, words), before.CHECKS):
            count = Counter()
            print(name)
            for mistake in before.CHECKS[name].mistakes():
                begin = time.perf_counter()
                how, said = how_named(before, mistake, name)
                slowest = max(slowest, ((time.perf_counter() - begin) / len(SEEDS), f"{name} {mistake.key}"))
                count[how] += 1
                if verbose or how == "lost" or (how == "words" and f"'{mistake.key}'" not in said):
                    print(f"    {how:6} {mistake.key}: {said[:200]}")
            found = list(false_alarms(styles[name], name))
            print(*found, sep="\n", end="\n" * bool(found))
            alarms, runs = alarms + len(found), runs + len(styles[name]) * len(STYLE_SEEDS)
            print(f"  {dict(count)}; right answers: {len(styles[name])}, called wrong: {len(found)}")
            total += count
    print(f"\n{total.total()} pairs: {dict(total)}")
    print(f"{runs} runs of right answers: {alarms} called wrong")
    print(f"slowest verdict: {slowest[0]:.2f} s, {slowest[1]}")
    return alarms + total["lost"]


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(main([word for word in arguments if word != "-v"], "-v" in arguments) > 0)

"""Right answers as people write them, in many styles: none of them may be called wrong.

STYLES: name of a check -> {style: answer}.
"""

import styles_backward
import styles_devices
import styles_folding
import styles_forward
import styles_gradient_check
import styles_layer
import styles_nodes
import styles_norms
import styles_slimming
import styles_statistics
import styles_trials
from bnteach import check

FILES = (
    styles_statistics,
    styles_forward,
    styles_nodes,
    styles_backward,
    styles_gradient_check,
    styles_layer,
    styles_norms,
    styles_folding,
    styles_trials,
    styles_slimming,
    styles_devices,
)

STYLES = {name: answers for file in FILES for name, answers in file.STYLES.items()}


def false_alarms(seeds):
    """(check, style, seed, verdict) of each right answer that is not passed; and the number of runs."""
    found, runs = [], 0
    for name, answers in STYLES.items():
        for style, answer in answers.items():
            for seed in seeds:
                verdict = check.CHECKS[name].judge(answer, seed)
                runs += 1
                if verdict.state != "passed":
                    found.append((name, style, seed, str(verdict)))
    return found, runs

"""Prints the table mistake × check, and counts the false alarms: python tests/check/table.py [seeds]"""

import sys
from collections import Counter

from bnteach import check
from styles import STYLES, false_alarms

SIGNS = {"named": "✓", "not named": "✗"}


def is_named(mistake, name, seeds):
    """True when code that makes the mistake is told so by the check, and nothing else, on every seed."""
    one = check.CHECKS[name]
    answer = one.answer_from(mistake.spoil(one.recipe))
    return all(one.judge(answer, seed).mistakes == (mistake.key,) for seed in seeds)


def table(seeds):
    """Mistake -> check -> "named" or "not named"."""
    return {
        key: {name: "named" if is_named(mistake, name, seeds) else "not named" for name in mistake.checks}
        for key, mistake in check.CATALOGUE.items()
    }


def main(seeds):
    rows = table(seeds)
    for key, row in rows.items():
        print(f"{key:26s}", "  ".join(f"{SIGNS[state]} {name}" for name, state in row.items()))
    count = Counter(state for row in rows.values() for state in row.values())
    print(
        f"\n{len(rows)} mistakes in {count.total()} places:", *(f"{n} {state}" for state, n in count.items())
    )
    alarms, runs = false_alarms(range(max(len(seeds), 10)))
    styles = sum(map(len, STYLES.values()))
    print(f"{styles} right answers in {runs} runs: {len(alarms)} false alarms", *alarms, sep="\n")
    return len(alarms) + count["not named"]


if __name__ == "__main__":
    sys.exit(main(range(int(sys.argv[1]) if len(sys.argv) > 1 else 20)) > 0)

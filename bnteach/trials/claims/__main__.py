"""Tries the eighteen claims with 20 seeds and stores the result: `python -m bnteach.trials.claims FILE`.

About five minutes on one processor.
"""

import sys

from bnteach.training import stored_claims
from bnteach.training.loop import one_thread
from bnteach.trials.claims.eighteen import eighteen_claims

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(
            "usage: python -m bnteach.trials.claims FILE, for example notebooks/deeper/results/07_claims.json"
        )
    with one_thread():
        tried = eighteen_claims(range(20))
    stored_claims(sys.argv[1], tried, command="python -m bnteach.trials.claims")

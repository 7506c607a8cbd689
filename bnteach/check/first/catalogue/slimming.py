"""Mistakes in the gradient of the penalty that makes a network slim."""

import numpy as np

from ..mistake import Mistake

L1 = ("09_slim_and_fold", "How γ becomes small")
GRADIENT = ("slimming_gradient",)

MISTAKES = [
    Mistake(
        key="l2_pull",
        title="the pull is proportional to γ: that is an L2 penalty",
        confuses="½γ² has the slope γ, which dies out near 0: γ gets small and stays. |γ| has the slope ±1, "
        "which pulls all the way.",
        mend="dgamma + strength * np.sign(gamma)",
        lesson=L1,
        checks=GRADIENT,
        steps={"pull": lambda gamma, strength: strength * gamma},
    ),
    Mistake(
        key="l2_pull_doubled",
        title="the pull is 2γ: that is the slope of γ²",
        confuses="The penalty is |γ|, not γ². Its slope is ±1, however large γ is.",
        mend="dgamma + strength * np.sign(gamma)",
        lesson=L1,
        checks=GRADIENT,
        steps={"pull": lambda gamma, strength: 2 * strength * gamma},
    ),
    Mistake(
        key="pull_without_sign",
        title="the sign of γ is forgotten",
        confuses="A constant pull drives a negative γ further away from 0.",
        mend="dgamma + strength * np.sign(gamma)",
        lesson=L1,
        checks=GRADIENT,
        steps={"pull": lambda gamma, strength: strength + 0 * gamma},
    ),
    Mistake(
        key="penalty_for_its_slope",
        title="the penalty itself is added, not its slope",
        confuses="strength·|γ| belongs in the loss. Its derivative by γ belongs in the gradient.",
        mend="dgamma + strength * np.sign(gamma)",
        lesson=L1,
        checks=GRADIENT,
        steps={"pull": lambda gamma, strength: strength * np.abs(gamma)},
    ),
    Mistake(
        key="whole_penalty_added",
        title="the whole penalty is added to each gradient",
        confuses="strength·Σ|γ| is a number that belongs in the loss. Its derivative by one γ is ±strength.",
        mend="dgamma + strength * np.sign(gamma)",
        lesson=L1,
        checks=GRADIENT,
        steps={"pull": lambda gamma, strength: strength * np.abs(gamma).sum()},
    ),
    Mistake(
        key="pushed_away",
        title="the pull is subtracted from the gradient",
        confuses="The step of training is minus the gradient. So the gradient itself must point away from 0, "
        "and then the step goes toward it.",
        mend="dgamma + strength * np.sign(gamma)",
        lesson=L1,
        checks=GRADIENT,
        steps={"new_dgamma": lambda dgamma, pull: dgamma - pull},
    ),
    Mistake(
        key="pull_averaged",
        title="the pull is divided by the number of channels",
        confuses="The penalty is a sum over the channels, and each γ stands in it once.",
        mend="dgamma + strength * np.sign(gamma)",
        lesson=L1,
        checks=GRADIENT,
        steps={"pull": lambda gamma, strength: strength * np.sign(gamma) / len(gamma)},
    ),
    Mistake(
        key="sign_of_gradient",
        title="the sign of the gradient is taken, not that of γ",
        confuses="The pull leads γ to 0, so it depends on the side of 0 on which γ is.",
        mend="dgamma + strength * np.sign(gamma)",
        lesson=L1,
        checks=GRADIENT,
        steps={"pull": lambda dgamma, strength: strength * np.sign(dgamma)},
    ),
    Mistake(
        key="gradient_replaced",
        title="the gradient of the loss is lost",
        confuses="The penalty is added to the loss, so the two gradients add up.",
        mend="dgamma + strength * np.sign(gamma)",
        lesson=L1,
        checks=GRADIENT,
        steps={"new_dgamma": lambda pull: pull},
    ),
    Mistake(
        key="beta_without_gradient",
        title="β has lost its gradient",
        confuses="The penalty adds nothing for β. The gradient of the loss is still there.",
        mend="Return dbeta as it is.",
        lesson=L1,
        checks=GRADIENT,
        steps={"new_dbeta": lambda dbeta: 0 * dbeta},
    ),
    Mistake(
        key="beta_pulled_too",
        title="β is pulled to 0 too",
        confuses="The penalty has γ alone in it. A channel is not needed when its γ is 0: whatever β is, the "
        "channel is then a constant.",
        mend="Return dbeta as it is.",
        lesson=L1,
        checks=GRADIENT,
        steps={"new_dbeta": lambda beta, dbeta, strength: dbeta + strength * np.sign(beta)},
    ),
    Mistake(
        key="pull_on_beta",
        title="the pull of γ is added to the gradient of β too",
        confuses="The penalty has γ alone in it, so the gradient of β stays as it is.",
        mend="Return dbeta as it is.",
        lesson=L1,
        checks=GRADIENT,
        steps={"new_dbeta": lambda dbeta, pull: dbeta + pull},
    ),
]

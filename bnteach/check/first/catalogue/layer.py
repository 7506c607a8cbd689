"""Mistakes of a whole BatchNorm layer: its two modes, and what it stores."""

import numpy as np

from ..mistake import Mistake

LAYER = ("BatchNorm",)
AVERAGES = ("05_train_and_infer", "The running averages")
TWO_NUMBERS = ("03_scale_and_shift", "Two numbers for each channel")
MIND = ("05_train_and_infer", "A network that changes its mind")
EVALUATION = ("05_train_and_infer", "Is this evaluation?")
NOTHING = ("05_train_and_infer", '"BN does nothing at test time"')

MISTAKES = [
    Mistake(
        key="initial_var_zero",
        title="the running variance begins at 0",
        confuses="Before any training the layer should change nothing: mean 0 and variance 1. With 0 it "
        "divides by √ε.",
        mend="self.running_var = np.ones(num_features)",
        lesson=AVERAGES,
        checks=LAYER,
        steps={"initial_var": lambda num_features: np.zeros(num_features)},
    ),
    Mistake(
        key="initial_mean_one",
        title="the running mean begins at 1",
        confuses="Before any training the layer should change nothing: mean 0 and variance 1.",
        mend="self.running_mean = np.zeros(num_features)",
        lesson=AVERAGES,
        checks=LAYER,
        steps={"initial_mean": lambda num_features: np.ones(num_features)},
    ),
    Mistake(
        key="updated_in_evaluation",
        title="the running statistics are updated in evaluation too",
        confuses="What is shown for testing would then change the network.",
        mend="Update only when training is True.",
        lesson=EVALUATION,
        checks=LAYER,
        steps={
            "new_mean_evaluation": lambda new_mean: new_mean,
            "new_var_evaluation": lambda new_var: new_var,
        },
    ),
    Mistake(
        key="batch_statistics_in_evaluation",
        title="evaluation uses the statistics of the batch",
        confuses="Then a prediction depends on its neighbors. In evaluation BN uses the stored statistics.",
        mend="In evaluation use self.running_mean and self.running_var.",
        lesson=MIND,
        checks=LAYER,
        steps={"mean_evaluation": lambda mean: mean, "var_evaluation": lambda var: var},
    ),
    Mistake(
        key="stored_statistics_in_training",
        title="training uses the stored statistics, as they were before this batch",
        confuses="In training BN normalizes with the batch itself. The stored statistics are only kept up to "
        "date, for later.",
        mend="In training use x.mean(axis=0) and x.var(axis=0).",
        lesson=MIND,
        checks=LAYER,
        steps={
            "inv_std": lambda running_var, eps: 1 / np.sqrt(running_var + eps),
            "x_hat": lambda table, running_mean, inv_std: (table - running_mean) * inv_std,
        },
    ),
    Mistake(
        key="eps_forgotten_in_evaluation",
        title="ε is forgotten in evaluation",
        confuses="Both modes divide by √(variance + ε).",
        mend="np.sqrt(self.running_var + self.eps)",
        lesson=NOTHING,
        checks=LAYER,
        steps={"inv_std_evaluation": lambda var_evaluation: 1 / np.sqrt(var_evaluation)},
    ),
    Mistake(
        key="eps_outside_in_evaluation",
        title="ε is outside the root in evaluation",
        confuses="Both modes divide by √(variance + ε).",
        mend="np.sqrt(self.running_var + self.eps)",
        lesson=NOTHING,
        checks=LAYER,
        steps={"inv_std_evaluation": lambda var_evaluation, eps: 1 / (np.sqrt(var_evaluation) + eps)},
    ),
    Mistake(
        key="gamma_forgotten_in_evaluation",
        title="γ and β are forgotten in evaluation",
        confuses="They are learned for both modes. Only the statistics differ.",
        mend="gamma * x_hat + beta, in evaluation too.",
        lesson=NOTHING,
        checks=LAYER,
        steps={"y_evaluation": lambda x_hat_evaluation: x_hat_evaluation},
    ),
    Mistake(
        key="training_dx_in_evaluation",
        title="dx in evaluation is computed as in training",
        confuses="In evaluation mean and variance are constants: no path leads through them.",
        mend="In evaluation dx = dy * gamma / np.sqrt(running_var + eps).",
        lesson=NOTHING,
        checks=LAYER,
        steps={
            "dx_evaluation": lambda dx_hat, inv_std_evaluation, x_hat_evaluation: (
                inv_std_evaluation
                * (dx_hat - dx_hat.mean(axis=0) - x_hat_evaluation * (dx_hat * x_hat_evaluation).mean(axis=0))
            )
        },
    ),
    Mistake(
        key="batch_dx_in_evaluation",
        title="the backward pass in evaluation uses the statistics of the batch",
        confuses="It must use what the forward pass used: the stored statistics.",
        mend="Keep x_hat and the standard deviation of the last forward pass, whatever its mode.",
        lesson=NOTHING,
        checks=LAYER,
        steps={
            "dx_evaluation": lambda dx: dx,
            "dgamma_evaluation": lambda dgamma: dgamma,
        },
    ),
    Mistake(
        key="layer_without_affine",
        title="x̂ is returned in both modes: neither γ nor β is used",
        confuses="x̂ is the normalized value. The layer's output is γ·x̂ + β, in training and in evaluation.",
        mend="Return self.gamma * x_hat + self.beta, in both modes.",
        lesson=TWO_NUMBERS,
        checks=LAYER,
        steps={"y": lambda x_hat: x_hat, "y_evaluation": lambda x_hat_evaluation: x_hat_evaluation},
    ),
    Mistake(
        key="layer_without_gamma",
        title="γ is used in neither mode",
        confuses="x̂ + β has the right mean, but every channel has a standard deviation of about 1, not |γ|.",
        mend="Return self.gamma * x_hat + self.beta, in both modes.",
        lesson=TWO_NUMBERS,
        checks=LAYER,
        steps={
            "y": lambda x_hat, beta: x_hat + beta,
            "y_evaluation": lambda x_hat_evaluation, beta: x_hat_evaluation + beta,
        },
    ),
    Mistake(
        key="layer_without_beta",
        title="β is used in neither mode",
        confuses="γ·x̂ has the right spread, but the mean of every channel is 0 in training, not β.",
        mend="Return self.gamma * x_hat + self.beta, in both modes.",
        lesson=TWO_NUMBERS,
        checks=LAYER,
        steps={
            "y": lambda x_hat, gamma: gamma * x_hat,
            "y_evaluation": lambda x_hat_evaluation, gamma: gamma * x_hat_evaluation,
        },
    ),
    Mistake(
        key="running_average_in_training",
        title="training normalizes with the running averages, just updated",
        confuses="In training BN normalizes with the batch, not with the running average. The averages are "
        "updated beside it, for evaluation.",
        mend="In training use x.mean(axis=0) and x.var(axis=0).",
        lesson=MIND,
        checks=LAYER,
        steps={
            "inv_std": lambda new_var, eps: 1 / np.sqrt(new_var + eps),
            "x_hat": lambda table, new_mean, inv_std: (table - new_mean) * inv_std,
        },
    ),
]

"""Mistakes in folding a BN layer into the linear layer after it."""

from ..mistake import Mistake

FOLD = ("09_slim_and_fold", "Fold")
NEXT = ("fold_into_next",)
BIAS = "bias + weight @ (beta - running_mean * scale)"

# How the bias is folded when BN comes after the layer.
BEFORE = {"new_bias": lambda bias, running_mean, scale, beta: scale * (bias - running_mean) + beta}

MISTAKES = [
    Mistake(
        key="fold_of_the_layer_before",
        title="the fold into the layer *before* BN",
        confuses="Here BN comes first: its channels are the inputs of the layer, the columns of the weight. "
        "The bias is added after BN, and BN does not touch it.",
        mend=f"weight * scale and {BIAS}",
        lesson=FOLD,
        checks=NEXT,
        steps={"new_weight": lambda weight, scale: weight * scale[:, None], **BEFORE},
    ),
    Mistake(
        key="bias_of_the_layer_before",
        title="the bias is that of the fold into the layer *before* BN",
        confuses="Here BN comes first: its channels are the inputs of the layer. The layer weighs the shift, "
        "and adds its own bias after it.",
        mend=BIAS,
        lesson=FOLD,
        checks=NEXT,
        steps=BEFORE,
    ),
    Mistake(
        key="next_rows_scaled",
        title="the factor meets the rows of the weight",
        confuses="The rows are what the layer gives, the columns what it takes. BN stands before it, so its "
        "channels are the columns.",
        mend="weight * scale, which lines up with the columns",
        lesson=FOLD,
        checks=NEXT,
        steps={"new_weight": lambda weight, scale: weight * scale[:, None]},
    ),
    Mistake(
        key="next_weight_unchanged",
        title="the weight is not scaled",
        confuses="BN multiplies each input by its factor. Without BN the weight must do it.",
        mend="weight * scale",
        lesson=FOLD,
        checks=NEXT,
        steps={"new_weight": lambda weight: weight},
    ),
    Mistake(
        key="next_shift_forgotten",
        title="only the weight is folded; the bias is as before",
        confuses="BN is a factor and a shift. The shift must come along, in the bias.",
        mend=BIAS,
        lesson=FOLD,
        checks=NEXT,
        steps={"new_bias": lambda bias: bias},
    ),
    Mistake(
        key="next_shift_not_weighted",
        title="the shift does not go through the weight",
        confuses="The shift is added to the inputs of the layer. The layer weighs them, and so the shift.",
        mend=BIAS,
        lesson=FOLD,
        checks=NEXT,
        steps={"weighed": lambda shift: shift},
    ),
    Mistake(
        key="next_shift_from_the_left",
        title="the shift stands on the left of the weight: shift @ weight",
        confuses="That multiplies the shift with the outputs, along the rows. A bias has one number for each "
        "output: a sum along each row of the weight.",
        mend="weight @ shift",
        lesson=FOLD,
        checks=NEXT,
        steps={"weighed": lambda weight, shift: shift @ weight},
    ),
    Mistake(
        key="next_shift_not_summed",
        title="the weight is multiplied with the shift, but nothing is summed up",
        confuses="Each output adds up what all its inputs give: a sum along each row of the weight.",
        mend="weight @ shift, or (weight * shift).sum(axis=1)",
        lesson=FOLD,
        checks=NEXT,
        steps={"weighed": lambda weight, shift: weight * shift},
    ),
    Mistake(
        key="next_weight_summed",
        title="the new weight is weight @ scale: a matrix product, which sums",
        confuses="Each column gets its factor, and nothing is added up: the new weight has the shape of the "
        "old one.",
        mend="weight * scale, with * and not @",
        lesson=FOLD,
        checks=NEXT,
        steps={"new_weight": lambda weight, scale: weight @ scale},
    ),
    Mistake(
        key="next_shift_by_new_weight",
        title="the shift goes through the new weight, which has the factor in it",
        confuses="BN adds its shift after the factor. With the new weight it is scaled once more.",
        mend="bias + weight @ shift, with the old weight",
        lesson=FOLD,
        checks=NEXT,
        steps={"weighed": lambda new_weight, shift: new_weight @ shift},
    ),
    Mistake(
        key="next_old_bias_forgotten",
        title="the old bias is forgotten",
        confuses="The layer adds its bias as before: it comes after BN, and BN does not touch it.",
        mend=BIAS,
        lesson=FOLD,
        checks=NEXT,
        steps={"new_bias": lambda weighed: weighed},
    ),
    Mistake(
        key="next_old_bias_scaled",
        title="the old bias is scaled",
        confuses="That is right where BN stands behind the layer. Here the bias is added after BN.",
        mend=BIAS,
        lesson=FOLD,
        checks=NEXT,
        steps={"new_bias": lambda bias, scale, weighed: bias * scale + weighed},
    ),
    Mistake(
        key="next_beta_forgotten",
        title="β is forgotten",
        confuses="BN adds β at the end, so it is part of the shift.",
        mend="shift = beta - running_mean * scale",
        lesson=FOLD,
        checks=NEXT,
        steps={"shift": lambda running_mean, scale: -running_mean * scale},
    ),
    Mistake(
        key="next_mean_forgotten",
        title="the running mean is forgotten",
        confuses="BN subtracts it, so the shift must.",
        mend="shift = beta - running_mean * scale",
        lesson=FOLD,
        checks=NEXT,
        steps={"shift": lambda beta: beta},
    ),
    Mistake(
        key="next_mean_not_scaled",
        title="the running mean is not scaled",
        confuses="BN subtracts the mean before it divides. So the mean has the factor γ/√(σ² + ε) too.",
        mend="shift = beta - running_mean * scale",
        lesson=FOLD,
        checks=NEXT,
        steps={"shift": lambda beta, running_mean: beta - running_mean},
    ),
    Mistake(
        key="next_mean_added",
        title="the running mean is added",
        confuses="BN subtracts the mean.",
        mend="shift = beta - running_mean * scale",
        lesson=FOLD,
        checks=NEXT,
        steps={"shift": lambda beta, running_mean, scale: beta + running_mean * scale},
    ),
    Mistake(
        key="next_gamma_forgotten",
        title="γ is forgotten in the factor",
        confuses="The factor of a channel is γ/√(σ² + ε).",
        mend="scale = gamma / np.sqrt(running_var + eps)",
        lesson=FOLD,
        checks=NEXT,
        steps={"scale": lambda inv_std: inv_std},
    ),
]

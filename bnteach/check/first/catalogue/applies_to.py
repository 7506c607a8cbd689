"""Names of the checks that have the same steps, and so can have the same mistakes."""

STATISTICS = ("batch_statistics", "standardize", "identity_parameters", "batch_norm_forward")
NORMALIZING = ("standardize", "batch_norm_forward")  # those that give x̂, or y
WITH_STD = (  # those with 1/√(σ² + ε)
    *NORMALIZING,
    "identity_parameters",
    "batch_norm_backward",
    "batch_norm_inference",
    "BatchNorm",
    "batch_norm_channels",
    "fold_batch_norm",
    "fold_into_next",
)
BACKWARD = ("batch_norm_backward", "BatchNorm")  # those with the compact dx

"""What Keras gives in lesson 12. Keras is needed only to compute it again: KERAS_BACKEND=torch."""

from __future__ import annotations

import numpy as np

__all__ = ["keras_calls", "keras_model"]


def keras_calls() -> dict[str, list[float]]:
    """The means of what a new, frozen BN layer gives for [[1, 10], [3, 30]], by the way it is called."""
    import keras

    x = np.array([[1, 10], [3, 30]], dtype=np.float32)
    frozen = keras.layers.BatchNormalization(trainable=False)
    ways = {"layer(x)": {}, "layer(x, training=True)": {"training": True}}
    return {way: frozen(x, **how).numpy(force=True).mean(axis=0).tolist() for way, how in ways.items()}


def keras_model() -> dict[str, float | list]:
    """Dense and BN after ten training batches: weights, statistics, ε, and y for four samples x."""
    import keras

    rng = np.random.default_rng(0)
    batches = rng.normal(size=(11, 4, 2)).astype(np.float32)
    dense, norm = keras.layers.Dense(3), keras.layers.BatchNormalization()
    norm(dense(batches[0]))
    dense.set_weights([rng.normal(size=(2, 3)), rng.normal(size=3)])
    for batch in batches[1:]:
        norm(dense(batch), training=True)
    norm.gamma.assign(np.array([0.5, 2.0, 1.5]))
    norm.beta.assign(np.array([1.0, -1.0, 0.25]))
    names = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
    weights = [weight.value.numpy(force=True) for weight in dense.weights + norm.weights]
    found = {
        **dict(zip(names, weights, strict=True)),
        "x": batches[0],
        "y": norm(dense(batches[0])).numpy(force=True),
    }
    return {name: value.round(6).tolist() for name, value in found.items()} | {"epsilon": norm.epsilon}

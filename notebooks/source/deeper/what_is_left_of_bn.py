# %% [markdown]
# # What is left of BN when a network is shipped?
#
# *20 minutes · after lesson [15 · Fine-tune and adapt](../15_fine_tune_and_adapt.ipynb)*
#
# A network that goes to a phone is often **quantized**: its weights become whole numbers of a few bits. BN is folded into the convolutions before that, or by the program that
# writes the file. You quantize weights with BN and after the fold, and look into a file that PyTorch has exported.

# %%
from copy import deepcopy

import numpy as np
import torch
from torch import nn

from bnteach import data, torch_bridge, training

# %% [markdown]
# ## Few bits
#
# With 3 bits, one of them for the sign, a weight can be −3, −2, …, 3 times a **scale**. The scale is chosen so that the largest weight becomes 3. One scale may serve a whole layer, or each filter gets its
# own.


# %%
def quantized(weight, bits, each_filter):
    largest = weight.abs().amax(dim=(1, 2, 3), keepdim=True) if each_filter else weight.abs().max()
    scale = largest / (2 ** (bits - 1) - 1)
    return torch.round(weight / scale) * scale


weight = torch.tensor([[0.9, -2.0, 0.4], [0.10, 0.03, -0.07]]).reshape(2, 1, 1, 3)  # two filters
for words, each_filter in {"one scale": False, "a scale for each filter": True}.items():
    rounded = quantized(weight, bits=3, each_filter=each_filter).flatten(1)
    print(
        f"{words:24}",
        *(" ".join(f"{value:6.3f}" for value in row) for row in (rounded + 0.0).tolist()),
        sep="  ",
    )

# %% [markdown]
# With one scale nothing is left of the second filter.
#
# To fold means to multiply each filter by $a = \gamma / \sqrt{\text{running var} + \varepsilon}$ ([lesson 09](../09_slim_and_fold.ipynb#Fold)), so the fold changes how large the filters are beside each other. We quantize
# the convolutions of a small network: before the fold, with BN left as it is, and after it.
#
# **Predict.** With a scale for each filter, what difference does the fold make? And with one scale?

# %% tags=["nbval-ignore-output"]
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits().images()


def learned(seed):
    network = training.small_cnn(channels=(16, 32, 64), seed=seed)
    training.train(network, digits, epochs=5, seed=seed, every=1000, progress=False)
    return network.eval()


def right(network, bits=None, each_filter=False):
    network = deepcopy(network)
    for layer in network:
        if isinstance(layer, nn.Conv2d) and bits:
            layer.weight.data = quantized(layer.weight.data, bits, each_filter)
    return 100 * training.accuracy(network, digits.x_test, digits.y_test)


def verdict(better, worse):
    gain = training.SeedSummary(np.subtract(better, worse))
    return f"{gain.mean:5.1f} ± {gain.half_width:4.1f} {training.outcome(gain, margin=2)}"


with_bn = [learned(seed) for seed in range(20)]
folded = [torch_bridge.fold_batch_norm(network) for network in with_bn]
print(f"not quantized: {np.mean([right(network) for network in with_bn]):.1f} % right")
for bits in (8, 4, 3):
    for words, each_filter in {"one scale": False, "each filter": True}.items():
        kept = [right(network, bits, each_filter) for network in with_bn]
        after = [right(network, bits, each_filter) for network in folded]
        print(f"{bits} bits, {words:11}  with BN {np.mean(kept):4.1f}  folded {np.mean(after):4.1f}", end="")
        print("   folded − with BN", verdict(after, kept))
    one_scale = [right(network, bits) for network in folded]
    print(f"{bits} bits, folded: each filter − one scale", verdict(after, one_scale))
    assert np.abs(np.subtract(after, kept)).max() < 0.5  # points: rounding turns few answers

# %% [markdown]
# <details><summary>Answer</summary>
#
# With a scale for each filter none at all: the factor $a$ is in the scale, and the whole numbers stay (where $a$ is negative they change their sign). With one scale there is no difference at 8 and 4 bits; at 3 bits the
# seeds differ too much to decide.
#
# </details>
#
# The numbers are averages of 20 seeds, in percent, and differences in points; less than 2 points do not count ([lesson 07](../07_put_the_claims_on_trial.ipynb)). At 8 bits nothing is lost. At 3 bits a scale for each
# filter saves some 20 points, for one more number in each filter.
#
# How large is the largest filter of a layer beside the smallest, before the fold and after it? (The average of the 20 seeds.)

# %% tags=["nbval-ignore-output"]
for words, networks in {"with BN": with_bn, "folded": folded}.items():
    for name in ("conv_1", "conv_2", "conv_3"):
        sizes = [net.get_submodule(name).weight.detach().abs().amax(dim=(1, 2, 3)) for net in networks]
        ratios = [(size.max() / size.min()).item() for size in sizes]
        print(f"{words:7} {name} {np.mean(ratios):5.1f}")

# %% [markdown]
# In the first layer the fold makes the filters more alike, in the others less. So it can help or harm. In MobileNet the filters of a folded layer differed so much that one scale ruined the network; Nagel and
# others repaired it.
#
# ## What the exporter does
#
# `torch.onnx.export` writes a network as a graph of nodes ([What does ONNX define?](what_does_onnx_define.ipynb)). It needs the packages `onnx` and `onnxscript`, so the result here is stored, with its date and versions; with both
# installed, `FULL = True` exports again.
#
# **Predict.** The trained network is exported in evaluation mode. Then somebody forgets `eval()`, and exports it in training mode. In which of the two files is there a node BatchNormalization?


# %%
def exported():
    from tempfile import TemporaryDirectory

    import onnx.reference

    x, results = torch.from_numpy(digits.x_test[:60]), {"onnx": onnx.__version__}
    for mode in ("evaluation", "training"):
        network = deepcopy(with_bn[0]).train(mode == "training")
        with TemporaryDirectory() as folder:
            torch.onnx.export(deepcopy(network), (x,), f"{folder}/network.onnx")
            model = onnx.load(f"{folder}/network.onnx")
        (y,) = onnx.reference.ReferenceEvaluator(model).run(None, {model.graph.input[0].name: x.numpy()})
        away = [abs(deepcopy(network).train(way)(x).detach().numpy() - y).max() for way in (False, True)]
        results[mode] = [node.op_type for node in model.graph.node], *map(float, away)
    return results


FULL = False
kept = training.stored("results/15_exported.json", exported, again=FULL)
for mode in ("evaluation", "training"):
    nodes, from_evaluation, from_training = kept["results"][mode]
    print(f"exported in {mode} mode:", *nodes)
    print(
        f"   differs from PyTorch in evaluation by {from_evaluation:.4f}, in training by {from_training:.4f}"
    )
print("torch", kept["versions"]["torch"], " onnx", kept["results"]["onnx"], " ", kept["date"])
assert "BatchNormalization" not in kept["results"]["evaluation"][0]

# %% [markdown]
# <details><summary>Answer</summary>
#
# In neither. PyTorch 2.13 has folded BN into the convolutions, weights and biases. Its exporter took evaluation in both cases: the second file answers as the network does in evaluation,
# not as it does in the mode in which it was exported.
#
# </details>
#
# Exporters change: the older one (`dynamo=False`) can keep both the nodes and the mode. So after each export, compare the file's answers with those of the network in evaluation mode, as this cell does.
#
# **What was shown.** Of a shipped BN layer often only other weights and a bias are left. Where each filter has a scale, quantization does not notice the fold.
#
# **Back to** [15 · Fine-tune and adapt](../15_fine_tune_and_adapt.ipynb)
#
# *Sources: B. Jacob and others, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2017, arXiv:1712.05877. M. Nagel and others, "Data-Free Quantization Through
# Weight Equalization and Bias Correction", 2019, arXiv:1906.04721.*

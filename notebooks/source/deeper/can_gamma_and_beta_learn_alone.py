# %% [markdown]
# # Can γ and β learn alone?
#
# *5 minutes · deeper than [15 · Fine-tune and adapt](../15_fine_tune_and_adapt.ipynb)*
#
# A network keeps its random weights, and only γ and β of its BN layers learn. You see how far they come, and what the learning rate has to do with it.

# %%
import torch
from torch import nn

from bnteach import data, training

# %% [markdown]
# The network has three hidden layers of 200 channels. γ and β are $3\cdot 2\cdot 200 = 1\,200$ numbers, 1.2 % of all. To compare: only the last layer
# learns (2 010 numbers, 2.1 %).
#
# **Predict.** With the rate 0.1 the last layer alone reaches 91 to 94 %. What do γ and β reach alone: about 10 % (guessing), 50 %, or 90 %? And with the rate 3?


# %% tags=["nbval-ignore-output"]
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits()


def right_with(part, rate, seed):
    network = training.mlp([64, 200, 200, 200, 10], nn.ReLU, init_scale=2**0.5, seed=seed)
    for name, numbers in network.named_parameters():
        numbers.requires_grad_(part in name)
    training.train(network, digits, learning_rate=rate, epochs=10, seed=seed, progress=False)
    return training.accuracy(network, digits.x_test, digits.y_test)


print("right answers, five seeds")
for rate in (0.1, 3):
    for words, part in {"γ and β": "bn", "last layer": "output"}.items():
        print(f"rate {rate:3}, {words:10}", *(f"{right_with(part, rate, seed):4.0%}" for seed in range(5)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both: 52 to 64 % with a rate of 0.1, and 94 to 96 % with 3.
#
# </details>
#
# With 0.1 the last layer looks far better; with 3 the two are about equal (five seeds). So choose a rate for each before you compare. In deep networks on photographs, γ and β alone
# stayed far below all weights (Frankle and others).
#
# **Back to** [15 · Fine-tune and adapt](../15_fine_tune_and_adapt.ipynb).
#
# Source: J. Frankle, D. Schwab and A. Morcos, "Training BatchNorm and Only BatchNorm", 2020, arXiv:2003.00152.

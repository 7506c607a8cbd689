# %% [markdown]
# # 05 · Train and infer
#
# *40 minutes · previous: [04b · Train with your own](04b_train_with_your_own.ipynb) ·
# next: [06 · Normalize channels](06_normalize_channels.ipynb) ·
# [exercises](exercises/05_train_and_infer.ipynb)*
#
# In **training mode** BN normalizes with the mean and the variance of the batch, and keeps a running average of both. In
# **evaluation mode** it normalizes with this running average, so that a network can answer for one picture alone. Many
# faults with BN are one of two: the wrong mode, or a wrong running average.

# %%
from copy import deepcopy

import numpy as np
import torch
from torch import nn

import bnteach
from bnteach import data, figures, labs, training

# %% tags=["draws"] alt="Training mode: the batch goes to normalize, gamma, beta, and gives y. Its mean and variance go there too, and each batch moves the running mean and variance a little. Evaluation mode: a new x is normalized with the running mean and variance."
figures.show(figures.two_modes())

# %% [markdown]
# ## A network that changes its mind
#
# We train five small networks, one for each seed, with two hidden layers, BN before each ReLU, and batches of 60 digits.
# `network.train()` puts all layers of a network in training mode, and `network.eval()` puts them in evaluation mode.


# %% tags=["nbval-ignore-output"]
def learn(seed):
    network = training.mlp([64, 100, 100, 10], nn.ReLU, seed=seed)
    training.train(network, digits, epochs=5, seed=seed, progress=False)
    return network.eval()


_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits()
x_test = torch.from_numpy(digits.x_test[:448])  # 56 batches of 8, or 8 of 56
y_test = torch.from_numpy(digits.y_test[:448])
networks = [learn(seed) for seed in range(5)]
good = [(network(x_test).argmax(dim=1) == y_test).float().mean().item() for network in networks]
print("right in evaluation mode, five seeds:", *(f"{share:.0%}" for share in good))
assert min(good) > 0.93

# %% [markdown]
# Now we forget `eval()`. In training mode each test digit is shown 20 times, each time with seven other digits; then the
# same with 55 others. Neither the digit nor the weights change. (The running averages move in training mode, even without a
# step of training. So we use a copy of each network.)
#
# **Predict.** With seven others, for how many digits does the answer change at least once: 1 %, 10 %, or 50 %?


# %% tags=["nbval-ignore-output"]
def twenty_answers(network, batch_size):
    network = deepcopy(network).train()
    answers = torch.empty(20, 448, dtype=torch.int64)
    for k in range(20):
        for batch in torch.randperm(448, generator=shuffle).split(batch_size):
            answers[k, batch] = network(x_test[batch]).argmax(dim=1)
    return answers


shuffle = torch.Generator().manual_seed(0)
answers, changing = {}, {}
for size in (8, 56):
    answers[size] = [twenty_answers(network, size) for network in networks]
    changing[size] = [(a != a[0]).any(dim=0).float().mean().item() for a in answers[size]]
    wrong = [(a != y_test).float().mean().item() for a in answers[size]]
    print(f"batches of {size:2}:  answer changes", *(f"{share:4.0%}" for share in changing[size]), end="")
    print("   wrong", *(f"{share:4.0%}" for share in wrong))

# %% [markdown]
# These are the first eight test digits, and the 20 answers of the first network to each, in batches of eight. Orange: wrong.

# %% tags=["draws", "nbval-ignore-output"] alt="Eight test digits, one in each row with its true class, and the 20 answers to each. Some digits always get the same answer. Others get several answers, the wrong ones on orange."
assert min(changing[8]) > 0.4
assert max(changing[56]) < 0.2
figure, (ax,) = figures.new_figure(size=(6.4, 3.1))
for i in range(8):
    ax.imshow(x_test[i].reshape(8, 8), cmap="gray_r", extent=(-0.5, 0.3, i + 0.9, i + 0.1))
    for k, said in enumerate(answers[8][0][:, i].tolist(), start=1):
        look = {} if said == y_test[i] else {"color": "white", "backgroundcolor": "#D55E00"}
        ax.text(k, i + 0.5, said, ha="center", va="center", fontsize=10, **look)
figures.frame(ax, title="Eight digits in 20 batches: what the network says", xlim=(-0.8, 20.6), ylim=(8, 0))
ax.set(xlabel="batch", ylabel="true digit", xticks=[1, 5, 10, 15, 20])
ax.set_yticks(np.arange(8) + 0.5, y_test[:8].tolist())
ax.grid(False)
ax.set_aspect("equal")
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# For about half of them, and some 11 % of the answers are wrong instead of 3 %. In batches of 56, nearly the size in training,
# the answer changes for 8 to 10 %.
#
# </details>
#
# In each BN layer, the mean and the variance of a channel are computed from all digits of the batch. So the answer to one
# digit depends on the others ([how much on one of them?](deeper/diagnose_the_batch.ipynb)). In use we therefore need
# statistics that do not depend on the batch.
#
# ## The running averages
#
# In training, BN keeps two numbers for each channel (a column of the table): the **running mean** and the **running
# variance**. The running mean starts at 0, and every batch moves it a little toward the mean $\mu$ of this batch. How far is
# called the **momentum**; in PyTorch it is 0.1 if you give no other.
#
# $$\text{running mean} \leftarrow (1 - \text{momentum})\cdot\text{running mean} + \text{momentum}\cdot\mu$$
#
# Here are five batches of four samples, with two channels. The first channel comes from a population with mean 5.
#
# **Predict.** Is its running mean after these batches near 5, or near 2?

# %%
batches = np.random.default_rng(0).normal([5, -3], [2, 1], size=(5, 4, 2))
running_mean = np.zeros(2)
for x in batches:
    running_mean = 0.9 * running_mean + 0.1 * x.mean(axis=0)
    print("batch mean", x.mean(axis=0).round(2), "  running mean", running_mean.round(2))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Near 2. Each batch keeps 90 % of the old value, so after five batches the start at 0 still has the weight $0.9^5 = 59\,\%$.
#
# </details>
#
# This is one reason why the network of lesson 00 tested badly after its first epoch: after 22 batches, $0.9^{22} = 10\,\%$ of
# the start is left, and the weights have moved fast, so the running averages lag behind. (We recalibrated that network after its first epoch, as in 04b:
# it reads about 90 % of the digits.)
#
# The running variance starts at 1 and moves in the same way. But the variance of the batch is here divided by $N - 1$:
#
# $$\text{running var} \leftarrow (1 - \text{momentum})\cdot\text{running var}
# + \text{momentum}\cdot\frac{1}{N-1}\sum_i (x_i - \mu)^2$$
#
# So **BN normalizes with ÷N, but stores ÷(N − 1)**, as in the paper: the stored variance has to describe all the data, and
# for that ÷(N − 1) is right on average (lesson 01).

# %%
running_var = np.ones(2)
layer = nn.BatchNorm1d(2, dtype=torch.float64)  # a new layer is in training mode
for x in batches:
    running_var = 0.9 * running_var + 0.1 * x.var(axis=0, ddof=1)  # ddof=1: divided by N - 1
    layer(torch.from_numpy(x))
print("typed  ", running_mean.round(3), running_var.round(3))
print("PyTorch", layer.running_mean.numpy().round(3), layer.running_var.numpy().round(3))
assert np.allclose(running_var, layer.running_var)

# %% [markdown]
# ## Two conventions of momentum
#
# | | momentum is the weight of | default |
# |---|---|---|
# | PyTorch, bnteach | the new batch | 0.1 |
# | Keras, TensorFlow | the old value | 0.99 |
#
# The two weights add up to 1, so PyTorch's 0.1 would be 0.9 in Keras. (The momentum of an optimizer is something else.) With
# `momentum=None`, PyTorch and bnteach take the plain average of all batches so far.
#
# You read "momentum 0.99" in a Keras model, and type `nn.BatchNorm1d(2, momentum=0.99)`. The first channel has the
# batch means 5.77, 2.55, 4.54, 4.35 and 5.09.
#
# **Predict.** What is its running mean at the end?

# %%
for momentum in (0.99, 0.01, None):
    layer = nn.BatchNorm1d(2, momentum=momentum, dtype=torch.float64)
    for x in batches:
        layer(torch.from_numpy(x))
    print(f"momentum={momentum!s:5} running mean {layer.running_mean[0]:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Nearly 5.09, the mean of the last batch, which has the weight 99 %. Type $1 - 0.99 = 0.01$ instead. (The plain average keeps
# nothing of the start at 0.)
#
# </details>
#
# ## Lab: the statistics follow the batches
#
# 100 batches come one after the other. Left and middle: their mean and variance. Right: BN's output for one sample,
# $x = 7$. In the right panel alone, it replaces the first value of each batch. (A triangle at the edge: the dot lies outside.)
#
# 1. Drag *Batches seen*. Does the output for $x = 7$ come to rest in training? Does it in evaluation?
# 2. Compare *Momentum* 0.5, 0.1 and 0.01. With which is the running mean first near the truth? Which gives the
#    smoothest line?
# 3. Set *The data* to *jump at batch 40*. Does the running mean find the new truth with *Momentum* 0.1? With *None*?
# 4. Set *Batch size* to 2. Which outputs does $x = 7$ get in training?

# %% tags=["nbval-ignore-output"]
labs.RunningStats(batches=100)

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. In training never, because the output depends on each batch. In evaluation the output starts at 7, since mean 0 and
#    variance 1 change nothing; then it comes near 1 and stays there.
# 2. With 0.5 the running mean is near the truth after a few batches, but never steady. With 0.1 this takes some 20 batches,
#    and the line is smoother. With 0.01 the line is the smoothest, but after 100 batches the running mean is only near 3.
# 3. With 0.1 yes, some 20 batches later. With *None* no: the plain average keeps all old batches.
# 4. Only −1 and +1, or nearly so because of $\varepsilon$: two different values always become these.
#
# </details>
#
# ## "BN does nothing at test time"
#
# Is this so? In evaluation BN is a straight line, $y = a\,x + b$, with two fixed numbers for each channel:
#
# $$a = \frac{\gamma}{\sqrt{\text{running var} + \varepsilon}} \qquad b = \beta - a\cdot\text{running mean}$$

# %%
gamma, beta = np.array([2.0, 3.0]), np.array([-1.0, 10.0])
a = gamma / np.sqrt(running_var + 1e-5)
b = beta - a * running_mean
x = batches[0]
y = bnteach.batch_norm_inference(x, gamma, beta, running_mean, running_var)
print("x:", x[0].round(3), "  a x + b:", (a * x + b)[0].round(3), "  bnteach:", y[0].round(3))
assert np.allclose(a * x + b, y)

# %% [markdown]
# The output is not $x$, so the sentence is **false**. BN multiplies and adds. In evaluation it does nothing else, so it can be
# merged into the layer before it, if that is linear ([lesson 09](09_slim_and_fold.ipynb#Fold)). In the backward pass the mean and
# the variance are constants here: only the direct path of lesson 04 is left, and $dx = a\cdot dy$.
#
# ## Is this evaluation?
#
# `eval()` switches the statistics of the batch off. Does one of these calls do it, too:
# `torch.no_grad()`, `requires_grad_(False)`, `momentum=0`? We give a layer the same sample twice, with other neighbors.
#
# **Predict.** With which of the three does the output still depend on the neighbors?


# %%
def probe(words, layer):
    output = (layer(first)[0] - layer(second)[0]).abs().max()
    running = layer.running_mean.abs().max()  # it began at 0
    print(f"{words:22} output differs by {output:.2f}   running mean moved by {running:.2f}")


first, second = torch.from_numpy(batches[:2].copy())
second[0] = first[0]  # the same sample, other neighbors
probe("training mode", nn.BatchNorm1d(2).double())
with torch.no_grad():
    probe("no_grad", nn.BatchNorm1d(2).double())
probe("requires_grad_(False)", nn.BatchNorm1d(2).double().requires_grad_(False))
probe("momentum=0", nn.BatchNorm1d(2, momentum=0).double())
probe("eval()", nn.BatchNorm1d(2).double().eval())

# %% [markdown]
# <details><summary>Answer</summary>
#
# With all three. And with `no_grad()` and `requires_grad_(False)` the running mean moves, too.
#
# </details>
#
# - `no_grad` keeps PyTorch from recording gradients. It does not change the mode.
# - `requires_grad_(False)` stops $\gamma$ and $\beta$ from learning. The running statistics still move: they are not
#   parameters but **buffers**, which a layer stores and no gradient reaches. (To save a network, save both:
#   `network.state_dict()`.)
# - `momentum=0` stops the running statistics, nothing else.
#
# ## Freeze it properly
#
# To **freeze** a layer means to keep it as it is while other layers learn, for example on little new data. A BN layer
# needs two calls for this: `requires_grad_(False)` for $\gamma$ and $\beta$, and `eval()` for the statistics.
#
# Many training loops call `network.train()` in every epoch. We freeze a network, call `train()`, and make one step of training.
#
# **Predict.** What moves in this step: the running mean, $\gamma$, both, or neither?


# %% tags=["nbval-ignore-output"]
def freeze_bn(network):
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d):
            layer.eval().requires_grad_(False)


def one_step(words, network):
    bn = network.bn_1
    mean, gamma = bn.running_mean.clone(), bn.weight.detach().clone()
    network.zero_grad()
    nn.functional.cross_entropy(network(x_test[:60]), y_test[:60]).backward()
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    moved = (bn.running_mean - mean).abs().max(), (bn.weight - gamma).abs().max()
    print(f"{words:13} running mean moves by {moved[0]:.3f}   gamma by {moved[1]:.3f}")


network = training.mlp([64, 100, 100, 10], nn.ReLU, seed=0)
one_step("not frozen", network)
freeze_bn(network)
one_step("frozen", network)
network.train()
one_step("after train()", network)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The running mean alone. `train()` puts every layer back in training mode, and does not touch `requires_grad`.
#
# </details>
#
# So call `freeze_bn` again after each `network.train()`. Or let the class of your network do it:
#
# ```python
# def train(self, mode=True):
#     super().train(mode)
#     freeze_bn(self)
#     return self
# ```
#
# ## When a network with BN fails
#
# | you see | ask |
# |---|---|
# | the same picture gets another answer each time | Was `eval()` forgotten? (Dropout shows this, too.) |
# | the accuracy falls, though no step of training was made | Were pictures shown in training mode? |
# | the running mean is that of the last batch | Was the momentum copied from Keras? |
# | a frozen network still changes | Was `train()` called again? |
#
# Two clinics show ten more, with cause and repair:
#
# - the batch: [worse after every validation](deeper/diagnose_the_batch.ipynb#Worse-after-every-validation),
#   [a stranger changes your answer](deeper/diagnose_the_batch.ipynb#A-stranger-changes-your-answer),
#   [a crash at the end of an epoch](deeper/diagnose_the_batch.ipynb#A-crash-at-the-end-of-an-epoch),
#   [the training loss stays at guessing](deeper/diagnose_the_batch.ipynb#The-training-loss-stays-at-guessing),
#   [four parts of 15](deeper/diagnose_the_batch.ipynb#Four-parts-of-15-are-not-a-batch-of-60)
# - the stored statistics:
#   [training fine, evaluation far worse](deeper/diagnose_the_stored_statistics.ipynb#Training-fine,-evaluation-far-worse),
#   [two kinds of input, both worse](deeper/diagnose_the_stored_statistics.ipynb#Two-kinds-of-input,-both-worse),
#   [worse after loading](deeper/diagnose_the_stored_statistics.ipynb#Worse-after-loading),
#   [good on the test set, bad in use](deeper/diagnose_the_stored_statistics.ipynb#Good-on-the-test-set,-bad-in-use),
#   [the memory grows](deeper/diagnose_the_stored_statistics.ipynb#The-memory-grows)
#
# **Shown:** training normalizes with the batch, evaluation with running averages; `eval()` switches, `no_grad()` does not.
#
# **Practice:** [the exercises](exercises/05_train_and_infer.ipynb), 45 minutes.
#
# **Next:** [06 · Normalize channels](06_normalize_channels.ipynb), BN on pictures.
#
# Sources:
#
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, algorithm 2 (what is stored, and how it is used).
# - Y. Wu and J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021, arXiv:2105.07576 (leaks between samples).

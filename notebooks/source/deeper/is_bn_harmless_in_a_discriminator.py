# %% [markdown]
# # Is BN harmless in a discriminator?
#
# *25 minutes · deeper, after lesson [08 · Choose a norm](../08_choose_a_norm.ipynb)*
#
# A **GAN** is a pair of networks: the **generator** makes pictures from random numbers, and the **discriminator** gives each picture a score, high for "real" and low for
# "fake" (generated). BN in the discriminator lets the pictures of a batch influence each other's scores. From this you derive a mistake that nobody
# corrects, and then train to see it.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import data, figures, training
from bnteach.trials import norms

# %% [markdown]
# ## One picture, three scores
#
# Generator: 16 random numbers → 64 → 64 → 64 pixels. Discriminator: 64 pixels → 64 → 64 → one score, with a norm before each leaky ReLU. It is not trained yet. It scores one fake
# picture in three batches: among fake ones, among real ones, among both.
#
# **Predict.** With which norm does it get the same score three times?

# %%
_ = torch.manual_seed(0)
digits = data.digits()
x_train = torch.from_numpy(digits.x_train)
real, fake = x_train[:60], norms.generator()(torch.randn(60, 16)).detach()
for words, norm in {"BN": nn.BatchNorm1d, "LN": nn.LayerNorm}.items():
    discriminator = norms.discriminator(norm)
    batches = fake, torch.cat([fake[:1], real[1:]]), torch.cat([fake[:30], real[:30]])
    scores = [discriminator(batch)[0].item() for batch in batches]
    print(f"{words}: among fake {scores[0]:+.2f}   among real {scores[1]:+.2f}   among both {scores[2]:+.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# With LN. With BN there are three scores. BN **couples** the samples: the discriminator does not score pictures, but batches.
#
# </details>
#
# ## What it cannot see
#
# Usually real and fake pictures pass through the discriminator in **separate batches**. Now let the generator make all its pictures too bright, by 0.3, or too pale, times 0.5.
# A linear layer turns this into the same shift of all samples in each of its units, or into a factor. BN takes away both. So we can predict: with separate batches and BN right after the first linear layer,
# the discriminator is blind to whatever shifts or scales all fake pictures alike.
#
# There are two proposals: to put real and fake into one **mixed batch**, and to leave BN out of the first layer, as Radford and others advise.
#
# **Predict.** Which of the two helps?


# %%
def scores_of_fake(discriminator, fake, mixed):
    return discriminator(torch.cat([real, fake]))[60:] if mixed else discriminator(fake)


for words in ("BN, separate batches", "BN, mixed batches", "BN in layer 2, separate batches"):
    first, second, mixed = norms.DISCRIMINATORS[words]
    discriminator = norms.discriminator(first, second)
    before = scores_of_fake(discriminator, fake, mixed)
    brighter = scores_of_fake(discriminator, fake + 0.3, mixed) - before
    paler = scores_of_fake(discriminator, 0.5 * fake, mixed) - before
    print(f"{words:32} brighter {brighter.abs().max():.2f}   paler {paler.abs().max():.2f}")

# %% [markdown]
# How far the scores of the fake pictures move, at most.
#
# <details><summary>Answer</summary>
#
# Both help. In a mixed batch the real pictures are the measure. Without BN in layer 1, the leaky ReLU bends the values before BN can take the shift away.
#
# </details>
#
# ## The step of a GAN
#
# The two learn in turn. The discriminator's loss is small when real pictures score high and fake ones low; the generator's loss is small when its pictures score high.
# (`softplus(−s)` is $\log(1 + e^{-s})$: binary cross-entropy for the label "real".)
#
# If the prediction is right, then with BN and separate batches nobody corrects the *mean picture* of the generator. We measure how far it is from the real one, in
# gray values, mean over the pixels.
#
# **Predict.** With which kind of batches is it farther off after 300 steps?

# %% tags=["nbval-ignore-output"]
softplus = nn.functional.softplus


def scores_of_both(discriminator, real, fake, mixed):
    if mixed:
        return discriminator(torch.cat([real, fake])).split(60)
    return discriminator(real), discriminator(fake)


def train_gan(discriminator, mixed, seed, steps=300):
    generator, random = norms.generator(seed=seed), torch.Generator().manual_seed(seed)
    for_g = torch.optim.Adam(generator.parameters(), lr=0.002, betas=(0.5, 0.999))
    for_d = torch.optim.Adam(discriminator.parameters(), lr=0.002, betas=(0.5, 0.999))
    for _step in range(steps):
        real = x_train[torch.randint(len(x_train), (60,), generator=random)]
        fake = generator(torch.randn(60, 16, generator=random))
        of_real, of_fake = scores_of_both(discriminator, real, fake.detach(), mixed)
        loss = softplus(-of_real).mean() + softplus(of_fake).mean()
        for_d.zero_grad()
        loss.backward()
        for_d.step()

        fake = generator(torch.randn(60, 16, generator=random))
        of_real, of_fake = scores_of_both(discriminator, real, fake, mixed)
        loss = softplus(-of_fake).mean()
        for_g.zero_grad()
        loss.backward()
        for_g.step()
    return generator.eval()


for mixed in (False, True):
    generator = train_gan(norms.discriminator(nn.BatchNorm1d, seed=0), mixed, seed=0)
    pictures = generator(torch.randn(1000, 16, generator=torch.Generator().manual_seed(0))).detach()
    off = (pictures.mean(dim=0) - x_train.mean(dim=0)).abs().mean().item()
    print(f"{'mixed batches' if mixed else 'separate batches':17} mean picture off by {off:.3f}")

# %% [markdown]
# ## More steps, more seeds, other norms
#
# For a verdict we need five seeds, and a wider measure. A classifier that was trained on the digits looks at 1 000 fake pictures and says:
#
# - **sure**: the share of pictures for which it gives one digit more than 90 %;
# - **classes**: how many digits there are, $e^\text{entropy}$ of its mean answer: 10 if all are equally frequent, 1 if there is one;
# - **off**: how far the mean picture is from the real one.
#
# First a test of the measure itself.
#
# **Predict.** Does it notice that 1 000 pictures are only ten, copied?

# %% tags=["nbval-ignore-output"]
classifier = norms.digits_classifier()
one_of_each = torch.stack([x_train[(digits.y_train == digit).argmax()] for digit in range(10)])
for words, pictures in {
    "real test digits": torch.from_numpy(digits.x_test),
    "noise": torch.rand(1000, 64, generator=torch.Generator().manual_seed(0)),
    "ten training digits, copied": one_of_each.repeat(100, 1),
}.items():
    sure, classes, off = norms.score_pictures(pictures, classifier, digits.x_train)
    print(f"{words:28} sure {sure:4.0%}   classes {classes:4.1f}   off {off:.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# No: copies get nearly full marks. The measure does not see whether pictures look good, or whether two threes differ. It can notice that something is missing.
#
# </details>
#
# Five discriminators, each with five seeds and 2 000 steps. (The results are stored; they take two minutes.)
#
# **Predict.** Which of them has a mean picture far off?

# %%
FULL = False  # True: train them now
kept = training.stored("results/08_gan.json", norms.sweep_of_gans, again=FULL)["results"]
off = {}
for words in norms.DISCRIMINATORS:
    sure, classes, off[words] = np.array(kept[words]).T
    print(
        f"{words:32} sure {sure.mean():.0%}   classes {classes.mean():.1f}   off",
        *(f"{o:.2f}" for o in off[words]),
    )
others = [values for words, values in off.items() if words != "BN, separate batches"]
assert off["BN, separate batches"].min() > 2 * np.max(others)

# %% tags=["draws"] alt="Six rows of eight digits: real ones, and fake ones of five generators. With no norm, with LN, with BN on mixed batches and with BN in layer 2 one can recognize most digits. With BN in both layers and separate batches the pictures are full of gray pixels."
rows = {"real": digits.x_train[:8], **{words: kept[f"{words}, pictures"] for words in norms.DISCRIMINATORS}}
figure, (ax,) = figures.new_figure(size=(7.0, 4.2))
for k, (words, pictures) in enumerate(rows.items()):
    ax.text(-0.15, k + 0.45, words.replace(", s", ",\ns"), ha="right", va="center")
    for i, picture in enumerate(np.reshape(pictures, (8, 8, 8))):
        ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1, extent=(i, i + 0.9, k + 0.9, k))
ax.set(xlim=(-2.2, 8), ylim=(5.95, -0.05))
ax.set_axis_off()
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# BN in both layers with separate batches, in every seed: more than twice as far as any of the others. The pictures are gray.
#
# </details>
#
# So "BN in a discriminator is harmless" is **false**, and "BN must not be in a discriminator" is **not seen here**: with mixed batches, or without BN in the first layer, it works.
#
# A popular list of advice says: make separate batches for real and for fake pictures. Here that is the opposite of what works. What most people use in discriminators now is
# no norm of the activations, but **spectral normalization**: each weight matrix is divided by its largest singular value, so no sample sees another.
#
# **Shown:** BN makes a score depend on the batch; with separate batches the discriminator is blind to what shifts or scales all fake pictures alike.
#
# **Practice:** [the exercises of lesson 08](../exercises/08_choose_a_norm.ipynb), 30 minutes.
#
# **Back to** [08 · Choose a norm](../08_choose_a_norm.ipynb).
#
# Sources:
#
# - I. Goodfellow et al., "Generative Adversarial Networks", 2014, arXiv:1406.2661, section 3.
# - A. Radford, L. Metz and S. Chintala (DCGAN), 2015, arXiv:1511.06434 (BN, but not in the first layer of the discriminator).
# - T. Salimans et al., "Improved Techniques for Training GANs", 2016, arXiv:1606.03498, section 4 (a classifier as a measure).
# - I. Gulrajani et al., 2017, arXiv:1704.00028 (LN in the discriminator). T. Miyato et al., "Spectral Normalization", 2018, arXiv:1802.05957.

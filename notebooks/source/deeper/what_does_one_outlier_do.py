# %% [markdown]
# # What does one outlier do?
#
# *5 minutes · from [01 · Measure a batch](../01_measure_a_batch.ipynb)*
#
# Scaling decides which feature counts. You see a distance that nearly ignores one feature, mend it by min–max scaling and by the z-score,
# and then spoil both with a single wrong number.

# %%
import numpy as np

from bnteach import figures
from bnteach.data import rental_cars

# %% [markdown]
# ## A distance that does not see the age
#
# Which cars are alike? Car A is 2 years old and has driven 50 000 km. Car B is **25 years old**, with 50 500 km. Car C is 2
# years old, with 52 000 km.
#
# **Predict.** Measured by the straight-line distance, which one is nearer to A: B or C? And after a z-score?

# %%
x = rental_cars(500).features  # two columns: age in years, mileage in km
a, b, c = np.array([2, 50_000]), np.array([25, 50_500]), np.array([2, 52_000])
for name, scale in {"as it is": 1, "z-score ": x.std(axis=0)}.items():  # the mean cancels in a difference
    to_b, to_c = np.linalg.norm((a - b) / scale), np.linalg.norm((a - c) / scale)
    print(f"{name}: A to B {to_b:7.2f}   A to C {to_c:7.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# As it is, B, the car that is 23 years older: 23 years count as much as 23 km. After the z-score, C.
#
# </details>
#
# ## One wrong number
#
# Somebody types one zero too many for the car that has driven farthest: it now has more than 2 000 000 km. Such a value
# is called an **outlier**.
#
# **Predict.** What does it do to the *other* 499 values, under min–max scaling and under the z-score?

# %%
mileage = x[:, 1]
farthest = mileage.argmax()
wrong = mileage.copy()
wrong[farthest] *= 10


def min_max(values):
    return (values - values.min()) / (values.max() - values.min())


def z_score(values):
    return (values - values.mean()) / values.std()


for name, scaled in {"min–max": min_max, "z-score": z_score}.items():
    before, after = (np.delete(scaled(values), farthest).std() for values in (mileage, wrong))
    print(f"{name}: standard deviation of the others {before:.2f} before, {after:.2f} after")

# %% tags=["draws"] alt="Two histograms of 499 sound mileages, gray before and orange after one other value became an outlier. Under min-max the orange histogram is squeezed into the lowest tenth. Under the z-score it is less than half as wide as before and shifted a little to the left."
figure, axes = figures.new_figure(columns=2)
panels = {"min–max": (min_max, (0, 1), (0, 25)), "z-score": (z_score, (-3, 3), (0, 1.5))}
for ax, (title, (scaled, limits, heights)) in zip(axes, panels.items(), strict=True):
    for role, values in {"before": mileage, "moved": wrong}.items():
        figures.histogram(np.delete(scaled(values), farthest), ax=ax, limits=limits, role=role)
    figures.frame(ax, title=title, x="scaled mileage", xlim=limits, ylim=heights)
    ax.set_yticks([])
figures.key(axes[0], {"before": "before", "moved": "after"}, place="upper right")
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Min–max squeezes them into a tenth of the range. The z-score makes them less than half as wide. So the z-score suffers less, but it
# suffers too.
#
# </details>
#
# **What was shown.** Both scalings let each feature count, and neither is **robust**: one outlier moves all the other
# values. In a batch of BN it does the same.
#
# **Back to** [01 · Measure a batch](../01_measure_a_batch.ipynb)

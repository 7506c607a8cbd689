"""The lab of shares: each device's x̂ is that of its own share, and the words count what is turned round."""

import numpy as np
import pytest

from bnteach import labs


@pytest.mark.parametrize("devices", [2, 4, 8])
@pytest.mark.parametrize("how_sorted", [0, 50, 100])
def test_each_device_uses_its_own_statistics(devices, how_sorted):
    frame = labs.Devices(devices=devices, how_sorted=how_sorted).frame
    assert np.allclose(frame.alone.mean(axis=1), 0)
    assert np.allclose(frame.alone.std(axis=1), 1, atol=1e-3)
    assert np.isclose(frame.together.mean(), 0)
    assert frame.x.shape == (devices, 32 // devices)


def test_one_device_is_the_whole_batch():
    lab = labs.Devices(devices=1, how_sorted=0)
    assert np.allclose(lab.frame.alone, lab.frame.together)
    assert lab.frame.turned_round == 0
    assert "SyncBN changes nothing" in lab.reading


def test_two_values_become_minus_one_and_one_but_for_eps():
    frame = labs.Devices(devices=16, how_sorted=0).frame
    half = np.abs(frame.x[:, 1] - frame.x[:, 0]) / 2
    assert np.allclose(np.abs(frame.alone), (half / np.sqrt(half**2 + 1e-5))[:, np.newaxis])


def test_sorted_shares_turn_more_pairs_round():
    frames = [labs.Devices(devices=2, how_sorted=share).frame for share in (0, 100)]
    assert frames[0].turned_round < 0.05 < 0.25 < frames[1].turned_round

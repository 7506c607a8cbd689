"""The lab of blocks: what fits in the cache, and that both ends of the row can be slow."""

import pytest

from bnteach import labs
from bnteach.labs.blocks import LAYERS, SIZES, STEPS


def lab(layer, **values):
    return labs.Blocks(layer=list(LAYERS)[layer], **values)


@pytest.mark.parametrize("few", SIZES)
def test_a_block_that_fits_needs_memory_for_the_first_sight_of_five_arrays(few):
    frame = lab(0, few=few, cache=2).frame
    assert frame.megabytes == pytest.approx(32 * few * 56 * 56 * 4 / 1e6)
    assert sum(frame.from_memory.values()) == (5 if 3 * frame.megabytes <= 2 else 22)
    assert sum(passes for passes, _ in STEPS.values()) == 22


def test_large_channels_want_small_blocks_and_small_channels_large_ones():
    assert [lab(layer, cache=2).frame.quickest for layer in range(3)] == [1, 16, 64]


def test_a_larger_cache_is_never_slower():
    small, large = (lab(0, cache=cache).frame.seconds for cache in (0.25, 32))
    assert (large <= small).all()
    assert large[3] < 0.6 * small[3]


def test_the_words_name_the_quickest_block():
    reading = lab(0, few=8, cache=2).reading
    assert "8 channels has 3.21 MB; 3 of them do not fit in 2 MB" in reading
    assert "22 of 22 passes go to memory" in reading
    assert "320 calls" in reading
    assert "quickest here with 1 in a block" in reading

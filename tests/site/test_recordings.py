"""The files of the recordings: found in the cells, made once, and made again where something changed."""

from __future__ import annotations

import base64
import gzip
import json
import re

import pytest

from bnteach.site import recordings, sources
from bnteach.site.recordings import Shown, find_lab, markup, write_recordings


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("labs.Sampler()", Shown("Sampler")),
        ("labs.Depth(depth=3, activation='ReLU')", Shown("Depth", {"depth": 3, "activation": "ReLU"})),
        ("lab = labs.Training()\nlab.advance(epochs=4)\nlab", Shown("Training", {"epochs": 4})),
        ("lab = labs.Coupling(sample=2)\nlab.set(sample=4)\nlab", Shown("Coupling", {"sample": 4})),
        ("labs.RunningStats(momentum=None)", Shown("RunningStats", {"momentum": None})),
        ("from bnteach import labs", None),
        ("figures.show(axes)", None),
    ],
)
def test_the_lab_of_a_cell(source, shown):
    assert find_lab(source) == shown


def test_the_markup_keeps_the_still_and_quotes_the_start():
    made = markup(Shown("Depth", {"activation": 'a "b" <c>'}), '<img alt="">', "x/Depth.js")
    assert made.endswith('<img alt=""></div>')
    assert 'data-start="{&quot;activation&quot;: &quot;a \\&quot;b\\&quot; &lt;c&gt;&quot;}"' in made


def test_a_recording_is_made_once(tmp_path):
    out, cache = tmp_path / "out", tmp_path / "cache"
    shown = [Shown("Coupling"), Shown("Coupling", {"sample": 4})]
    write_recordings(shown, out, cache, thin=True)
    (kept,) = cache.iterdir()
    first = kept.stat().st_mtime_ns
    write_recordings(shown, tmp_path / "again", cache, thin=True)
    assert (tmp_path / "again" / "Coupling.js").read_bytes() == (out / "Coupling.js").read_bytes()
    assert kept.stat().st_mtime_ns == first
    packed = re.search(r'\["Coupling"\] = "(.*)";', (out / "Coupling.js").read_text(encoding="utf-8"))[1]
    recording = json.loads(gzip.decompress(base64.b64decode(packed)))
    assert recording["controls"][0]["values"] == [1, 3, 4, 8]


def test_a_failed_recording_is_not_kept(tmp_path):
    with pytest.raises(ValueError, match="Coupling is shown with sample=9, a recording has"):
        write_recordings([Shown("Coupling", {"sample": 9})], tmp_path / "out", tmp_path / "cache", thin=True)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        ("labs/coupling.py", {"Coupling"}),
        ("labs/lab.py", {"Coupling", "Depth", "Training"}),
        ("figures/curves.py", {"Coupling", "Depth", "Training"}),
        ("core/functional.py", {"Coupling", "Depth"}),
        ("data.py", {"Depth", "Training"}),
        ("trials/claims/paired_training.py", {"Training"}),
        ("site/recorder.py", {"Coupling", "Depth", "Training"}),
        ("check/verdict.py", set()),
    ],
)
def test_what_makes_a_recording_stale(monkeypatch, changed, stale):
    names = ("Coupling", "Depth", "Training")
    before = {name: recordings.digest(name, [], False) for name in names}
    read = type(sources.PACKAGE).read_bytes
    touched = sources.PACKAGE / changed
    assert touched.is_file()
    monkeypatch.setattr(
        type(sources.PACKAGE), "read_bytes", lambda path: read(path) + b"#" * (path == touched)
    )
    assert {name for name in names if recordings.digest(name, [], False) != before[name]} == stale


def test_what_is_asked_for_is_part_of_the_digest():
    one = recordings.digest("Coupling", [], False)
    assert one != recordings.digest("Coupling", [], True)
    assert one != recordings.digest("Coupling", [{"sample": 4}], False)

"""The script that puts deliberate faults into core works: it finds them, and says when it does not."""

from pathlib import Path

import faults
import pytest


@pytest.mark.parametrize("fault", faults.FAULTS, ids=lambda fault: fault.name)
def test_every_fault_still_applies(fault, tmp_path):
    core = faults.copy_of_the_project(tmp_path)
    before = (core / fault.file).read_text(encoding="utf-8")
    faults.put_in(fault, core)
    after = (core / fault.file).read_text(encoding="utf-8")
    assert after != before
    compile(after, fault.file, "exec")


def test_faults_are_chosen_by_name_and_what_survives_or_no_longer_applies_is_an_error(capsys, monkeypatch):
    monkeypatch.setattr(faults, "TESTS", ["test_steps.py"])
    harmless = faults.fault("harmless", "functional.py", "from __future__", "# nothing\nfrom __future__")
    outdated = faults.fault("outdated", "functional.py", "no such line", "")
    chosen = ["dmean with the wrong sign", "harmless", "outdated"]
    assert faults.main(chosen, [*faults.FAULTS, harmless, outdated]) == 1
    found, survived, does_not_apply, last = capsys.readouterr().out.splitlines()
    assert found.startswith("steps: dmean with the wrong sign")
    assert "test_steps.py::" in found
    assert "SURVIVED" in survived
    assert "DOES NOT APPLY: functional.py holds 'no such line' 0 times" in does_not_apply
    assert last == "1 of 3 faults were found"


def test_the_copy_is_what_is_tested(tmp_path):
    core = faults.copy_of_the_project(tmp_path)
    (core / "functional.py").write_text("raise SystemExit('this is the copy')")
    with pytest.raises(RuntimeError, match="this is the copy"):
        faults.run_tests(tmp_path)


def test_an_unknown_word_is_refused(capsys):
    with pytest.raises(SystemExit):
        faults.main(["no such fault"])
    assert "no fault has no such fault in its name" in capsys.readouterr().err


def test_all_tests_named_in_the_script_exist():
    for name in faults.TESTS:
        assert (Path(__file__).parent / name).is_file(), name

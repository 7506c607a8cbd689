"""One spelling, American, in names and texts alike."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BRITISH = re.compile(
    r"(behavi|col|neighb)our|centr(e|ing)|\bgrey|labelled|learnt|misspelt|licence|judgement|practis|metres?\b|towards"
    r"|(general|initial|normal|optim|parametr|recogn|regular|standard|summar)is(e|ing|ation)",
    re.IGNORECASE,
)


def test_the_spelling_is_american():
    files = [ROOT / "README.md", *ROOT.glob("bnteach/**/*.py"), *ROOT.glob("notebooks/source/**/*.py")]
    found = [
        f"{file.relative_to(ROOT)}:{number}: {word[0]}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        for word in BRITISH.finditer(line)
    ]
    assert found == []

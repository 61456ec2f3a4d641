"""Our number types against the vendor's, which hls4ml ships: every operation on drawn types, bit for bit."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hls.csim.compiler import find_compiler
from hls.csim.sources import FAST_TYPES

HERE = Path(__file__).parent
FEW, MANY = 5, 8
ROUNDING = ("AP_RND", "AP_RND_ZERO", "AP_RND_MIN_INF", "AP_RND_INF", "AP_RND_CONV", "AP_TRN", "AP_TRN_ZERO")
OVERFLOW = ("AP_SAT", "AP_SAT_ZERO", "AP_SAT_SYM", "AP_WRAP")


@st.composite
def fixed_types(draw: st.DrawFn, least_integer: int = -6) -> str:
    width = draw(st.integers(1, 40))
    integer = draw(st.integers(least_integer, width + 6))
    sign = draw(st.sampled_from(("", "u")))
    return f"ap_{sign}fixed<{width}, {integer}, {draw(st.sampled_from(ROUNDING))}, {draw(st.sampled_from(OVERFLOW))}>"


@st.composite
def integer_types(draw: st.DrawFn) -> str:
    return f"ap_{draw(st.sampled_from(('', 'u')))}int<{draw(st.integers(1, 50))}>"


# The vendor's conversion of a number without integer bits to an integer reads an uninitialised variable.
WHOLE = fixed_types(least_integer=0)
ANY = fixed_types()
FIXED_CASES = st.one_of(
    st.tuples(st.just("FIXED"), ANY, st.one_of(ANY, integer_types()), ANY),
    st.tuples(st.just("FIXED"), WHOLE, st.one_of(WHOLE, integer_types()), integer_types()),
)
INTEGER_CASES = st.tuples(st.just("INTEGER"), integer_types(), integer_types(), st.one_of(ANY, integer_types()))


@st.composite
def cases(draw: st.DrawFn, count: int) -> str:
    drawn = [draw(INTEGER_CASES if index % 4 == 3 else FIXED_CASES) for index in range(count)]
    seeds = [draw(st.integers(0, 2**60)) for _ in drawn]
    lines = [
        f"{kind}({index}, TYPE({a}), TYPE({b}), TYPE({c}), {seed}ull)"
        for index, ((kind, a, b, c), seed) in enumerate(zip(drawn, seeds, strict=True))
    ]
    return "\n".join(lines) + "\n"


def vendor_types() -> Path:
    specification = importlib.util.find_spec("hls4ml")
    assert specification is not None and specification.origin is not None
    return Path(specification.origin).parent / "templates/vivado/ap_types"


def printed(include: Path, text: str, folder: Path, name: str) -> list[str]:
    """What the operations of these cases print, compiled with the number types of `include`."""
    (folder / "cases.inc").write_text(text)
    program = folder / name
    command = [find_compiler().program, "-std=c++20", "-O0", "-w", "-DNDEBUG", f"-I{folder}", f"-I{include}"]
    done = subprocess.run(
        [*command, str(HERE / "number_cases.cpp"), "-o", str(program)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{text}\n{done.stderr[:3000]}"
    return subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout.splitlines()


def compare(text: str, folder: Path) -> None:
    ours, theirs = (
        printed(types, text, folder, name) for types, name in ((FAST_TYPES, "ours"), (vendor_types(), "vendor"))
    )
    assert len(theirs) > 500 * len(text.splitlines())
    different = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
    assert not different, f"{text}\n(ours, theirs), the first of {len(different)}: {different[:5]}"


DRAWN = settings(
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


# The first example is the simplest one, the same few types throughout.
@settings(DRAWN, max_examples=2)
@given(cases(FEW))
def test_every_operation_gives_the_vendors_bits(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    compare(text, tmp_path_factory.mktemp("numbers"))


@pytest.mark.long
@settings(DRAWN, max_examples=12)
@given(cases(MANY))
def test_every_operation_gives_the_vendors_bits_for_many_types(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    compare(text, tmp_path_factory.mktemp("numbers"))


@pytest.mark.parametrize(
    ("declaration", "reason"),
    [
        ("ap_fixed<121, 3> x;", "tagware: a number wider than 120 bits"),
        ("ap_fixed<80, 3> x = 1; auto y = x * x;", "tagware: a number wider than 120 bits"),
        ("ap_fixed<8, 3, AP_TRN, AP_WRAP_SM> x;", "tagware: an overflow mode that keeps saturation bits"),
        ("ap_fixed<8, 3, AP_TRN, AP_WRAP, 2> x;", "tagware: an overflow mode that keeps saturation bits"),
    ],
)
def test_what_our_types_do_not_cover_is_refused_by_the_compiler(tmp_path: Path, declaration: str, reason: str) -> None:
    source = tmp_path / "refused.cpp"
    source.write_text(f'#include "ap_fixed.h"\nvoid f() {{ {declaration} }}\n')
    command = [find_compiler().program, "-std=c++20", "-fsyntax-only", f"-I{FAST_TYPES}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert reason in done.stderr

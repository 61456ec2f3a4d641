"""Small designs by hand, with what they compute."""

from __future__ import annotations

from pathlib import Path

from hls.rtl.design import Bus, Design, Element, Unit

SOURCES = Path(__file__).parent / "sources"


def squares(**changes: object) -> Design:
    """Two numbers of 6 bits in, a*a + b*b out, two cycles later; one block, `squares_pipeline0`."""
    unit = Unit("squares_pipeline0", ("squared", "added"), "pipeline", 1, 2, 1.0, 12, 13, 80.0)
    files = {f"rtl/{path.name}": path.read_text() for path in sorted(SOURCES.glob("squares*.v"))}
    values = {
        "name": "squares",
        "language": "verilog",
        "interface": "handshake",
        "beats": 1,
        "clock_ns": 5.0,
        "part": "xcvu13p-flga2577-2-e",
        "input": Bus((Element(0, 6, 0, True), Element(6, 6, 0, True))),
        "output": Bus((Element(0, 13, 0, True),)),
        "latency_cycles": 2,
        "interval_cycles": 1.0,
        "units": (unit,),
        "files": files,
    }
    return Design(**{**values, **changes})  # type: ignore[arg-type]

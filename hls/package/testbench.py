"""The testbench of a package's RTL: any simulator of SystemVerilog sends the stored vectors through the design."""

from __future__ import annotations

import numpy as np

from hls.cosim.packing import Codes, Port, ports
from hls.csim import Vectors
from hls.package.templates import render
from hls.rtl.design import Design

RENDERED = ("testbench.sv", "Makefile")
SOURCES, HEADERS = (".v", ".sv", ".vhd"), (".vh", ".svh")
IDLE_JETS = 10
"""As many times a jet's latency and interval without any transfer, and the design hangs."""


def bench_files(design: Design, vectors: Vectors) -> dict[str, bytes]:
    """The testbench of a design with vectors as its ports carry them, by path, to be run beside the folder `rtl`."""
    source, sink = ports(design)
    content = {
        "design": design,
        "source": source,
        "sink": sink,
        "n_vectors": len(vectors),
        "patience": IDLE_JETS * int(design.latency_cycles + design.interval_cycles + source.beats + sink.beats),
        "sources": [f"../rtl/{name}" for name in design.files if name.endswith(SOURCES)],
        "folders": sorted({f"../rtl/{name.rpartition('/')[0]}" for name in design.files if name.endswith(HEADERS)}),
    }
    return {
        **{name: render(f"testbench/{name}", **content) for name in RENDERED},
        "inputs.hex": hexadecimal(source, vectors.inputs),
        "golden.hex": hexadecimal(sink, vectors.golden),
    }


def hexadecimal(port: Port, codes: Codes) -> bytes:
    """The transfers of codes (n_jets, n_elements), one line each, as $readmemh reads them."""
    highest_first = np.ascontiguousarray(port.pack(codes)[:, :, ::-1], ">u4")
    digits = -(-port.width // 4)
    lines = (transfer.tobytes().hex()[-digits:] for transfer in highest_first.reshape(-1, port.words))
    return "".join(f"{line}\n" for line in lines).encode()

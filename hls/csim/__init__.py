"""C simulation: the firmware's own C++ compiled twice, once for speed and once with the vendor's arithmetic types."""

from hls.csim.compiler import Compiler, find_compiler
from hls.csim.library import CompiledProject, build
from hls.csim.run import CsimResult, load_outputs, run_csim
from hls.csim.testbench import TestbenchResult, build_testbench, run_testbench
from hls.csim.vectors import Vectors, probe_inputs

__all__ = [
    "CompiledProject",
    "Compiler",
    "CsimResult",
    "TestbenchResult",
    "Vectors",
    "build",
    "build_testbench",
    "find_compiler",
    "load_outputs",
    "probe_inputs",
    "run_csim",
    "run_testbench",
]

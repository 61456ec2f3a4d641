"""The part of Vitis HLS and Vivado HLS that our scripts use."""

import os
from pathlib import Path

from fake import need, report


def run(lines: list[str], csynth: str, cosim: str) -> None:
    """Do what the script says: files that it adds must be there; each step writes its reports."""
    name = next(line.split()[1] for line in lines if line.startswith("set_top"))
    solution = f"{name}_prj/solution1"
    for line in lines:
        words = line.split()
        if words[0] == "add_files":
            need(words[2] if words[1] == "-tb" else words[1])
        elif words[0] in ("csim_design", "cosim_design"):
            need("vectors/golden.txt")
        if words[0] == "csim_design":
            report("csim.log", f"{solution}/csim/report/{name}_csim.log")
        elif words[0] == "export_design":
            report("component.xml", f"{solution}/impl/ip/component.xml")
        elif words[0] == "csynth_design":
            report(csynth, f"{solution}/syn/report/{name}_csynth.xml")
            verilog = Path(solution, "syn/verilog")
            verilog.mkdir(parents=True, exist_ok=True)
            (verilog / f"{name}.v").write_text(
                f'module {name}(input ap_clk); initial $readmemh("./rom.dat"); endmodule\n'
            )
            (verilog / "rom.dat").write_text("0\n1\n")
        elif words[0] == "cosim_design":
            need(f"{solution}/syn/verilog/{name}.v")
            failed = os.environ.get("FAKE_FAILURE") == "difference"
            report("cosim_fail.rpt" if failed else cosim, f"{solution}/sim/report/{name}_cosim.rpt")

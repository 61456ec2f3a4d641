"""Products as rows of carry chains are products, for every input: proved by Yosys' SAT solver."""

import pytest

from hls.synth.script import multiplier
from hls.tools.yosys import Yosys
from jets.errors import ToolFailed

PRODUCTS = """
module gold (
    input [5:0] a, input [4:0] b, input one,
    output [10:0] signed_both, output [11:0] signed_first, signed_second, output [10:0] unsigned_both,
    output [6:0] truncated, output [15:0] extended, output [6:0] by_one_bit
);
    assign signed_both = $signed(a) * $signed(b);
    assign signed_first = $signed(a) * $signed({1'b0, b});
    assign signed_second = $signed({1'b0, a}) * $signed(b);
    assign unsigned_both = a * b;
    assign truncated = $signed(a) * $signed(b);
    assign extended = $signed(a) * $signed(b);
    assign by_one_bit = $signed(a) * $signed(one);
endmodule
"""
PROOF = """
read_verilog products.v
hierarchy -top gold
proc
opt
copy gold gate
cd gate
techmap -map multiplier.v
select -assert-none t:$mul
cd ..
miter -equiv -flatten gold gate miter
hierarchy -top miter
techmap
opt
sat -verify -prove trigger 0 miter
"""


def prove(text, folder):
    for name, content in (("products.v", PRODUCTS), ("multiplier.v", text), ("proof.ys", PROOF)):
        (folder / name).write_text(content)
    Yosys.find().run(folder / "proof.ys", folder / "run.log", 300.0)


@pytest.mark.long
def test_rows_of_carry_chains_multiply(tmp_path):
    prove(multiplier(), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("localparam NEGATIVE = B_SIGNED", "localparam NEGATIVE = !B_SIGNED"),
        ("A_WIDTH + ROWS + 2", "A_WIDTH + ROWS - 1"),
    ],
)
def test_the_proof_finds_an_error(tmp_path, right, wrong):
    broken = multiplier().replace(right, wrong)
    assert broken != multiplier()
    with pytest.raises(ToolFailed, match="ERROR: Called with -verify and proof did fail"):
        prove(broken, tmp_path)

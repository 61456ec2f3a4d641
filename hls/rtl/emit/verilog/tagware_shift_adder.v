`timescale 1ns / 1ps

// In place of alkaid's module of this name, which takes two carry chains, one after the other, for the difference of a
// shifted value and another one (docs/synthesis.md).
module shift_adder #(
    parameter BW_INPUT0 = 32,
    parameter BW_INPUT1 = 32,
    parameter SIGNED0 = 0,
    parameter SIGNED1 = 0,
    parameter BW_OUT = 32,
    parameter DROP_LSBS = 0,
    parameter SHIFT1 = 0,
    parameter IS_SUB = 0
) (
    input [BW_INPUT0-1:0] in0,
    input [BW_INPUT1-1:0] in1,
    output [BW_OUT-1:0] out
);

  localparam LEFT0 = (SHIFT1 < 0) ? -SHIFT1 : 0;
  localparam LEFT1 = (SHIFT1 > 0) ? SHIFT1 : 0;
  localparam BITS = BW_OUT + DROP_LSBS;

  /* verilator lint_off WIDTH */
  // verilator lint_off UNUSEDSIGNAL
  wire [BITS-1:0] wide0, wide1, sum;
  // verilator lint_on UNUSEDSIGNAL

  generate
    if (SIGNED0 == 1) begin : in0_is_signed
      assign wide0 = $signed(in0);
    end else begin : in0_is_unsigned
      assign wide0 = in0;
    end
    if (SIGNED1 == 1) begin : in1_is_signed
      assign wide1 = $signed(in1);
    end else begin : in1_is_unsigned
      assign wide1 = in1;
    end
    if (IS_SUB == 1) begin : is_difference
      assign sum = (wide0 << LEFT0) - (wide1 << LEFT1);
    end else begin : is_sum
      assign sum = (wide0 << LEFT0) + (wide1 << LEFT1);
    end
  endgenerate
  /* verilator lint_on WIDTH */

  assign out = sum[BITS-1:DROP_LSBS];

endmodule

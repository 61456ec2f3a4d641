module squares (
    input clk,
    input rst,
    input in_valid,
    output in_ready,
    input [11:0] in_data,
    output out_valid,
    input out_ready,
    output [12:0] out_data
);
    squares_pipeline0 block1 (clk, rst, in_valid, in_ready, in_data, out_valid, out_ready, out_data);
endmodule

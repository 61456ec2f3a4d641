// A value CYCLES enabled cycles later; zeros after a reset.
module tagware_delay #(
    parameter WIDTH = 1,
    parameter CYCLES = 1
) (
    input clk,
    input rst,
    input enable,
    input [WIDTH-1:0] in_data,
    output [WIDTH-1:0] out_data
);
    generate
        if (CYCLES == 0) begin : wires
            assign out_data = in_data;
        end else begin : registers
            reg [CYCLES*WIDTH-1:0] line;
            wire [(CYCLES+1)*WIDTH-1:0] moved = {line, in_data};
            always @(posedge clk)
                if (rst) line <= {CYCLES*WIDTH{1'b0}};
                else if (enable) line <= moved[CYCLES*WIDTH-1:0];
            assign out_data = line[CYCLES*WIDTH-1-:WIDTH];
        end
    endgenerate
endmodule

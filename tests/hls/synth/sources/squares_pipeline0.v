module squares_square #(
    parameter WIDTH = 1
) (
    input signed [WIDTH-1:0] value,
    output [2*WIDTH-1:0] squared
);
    assign squared = value * value;
endmodule

module squares_pipeline0 (
    input clk,
    input rst,
    input in_valid,
    output in_ready,
    input [11:0] in_data,
    output out_valid,
    input out_ready,
    output reg [12:0] out_data
);
    wire enable = !out_valid || out_ready;
    assign in_ready = enable;

    reg [1:0] valid;
    assign out_valid = valid[1];
    wire [11:0] first, second;
    reg [11:0] first_kept, second_kept;
    squares_square #(.WIDTH(6)) square_first (in_data[5:0], first);
    squares_square #(.WIDTH(6)) square_second (in_data[11:6], second);

    always @(posedge clk)
        if (rst) valid <= 2'b0;
        else if (enable) valid <= {valid[0], in_valid};
    always @(posedge clk)
        if (enable) begin
            first_kept <= first;
            second_kept <= second;
            out_data <= first_kept + second_kept;
        end
endmodule

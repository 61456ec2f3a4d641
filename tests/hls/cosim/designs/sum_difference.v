// Sum and difference of two signed numbers, three stages; the first number being -128, the second one chooses a fault.
module sum_difference (
    input clk,
    input rst,
    input in_valid,
    output in_ready,
    input [15:0] in_data,
    output out_valid,
    input out_ready,
    output [17:0] out_data
);
    localparam WRONG_BIT = 1, LOST = 2, DEAD = 3, FALLING_VALID = 4, CHANGING_DATA = 5, LATE = 6, TWICE = 7, UNKNOWN = 8;

    wire signed [7:0] a = in_data[7:0];
    wire signed [7:0] b = in_data[15:8];
    wire signed [8:0] sum = a + b;
    wire signed [8:0] difference = a - b;
    wire [3:0] fault = a == -8'sd128 ? b[3:0] : 4'd0;

    reg [2:0] valid;
    reg [3:0] fault_1, fault_2, fault_3;
    reg [17:0] data_1, data_2, data_3;
    reg dead, late, waited, again;
    reg [17:0] never_set;

    wire stalls = out_valid && !out_ready;
    wire moves = !stalls && !late && !again;

    assign in_ready = moves && !dead;
    assign out_valid = valid[2] && !late && !(fault_3 == FALLING_VALID && waited);
    assign out_data = fault_3 == CHANGING_DATA && waited ? ~data_3 : fault_3 == UNKNOWN ? never_set : data_3;

    always @(posedge clk) begin
        late <= moves && valid[1] && fault_2 == LATE;
        again <= moves && valid[1] && fault_2 == TWICE;
        waited <= stalls;
        if (moves) begin
            valid <= {valid[1:0], in_valid && in_ready};
            {data_1, data_2, data_3} <= {difference, sum ^ (fault == WRONG_BIT ? 9'd16 : 9'd0), data_1, data_2};
            {fault_1, fault_2, fault_3} <= {fault, fault_1, fault_2};
        end else if (stalls && fault_2 == LOST) begin
            valid[1] <= 1'b0;
        end
        if (in_valid && in_ready && fault == DEAD) dead <= 1'b1;
        if (rst) begin
            valid <= 3'd0;
            {dead, late, again, waited} <= 4'd0;
        end
    end
endmodule

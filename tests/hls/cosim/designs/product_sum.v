// Product of two numbers and sum of two others, in three transfers each way; -32 as the first number makes tlast wrong.
module product_sum (
    input aclk,
    input aresetn,
    input s_axis_tvalid,
    output s_axis_tready,
    input [7:0] s_axis_tdata,
    input s_axis_tlast,
    output m_axis_tvalid,
    input m_axis_tready,
    output [7:0] m_axis_tdata,
    output m_axis_tlast
);
    reg [15:0] kept;
    reg [23:0] result;
    reg [1:0] left;
    reg wrong;

    wire [23:0] jet = {s_axis_tdata, kept};
    wire signed [5:0] first = jet[5:0];
    wire signed [5:0] second = jet[11:6];
    wire signed [5:0] third = jet[17:12];
    wire signed [5:0] fourth = jet[23:18];
    wire signed [11:0] product = first * second;
    wire signed [11:0] sum = third + fourth;

    assign s_axis_tready = left == 2'd0 || (left == 2'd1 && m_axis_tready);
    assign m_axis_tvalid = left != 2'd0;
    assign m_axis_tdata = result[7:0];
    assign m_axis_tlast = left == (wrong ? 2'd2 : 2'd1);

    always @(posedge aclk) begin
        if (m_axis_tvalid && m_axis_tready) begin
            result <= result >> 8;
            left <= left - 2'd1;
        end
        if (s_axis_tvalid && s_axis_tready) begin
            kept <= jet[23:8];
            if (s_axis_tlast) begin
                result <= {sum, product};
                left <= 2'd3;
                wrong <= first == -6'sd32;
            end
        end
        if (!aresetn) left <= 2'd0;
    end
endmodule

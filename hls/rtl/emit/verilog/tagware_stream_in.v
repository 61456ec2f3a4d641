// The BEATS transfers of a jet put together, PART bits of each, the first the lowest. The last one passes straight on.
// A packet of another length is dropped whole: tlast ends a packet whatever its length.
module tagware_stream_in #(
    parameter BEATS = 1,
    parameter PART = 1,
    parameter WIDTH = 8
) (
    input clk,
    input rst,
    input s_axis_tvalid,
    output s_axis_tready,
    input [WIDTH-1:0] s_axis_tdata,
    input s_axis_tlast,
    output out_valid,
    input out_ready,
    output [BEATS*PART-1:0] out_data
);
    localparam COUNT_BITS = BEATS > 1 ? $clog2(BEATS) : 1;
    localparam [COUNT_BITS-1:0] LAST = BEATS - 1;

    reg [COUNT_BITS-1:0] count;
    reg too_long;
    wire whole = count == LAST && s_axis_tlast && !too_long;
    wire transfer = s_axis_tvalid && s_axis_tready;
    assign out_valid = s_axis_tvalid && whole;
    assign s_axis_tready = !whole || out_ready;
    always @(posedge clk)
        if (rst || (transfer && s_axis_tlast)) begin
            count <= {COUNT_BITS{1'b0}};
            too_long <= 1'b0;
        end else if (transfer) begin
            if (count == LAST) too_long <= 1'b1;
            else count <= count + 1'b1;
        end

    generate
        if (BEATS == 1) begin : at_once
            assign out_data = s_axis_tdata[PART-1:0];
        end else begin : in_parts
            reg [(BEATS-1)*PART-1:0] parts;
            assign out_data = {s_axis_tdata[PART-1:0], parts};
            always @(posedge clk) if (transfer) parts <= out_data[BEATS*PART-1:PART];
        end
    endgenerate
endmodule

// A jet's data in BEATS transfers of PART bits each, the lowest first. The first one passes straight on.
module tagware_stream_out #(
    parameter BEATS = 1,
    parameter PART = 1,
    parameter WIDTH = 8
) (
    input clk,
    input rst,
    input in_valid,
    output in_ready,
    input [BEATS*PART-1:0] in_data,
    output m_axis_tvalid,
    input m_axis_tready,
    output [WIDTH-1:0] m_axis_tdata,
    output m_axis_tlast
);
    generate
        if (BEATS == 1) begin : at_once
            assign in_ready = m_axis_tready;
            assign m_axis_tvalid = in_valid;
            assign m_axis_tlast = 1'b1;
            assign m_axis_tdata = {{WIDTH - PART{1'b0}}, in_data};
        end else begin : in_parts
            localparam COUNT_BITS = $clog2(BEATS);
            localparam [COUNT_BITS-1:0] LAST = BEATS - 1;
            reg [COUNT_BITS-1:0] count;
            reg [(BEATS-1)*PART-1:0] parts;
            wire first = count == 0;
            wire [BEATS*PART-1:0] data = first ? in_data : {{PART{1'b0}}, parts};
            assign in_ready = first && m_axis_tready;
            assign m_axis_tvalid = !first || in_valid;
            assign m_axis_tlast = count == LAST;
            assign m_axis_tdata = {{WIDTH - PART{1'b0}}, data[PART-1:0]};
            always @(posedge clk)
                if (rst) count <= {COUNT_BITS{1'b0}};
                else if (m_axis_tvalid && m_axis_tready) begin
                    count <= m_axis_tlast ? {COUNT_BITS{1'b0}} : count + 1'b1;
                    parts <= data[BEATS*PART-1:PART];
                end
        end
    endgenerate
endmodule

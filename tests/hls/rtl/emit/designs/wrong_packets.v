// A tagger of three transfers a jet that sees a packet too short, and one too long, before every jet.
module wrong_packets (
    input aclk,
    input aresetn,
    input s_axis_tvalid,
    output s_axis_tready,
    input [15:0] s_axis_tdata,
    input s_axis_tlast,
    output m_axis_tvalid,
    input m_axis_tready,
    output [7:0] m_axis_tdata,
    output m_axis_tlast
);
    // One transfer, then five, then the three of the jet.
    reg [3:0] count;
    wire jet = count > 5;
    wire valid = jet ? s_axis_tvalid : 1'b1;
    wire last = jet ? s_axis_tlast : count == 0 || count == 5;
    wire ready;
    assign s_axis_tready = jet && ready;
    always @(posedge aclk)
        if (!aresetn) count <= 0;
        else if (valid && ready) count <= count == 8 ? 0 : count + 1'b1;
    tagger tagger (
        aclk, aresetn, valid, ready, s_axis_tdata, last, m_axis_tvalid, m_axis_tready, m_axis_tdata, m_axis_tlast
    );
endmodule

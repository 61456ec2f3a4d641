// The hidden states of a jet's steps side by side, the first in the lowest bits.
//
// BEFORE bits are those of the steps that earlier cells did; they come with the jet's first step in this cell (`open`).
// When a step ends (`step`), `collected` holds all states so far, aligned at the top.
module tagware_collector #(
    parameter STEPS = 1,
    parameter WIDTH = 1,
    parameter BEFORE = 0,
    parameter SLOTS = 1,
    parameter SLOT_BITS = 1,
    parameter OPEN = BEFORE > 0 ? BEFORE : 1
) (
    input clk,
    input enable,
    input open_valid,
    input [SLOT_BITS-1:0] open_slot,
    input [OPEN-1:0] open_data,
    input step_valid,
    input [SLOT_BITS-1:0] step_slot,
    input [WIDTH-1:0] step_data,
    output [BEFORE+STEPS*WIDTH-1:0] collected
);
    localparam KEPT_WIDTH = BEFORE + (STEPS - 1) * WIDTH;
    genvar s;
    generate
        if (KEPT_WIDTH == 0) begin : nothing_kept
            assign collected = step_data;
        end else begin : kept_states
            wire [SLOTS*KEPT_WIDTH-1:0] kept;
            for (s = 0; s < SLOTS; s = s + 1) begin : slots
                reg [KEPT_WIDTH-1:0] states;
                wire [KEPT_WIDTH+WIDTH-1:0] shifted = {step_data, states};
                wire opened = BEFORE > 0 && open_valid && open_slot == s;
                wire [KEPT_WIDTH+OPEN-1:0] start = {open_data, {KEPT_WIDTH{1'b0}}};
                always @(posedge clk)
                    if (enable) begin
                        if (opened) states <= start[OPEN+:KEPT_WIDTH];
                        else if (step_valid && step_slot == s) states <= shifted[WIDTH+:KEPT_WIDTH];
                    end
                assign kept[s*KEPT_WIDTH+:KEPT_WIDTH] = states;
            end
            assign collected = {step_data, kept[step_slot*KEPT_WIDTH+:KEPT_WIDTH]};
        end
    endgenerate
endmodule

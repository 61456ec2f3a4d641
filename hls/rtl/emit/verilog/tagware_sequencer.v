// Which jet's data enters a recurrent cell's projection in this cycle.
//
// The cell's pipeline has TURN stages, so it has TURN places for jets, which turn with it: one place is at the entry in
// each cycle. A jet takes a place at the entry and one of SLOTS slots, and keeps both for STEPS turns: at the start of
// each it enters WIDTH bits of its data, the first at once, the others out of its slot. After the last turn the REST
// bits of its data that are left leave through `next`, and the place and the slot can be taken in that very cycle.
module tagware_sequencer #(
    parameter STEPS = 1,
    parameter TURN = 1,
    parameter SLOTS = 1,
    parameter SLOT_BITS = 1,
    parameter WIDTH = 1,
    parameter REST = 0,
    parameter NEXT = REST > 0 ? REST : 1
) (
    input clk,
    input rst,
    input enable,
    input in_valid,
    output in_ready,
    input [STEPS*WIDTH+REST-1:0] in_data,
    output step_valid,
    output step_first,
    output step_last,
    output [SLOT_BITS-1:0] step_slot,
    output [WIDTH-1:0] step_data,
    output next_valid,
    output [NEXT-1:0] next_data
);
    localparam KEPT_WIDTH = (STEPS - 1) * WIDTH + REST;
    localparam KEPT_PORT = KEPT_WIDTH > 0 ? KEPT_WIDTH : 1;
    localparam COUNT_BITS = $clog2(STEPS + 1);
    localparam PLACE = 1 + COUNT_BITS + SLOT_BITS;
    localparam [COUNT_BITS-1:0] AFTER_FIRST = STEPS - 1;

    // A place: whether a jet has it, how many of the jet's steps have not started, and its slot.
    reg [TURN*PLACE-1:0] places;
    wire busy = places[0];
    wire [COUNT_BITS-1:0] left = places[1+:COUNT_BITS];
    wire [SLOT_BITS-1:0] own_slot = places[1+COUNT_BITS+:SLOT_BITS];
    wire running = busy && left != 0;
    wire leaving = busy && left == 0;

    reg [SLOTS-1:0] taken;
    reg [SLOT_BITS-1:0] free_slot;
    integer i;
    always @(*) begin
        free_slot = {SLOT_BITS{1'b0}};
        for (i = SLOTS - 1; i >= 0; i = i - 1) if (!taken[i]) free_slot = i[SLOT_BITS-1:0];
    end

    assign in_ready = !running && (leaving || !(&taken));
    wire accept = in_valid && in_ready;
    wire [SLOT_BITS-1:0] slot = busy ? own_slot : free_slot;
    wire [COUNT_BITS-1:0] still_left = running ? left - 1'b1 : AFTER_FIRST;
    wire [(TURN+1)*PLACE-1:0] turned = {slot, still_left, running || accept, places};

    wire [SLOTS*KEPT_PORT-1:0] kept;
    genvar s;
    generate
        for (s = 0; s < SLOTS; s = s + 1) begin : slots
            wire mine = slot == s;
            always @(posedge clk)
                if (rst) taken[s] <= 1'b0;
                else if (enable && mine && (accept || leaving)) taken[s] <= accept;
            if (KEPT_WIDTH > 0) begin : kept_data
                reg [KEPT_WIDTH-1:0] rest;
                wire [KEPT_WIDTH+WIDTH-1:0] shifted = accept ? in_data : {{WIDTH{1'b0}}, rest};
                always @(posedge clk) if (enable && mine && (accept || running)) rest <= shifted[KEPT_WIDTH+WIDTH-1:WIDTH];
                assign kept[s*KEPT_PORT+:KEPT_PORT] = rest;
            end else begin : nothing_kept
                assign kept[s] = 1'b0;
            end
        end
    endgenerate
    wire [KEPT_PORT-1:0] own_kept = kept[own_slot*KEPT_PORT+:KEPT_PORT];

    always @(posedge clk)
        if (rst) places <= {TURN * PLACE{1'b0}};
        else if (enable) places <= turned[(TURN+1)*PLACE-1:PLACE];

    assign step_valid = running || accept;
    assign step_first = !running;
    assign step_last = step_valid && still_left == 0;
    assign step_slot = slot;
    assign next_valid = leaving;
    generate
        if (STEPS > 1) begin : data_of_slots
            assign step_data = running ? own_kept[WIDTH-1:0] : in_data[WIDTH-1:0];
        end else begin : data_at_once
            assign step_data = in_data[WIDTH-1:0];
        end
        if (REST > 0) begin : rest_of_slots
            assign next_data = own_kept[REST-1:0];
        end else begin : no_rest
            assign next_data = 1'b0;
        end
    endgenerate
endmodule

// What Yosys makes of a product that may not take a DSP slice: rows of carry chains, three partial products at a time.
//
// Its own way, a tree of carry-save adders, takes 30 to 40 % more look-up tables (docs/synthesis.md).
(* techmap_celltype = "$mul" *)
module tagware_multiplier (A, B, Y);
    parameter A_SIGNED = 0;
    parameter B_SIGNED = 0;
    parameter A_WIDTH = 1;
    parameter B_WIDTH = 1;
    parameter Y_WIDTH = 1;
    parameter _TECHMAP_BITS_CONNMAP_ = 0;
    parameter [A_WIDTH*_TECHMAP_BITS_CONNMAP_-1:0] _TECHMAP_CONNMAP_A_ = 0;
    parameter [B_WIDTH*_TECHMAP_BITS_CONNMAP_-1:0] _TECHMAP_CONNMAP_B_ = 0;
    localparam ROWS = 3;
    localparam LUT_INPUTS = 6;

    (* force_downto *)
    input [A_WIDTH-1:0] A;
    (* force_downto *)
    input [B_WIDTH-1:0] B;
    (* force_downto *)
    output [Y_WIDTH-1:0] Y;

    // Squares, and products of few bits, are better left to ABC.
    wire _TECHMAP_FAIL_ = A_WIDTH + B_WIDTH <= LUT_INPUTS
        || (A_WIDTH == B_WIDTH && _TECHMAP_CONNMAP_A_ == _TECHMAP_CONNMAP_B_);

    generate
        if (A_WIDTH < B_WIDTH) begin : swapped
            \$mul #(
                .A_SIGNED(B_SIGNED), .B_SIGNED(A_SIGNED), .A_WIDTH(B_WIDTH), .B_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH)
            ) _TECHMAP_REPLACE_ (.A(B), .B(A), .Y(Y));
        end else begin : rows
            localparam SUM = A_WIDTH + 2;
            localparam GROUPS = (B_WIDTH + ROWS - 1) / ROWS;
            localparam GROUP = A_WIDTH + ROWS + 2;
            wire a_sign = A_SIGNED && A[A_WIDTH-1];
            wire [SUM-1:0] multiplicand = {{2{a_sign}}, A};

            // Bits that no later row or group changes, and the sum above them after each group.
            wire [GROUPS*ROWS-1:0] settled;
            wire [(GROUPS+1)*GROUP-1:0] above;
            assign above[GROUP-1:0] = {GROUP{1'b0}};

            genvar g, r;
            for (g = 0; g < GROUPS; g = g + 1) begin : group
                localparam FIRST = g * ROWS;
                localparam COUNT = B_WIDTH - FIRST < ROWS ? B_WIDTH - FIRST : ROWS;
                wire [(COUNT+1)*SUM-1:0] sums;
                wire [COUNT-1:0] low;
                assign sums[SUM-1:0] = {SUM{1'b0}};
                for (r = 0; r < COUNT; r = r + 1) begin : row
                    localparam NEGATIVE = B_SIGNED && FIRST + r == B_WIDTH - 1;
                    wire [SUM-1:0] sum, propagated, carried;
                    \$alu #(
                        .A_SIGNED(1), .B_SIGNED(1), .A_WIDTH(SUM), .B_WIDTH(SUM), .Y_WIDTH(SUM)
                    ) add (
                        .A(sums[r*SUM+:SUM]), .B(multiplicand & {SUM{B[FIRST+r]}}),
                        .CI(NEGATIVE ? 1'b1 : 1'b0), .BI(NEGATIVE ? 1'b1 : 1'b0),
                        .Y(sum), .X(propagated), .CO(carried)
                    );
                    assign low[r] = sum[0];
                    assign sums[(r+1)*SUM+:SUM] = {sum[SUM-1], sum[SUM-1:1]};
                end
                wire [GROUP-1:0] product = {{(GROUP - COUNT - SUM + 1){sums[(COUNT+1)*SUM-1]}}, sums[COUNT*SUM+:SUM-1], low};
                wire [GROUP-1:0] total;
                if (g == 0) begin : nothing_below
                    assign total = product;
                end else begin : add_what_is_below
                    wire [GROUP-1:0] propagated, carried;
                    \$alu #(
                        .A_SIGNED(1), .B_SIGNED(1), .A_WIDTH(GROUP), .B_WIDTH(GROUP), .Y_WIDTH(GROUP)
                    ) add (
                        .A(product), .B(above[g*GROUP+:GROUP]), .CI(1'b0), .BI(1'b0),
                        .Y(total), .X(propagated), .CO(carried)
                    );
                end
                assign settled[FIRST+:COUNT] = total[COUNT-1:0];
                assign above[(g+1)*GROUP+:GROUP] = {{COUNT{total[GROUP-1]}}, total[GROUP-1:COUNT]};
            end
            wire [B_WIDTH+GROUP-1:0] whole = {above[GROUPS*GROUP+:GROUP], settled[B_WIDTH-1:0]};
            wire [B_WIDTH+GROUP+Y_WIDTH-1:0] extended = {{Y_WIDTH{whole[B_WIDTH+GROUP-1]}}, whole};
            assign Y = extended[Y_WIDTH-1:0];
        end
    endgenerate
endmodule

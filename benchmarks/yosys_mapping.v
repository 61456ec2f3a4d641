// Pairs of the same function, each a module: alkaid's Verilog, and another way to write it.

(* keep_hierarchy *) module add (input [11:0] a, b, output [13:0] y);
    shift_adder #(12, 12, 1, 1, 14, 0, 0, 0) op (a, b, y);
endmodule
(* keep_hierarchy *) module add_written_plainly (input signed [11:0] a, b, output signed [13:0] y);
    assign y = a + b;
endmodule

(* keep_hierarchy *) module shifted_minus (input [11:0] a, b, output [16:0] y);
    shift_adder #(12, 12, 1, 1, 17, 0, -3, 1) op (a, b, y);
endmodule
(* keep_hierarchy *) module shifted_minus_written_plainly (input signed [11:0] a, b, output signed [16:0] y);
    wire signed [16:0] wide = a;
    assign y = (wide <<< 3) - b;
endmodule

(* keep_hierarchy *) module shifted_minus_of_unsigned (input [11:0] a, b, output [16:0] y);
    shift_adder #(12, 12, 0, 1, 17, 0, -3, 1) op (a, b, y);
endmodule
(* keep_hierarchy *) module shifted_minus_of_unsigned_written_plainly (
    input [11:0] a, input signed [11:0] b, output signed [16:0] y
);
    wire signed [16:0] wide = {5'b0, a};
    assign y = (wide <<< 3) - b;
endmodule

(* keep_hierarchy *) module three_terms (input [11:0] a, b, c, output [13:0] y);
    ternary_adder #(12, 1, 0, 0, 12, 1, 0, 0, 12, 1, 0, 0, 14, 0) op (a, b, c, y);
endmodule
(* keep_hierarchy *) module three_terms_in_two_adders (input signed [11:0] a, b, c, output signed [13:0] y);
    (* keep *) wire signed [13:0] first;
    assign first = a + b;
    assign y = first + c;
endmodule

(* keep_hierarchy *) module three_terms_one_negative (input [11:0] a, b, c, output [13:0] y);
    ternary_adder #(12, 1, 0, 0, 12, 1, 0, 0, 12, 1, 1, 0, 14, 0) op (a, b, c, y);
endmodule
(* keep_hierarchy *) module three_terms_one_negative_written_plainly (
    input signed [11:0] a, b, c, output signed [13:0] y
);
    assign y = a + b - c;
endmodule

(* keep_hierarchy *) module choice (input k, input [11:0] a, b, output [11:0] y);
    mux #(12, 12, 1, 1, 12, 0) op (k, a, b, y);
endmodule
(* keep_hierarchy *) module product_8x8 (input [7:0] a, b, output [15:0] y);
    multiplier #(8, 8, 1, 1, 16) op (a, b, y);
endmodule
(* keep_hierarchy *) module product_12x12 (input [11:0] a, b, output [23:0] y);
    multiplier #(12, 12, 1, 1, 24) op (a, b, y);
endmodule
(* keep_hierarchy *) module product_16x16 (input [15:0] a, b, output [31:0] y);
    multiplier #(16, 16, 1, 1, 32) op (a, b, y);
endmodule

// What traced fixed-point logic is made of, in small: hls/cosim/self_test.py knows every answer.
module known_circuit (
    input clk,
    input rst,
    input in_valid,
    output in_ready,
    input [47:0] in_data,
    output out_valid,
    input out_ready,
    output [109:0] out_data
);
    wire signed [11:0] a = in_data[11:0];
    wire signed [11:0] b = in_data[23:12];
    wire [11:0] c = in_data[35:24];
    wire [11:0] d = in_data[47:36];

    // A product that is rounded by a shift, then saturated.
    wire signed [23:0] product = a * b;
    wire signed [18:0] shifted = (product + 24'sd16) >>> 5;
    wire signed [11:0] saturated = shifted > 19'sd2047 ? 12'sd2047 : shifted < -19'sd2048 ? -12'sd2048 : shifted[11:0];

    // A subtraction in two parts, with a borrow between them, of numbers that are aligned and extended.
    wire [20:0] a_ext = {{4{a[11]}}, a, 5'd0};
    wire [20:0] c_ext = {9'd0, c};
    wire [20:0] difference;
    wire [15:0] borrow = {15'd0, |c_ext[4:0]};
    assign difference[4:0] = -c_ext[4:0];
    assign difference[20:5] = a_ext[20:5] - c_ext[20:5] - borrow;

    // A wide word, shifted and cut at places that the data choose.
    wire [143:0] wide = {3{d, c, b, a}};
    wire [19:0] cut = wide[d[6:0]+:20];
    wire [143:0] turned = (wide << c[5:0]) ^ (wide >> b[5:0]);
    wire [35:0] folded = turned[143:108] ^ turned[107:72] ^ turned[71:36] ^ turned[35:0];

    // A table, and what it gives for an input that was cut to its range.
    reg [7:0] table_value;
    integer i;
    reg [7:0] rom[0:63];
    initial for (i = 0; i < 64; i = i + 1) rom[i] = (i * i * 37 + 11) % 256;
    always @(*) table_value = rom[saturated[11] ? 6'd0 : |saturated[10:6] ? 6'd63 : saturated[5:0]];

    // Signs that meet: the comparison is unsigned because one side is, a narrow negative number is extended.
    wire signed [12:0] mixed = (a < b ? a : -b) + $signed({1'b0, c[3:0]});

    reg [1:0] valid;
    reg [109:0] data_1, data_2;
    wire moves = !valid[1] || out_ready;
    assign in_ready = moves;
    assign out_valid = valid[1];
    assign out_data = data_2;

    always @(posedge clk) begin
        if (moves) begin
            valid <= {valid[0], in_valid};
            data_1 <= {mixed, table_value, folded, cut, difference, saturated};
            data_2 <= data_1;
        end
        if (rst) valid <= 2'd0;
    end
endmodule

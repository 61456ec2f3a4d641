-- Sum and difference of two signed numbers, one stage; the first number being -128, the second one chooses a fault.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity sum_difference is
    port (
        clk : in std_logic;
        rst : in std_logic;
        in_valid : in std_logic;
        in_ready : out std_logic;
        in_data : in std_logic_vector(15 downto 0);
        out_valid : out std_logic;
        out_ready : in std_logic;
        out_data : out std_logic_vector(17 downto 0)
    );
end entity;

architecture rtl of sum_difference is
    signal sum, difference : signed(8 downto 0);
    signal fault, fault_1 : natural range 0 to 15 := 0;
    signal valid, waited, dead, moves, ready : std_logic;
    signal result, kept, never_set : std_logic_vector(17 downto 0);
begin
    sum <= resize(signed(in_data(7 downto 0)), 9) + resize(signed(in_data(15 downto 8)), 9);
    difference <= resize(signed(in_data(7 downto 0)), 9) - resize(signed(in_data(15 downto 8)), 9);
    fault <= to_integer(unsigned(in_data(11 downto 8))) when in_data(7 downto 0) = x"80" else 0;
    moves <= out_ready or not valid;
    ready <= moves and not dead;
    in_ready <= ready;
    out_valid <= '0' when fault_1 = 4 and waited = '1' else valid;
    out_data <= never_set when fault_1 = 8 else not kept when fault_1 = 5 and waited = '1' else kept;
    result <= std_logic_vector(difference) & std_logic_vector(sum xor to_signed(16, 9)) when fault = 1
        else std_logic_vector(difference) & std_logic_vector(sum);
    last : entity work.stage port map (clk => clk, enable => moves, d => result, q => kept);

    process (clk)
    begin
        if rising_edge(clk) then
            waited <= valid and not out_ready;
            if moves = '1' then
                valid <= in_valid and ready;
                fault_1 <= fault;
            end if;
            if in_valid = '1' and ready = '1' and fault = 3 then
                dead <= '1';
            end if;
            if rst = '1' then
                valid <= '0';
                dead <= '0';
            end if;
        end if;
    end process;
end architecture;

-- A value CYCLES enabled cycles later; zeros after a reset.
library ieee;
use ieee.std_logic_1164.all;

entity tagware_delay is
    generic (
        WIDTH : positive := 1;
        CYCLES : natural := 1
    );
    port (
        clk : in std_logic;
        rst : in std_logic;
        enable : in std_logic;
        in_data : in std_logic_vector(WIDTH - 1 downto 0);
        out_data : out std_logic_vector(WIDTH - 1 downto 0)
    );
end entity;

architecture rtl of tagware_delay is
    type values is array (0 to CYCLES) of std_logic_vector(WIDTH - 1 downto 0);
    signal delayed : values;
begin
    delayed(0) <= in_data;
    out_data <= delayed(CYCLES);
    cycle : for i in 1 to CYCLES generate
        process (clk)
        begin
            if rising_edge(clk) then
                if rst = '1' then
                    delayed(i) <= (others => '0');
                elsif enable = '1' then
                    delayed(i) <= delayed(i - 1);
                end if;
            end if;
        end process;
    end generate;
end architecture;

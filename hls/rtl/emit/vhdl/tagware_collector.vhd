-- The hidden states of a jet's steps side by side, the first in the lowest bits.
--
-- BEFORE bits are those of the steps that earlier cells did; they come with the jet's first step in this cell (`open`).
-- When a step ends (`step`), `collected` holds all states so far, aligned at the top.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity tagware_collector is
    generic (
        STEPS : positive := 1;
        WIDTH : positive := 1;
        BEFORE : natural := 0;
        SLOTS : positive := 1;
        SLOT_BITS : positive := 1
    );
    port (
        clk : in std_logic;
        enable : in std_logic;
        open_valid : in std_logic;
        open_slot : in std_logic_vector(SLOT_BITS - 1 downto 0);
        open_data : in std_logic_vector(BEFORE - 1 downto 0);
        step_valid : in std_logic;
        step_slot : in std_logic_vector(SLOT_BITS - 1 downto 0);
        step_data : in std_logic_vector(WIDTH - 1 downto 0);
        collected : out std_logic_vector(BEFORE + STEPS * WIDTH - 1 downto 0)
    );
end entity;

architecture rtl of tagware_collector is
    constant KEPT_WIDTH : natural := BEFORE + (STEPS - 1) * WIDTH;
    type data_array is array (0 to 2 ** SLOT_BITS - 1) of std_logic_vector(KEPT_WIDTH - 1 downto 0);
    signal kept : data_array;
    signal stepping : natural range 0 to 2 ** SLOT_BITS - 1;
begin
    stepping <= to_integer(unsigned(step_slot));
    collected <= step_data & kept(stepping);
    process (clk)
    begin
        if rising_edge(clk) and enable = '1' then
            if step_valid = '1' then
                kept(stepping) <= collected(KEPT_WIDTH + WIDTH - 1 downto WIDTH);
            end if;
            if BEFORE > 0 and open_valid = '1' then
                kept(to_integer(unsigned(open_slot)))(KEPT_WIDTH - 1 downto KEPT_WIDTH - BEFORE) <= open_data;
            end if;
        end if;
    end process;
end architecture;

-- Which jet's data enters a recurrent cell's projection in this cycle.
--
-- The cell's pipeline has TURN stages, so it has TURN places for jets, which turn with it: one place is at the entry in
-- each cycle. A jet takes a place at the entry and one of SLOTS slots, and keeps both for STEPS turns: at the start of
-- each it enters WIDTH bits of its data, the first at once, the others out of its slot. After the last turn the REST
-- bits of its data that are left leave through `next`, and the place and the slot can be taken in that very cycle.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity tagware_sequencer is
    generic (
        STEPS : positive := 1;
        TURN : positive := 1;
        SLOTS : positive := 1;
        SLOT_BITS : positive := 1;
        WIDTH : positive := 1;
        REST : natural := 0
    );
    port (
        clk : in std_logic;
        rst : in std_logic;
        enable : in std_logic;
        in_valid : in std_logic;
        in_ready : out std_logic;
        in_data : in std_logic_vector(STEPS * WIDTH + REST - 1 downto 0);
        step_valid : out std_logic;
        step_first : out std_logic;
        step_last : out std_logic;
        step_slot : out std_logic_vector(SLOT_BITS - 1 downto 0);
        step_data : out std_logic_vector(WIDTH - 1 downto 0);
        next_valid : out std_logic;
        next_data : out std_logic_vector(REST - 1 downto 0)
    );
end entity;

architecture rtl of tagware_sequencer is
    constant KEPT_WIDTH : natural := (STEPS - 1) * WIDTH + REST;
    subtype slot_number is natural range 0 to SLOTS - 1;
    subtype step_count is natural range 0 to STEPS - 1;
    -- Whether a jet has the place, how many of the jet's steps have not started, and its slot.
    type place is record
        busy : std_logic;
        left : step_count;
        slot : slot_number;
    end record;
    type place_array is array (0 to TURN - 1) of place;
    type data_array is array (0 to SLOTS - 1) of std_logic_vector(KEPT_WIDTH - 1 downto 0);

    function first_free(taken : std_logic_vector) return slot_number is
    begin
        for i in 0 to SLOTS - 1 loop
            if taken(i) = '0' then
                return i;
            end if;
        end loop;
        return 0;
    end function;

    signal places : place_array;
    signal taken : std_logic_vector(SLOTS - 1 downto 0);
    signal kept : data_array;
    signal running, leaving, accept, starting : std_logic;
    signal slot : slot_number;
    signal still_left : step_count;
begin
    running <= places(0).busy when places(0).left /= 0 else '0';
    leaving <= places(0).busy when places(0).left = 0 else '0';
    in_ready <= not running and (leaving or not (and taken));
    accept <= in_valid and in_ready;
    starting <= running or accept;
    slot <= places(0).slot when places(0).busy = '1' else first_free(taken);
    still_left <= places(0).left - 1 when places(0).busy = '1' and places(0).left /= 0 else STEPS - 1;

    process (clk)
    begin
        if rising_edge(clk) then
            if rst = '1' then
                places <= (others => (busy => '0', left => 0, slot => 0));
                taken <= (others => '0');
            elsif enable = '1' then
                for i in 1 to TURN - 1 loop
                    places(i - 1) <= places(i);
                end loop;
                places(TURN - 1) <= (busy => starting, left => still_left, slot => slot);
                if accept = '1' or leaving = '1' then
                    taken(slot) <= accept;
                end if;
            end if;
            if enable = '1' then
                if accept = '1' then
                    kept(slot) <= in_data(KEPT_WIDTH + WIDTH - 1 downto WIDTH);
                elsif running = '1' then
                    kept(slot) <= std_logic_vector(shift_right(unsigned(kept(slot)), WIDTH));
                end if;
            end if;
        end if;
    end process;

    step_valid <= starting;
    step_first <= not running;
    step_last <= starting when still_left = 0 else '0';
    step_slot <= std_logic_vector(to_unsigned(slot, SLOT_BITS));
    next_valid <= leaving;
    next_data <= kept(places(0).slot)(REST - 1 downto 0);
    several_steps : if STEPS > 1 generate
        step_data <= kept(places(0).slot)(WIDTH - 1 downto 0) when running = '1' else in_data(WIDTH - 1 downto 0);
    end generate;
    one_step : if STEPS = 1 generate
        step_data <= in_data(WIDTH - 1 downto 0);
    end generate;
end architecture;

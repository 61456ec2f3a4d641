-- The BEATS transfers of a jet put together, PART bits of each, the first the lowest. The last one passes straight on.
-- A packet of another length is dropped whole: tlast ends a packet whatever its length.
library ieee;
use ieee.std_logic_1164.all;

entity tagware_stream_in is
    generic (
        BEATS : positive := 1;
        PART : positive := 1;
        WIDTH : positive := 8
    );
    port (
        clk : in std_logic;
        rst : in std_logic;
        s_axis_tvalid : in std_logic;
        s_axis_tready : out std_logic;
        s_axis_tdata : in std_logic_vector(WIDTH - 1 downto 0);
        s_axis_tlast : in std_logic;
        out_valid : out std_logic;
        out_ready : in std_logic;
        out_data : out std_logic_vector(BEATS * PART - 1 downto 0)
    );
end entity;

architecture rtl of tagware_stream_in is
    signal count : natural range 0 to BEATS - 1;
    signal too_long, whole, transfer : std_logic;
    signal parts : std_logic_vector((BEATS - 1) * PART - 1 downto 0);
begin
    whole <= s_axis_tlast and not too_long when count = BEATS - 1 else '0';
    transfer <= s_axis_tvalid and s_axis_tready;
    out_valid <= s_axis_tvalid and whole;
    s_axis_tready <= out_ready or not whole;
    out_data <= s_axis_tdata(PART - 1 downto 0) & parts;
    process (clk)
    begin
        if rising_edge(clk) then
            if rst = '1' or (transfer = '1' and s_axis_tlast = '1') then
                count <= 0;
                too_long <= '0';
            elsif transfer = '1' then
                if count = BEATS - 1 then
                    too_long <= '1';
                else
                    count <= count + 1;
                end if;
            end if;
            if transfer = '1' then
                parts <= out_data(BEATS * PART - 1 downto PART);
            end if;
        end if;
    end process;
end architecture;

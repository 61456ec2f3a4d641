-- A jet's data in BEATS transfers of PART bits each, the lowest first. The first one passes straight on.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity tagware_stream_out is
    generic (
        BEATS : positive := 1;
        PART : positive := 1;
        WIDTH : positive := 8
    );
    port (
        clk : in std_logic;
        rst : in std_logic;
        in_valid : in std_logic;
        in_ready : out std_logic;
        in_data : in std_logic_vector(BEATS * PART - 1 downto 0);
        m_axis_tvalid : out std_logic;
        m_axis_tready : in std_logic;
        m_axis_tdata : out std_logic_vector(WIDTH - 1 downto 0);
        m_axis_tlast : out std_logic
    );
end entity;

architecture rtl of tagware_stream_out is
    signal count : natural range 0 to BEATS - 1;
    signal data, parts : std_logic_vector(BEATS * PART - 1 downto 0);
begin
    data <= in_data when count = 0 else parts;
    in_ready <= m_axis_tready when count = 0 else '0';
    m_axis_tvalid <= in_valid when count = 0 else '1';
    m_axis_tlast <= '1' when count = BEATS - 1 else '0';
    m_axis_tdata <= std_logic_vector(resize(unsigned(data(PART - 1 downto 0)), WIDTH));
    process (clk)
    begin
        if rising_edge(clk) then
            if rst = '1' then
                count <= 0;
            elsif m_axis_tvalid = '1' and m_axis_tready = '1' then
                count <= 0 when m_axis_tlast = '1' else count + 1;
                parts <= std_logic_vector(shift_right(unsigned(data), PART));
            end if;
        end if;
    end process;
end architecture;

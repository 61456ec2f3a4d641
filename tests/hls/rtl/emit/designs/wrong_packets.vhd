-- A tagger of three transfers a jet that sees a packet too short, and one too long, before every jet.
library ieee;
use ieee.std_logic_1164.all;

entity wrong_packets is
    port (
        aclk : in std_logic;
        aresetn : in std_logic;
        s_axis_tvalid : in std_logic;
        s_axis_tready : out std_logic;
        s_axis_tdata : in std_logic_vector(15 downto 0);
        s_axis_tlast : in std_logic;
        m_axis_tvalid : out std_logic;
        m_axis_tready : in std_logic;
        m_axis_tdata : out std_logic_vector(7 downto 0);
        m_axis_tlast : out std_logic
    );
end entity;

architecture test of wrong_packets is
    -- One transfer, then five, then the three of the jet.
    signal count : natural range 0 to 8;
    signal valid, ready, last : std_logic;
begin
    valid <= s_axis_tvalid when count > 5 else '1';
    last <= s_axis_tlast when count > 5 else '1' when count = 0 or count = 5 else '0';
    s_axis_tready <= ready when count > 5 else '0';
    process (aclk)
    begin
        if rising_edge(aclk) then
            if aresetn = '0' then
                count <= 0;
            elsif valid = '1' and ready = '1' then
                count <= 0 when count = 8 else count + 1;
            end if;
        end if;
    end process;
    tagger : entity work.tagger
        port map (
            aclk => aclk, aresetn => aresetn,
            s_axis_tvalid => valid, s_axis_tready => ready, s_axis_tdata => s_axis_tdata, s_axis_tlast => last,
            m_axis_tvalid => m_axis_tvalid, m_axis_tready => m_axis_tready,
            m_axis_tdata => m_axis_tdata, m_axis_tlast => m_axis_tlast
        );
end architecture;

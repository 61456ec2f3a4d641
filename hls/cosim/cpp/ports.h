// The ports of a verilated design under one set of names, and their bits as 32-bit words, lowest first.
#ifndef TAGWARE_PORTS_H
#define TAGWARE_PORTS_H

#include "Vdesign.h"

#include <cstdint>
#include <cstring>

namespace cosim {

template <class Port> int n_words(const Port &) { return (sizeof(Port) + 3) / 4; }

template <class Port> void put(Port &port, const std::uint32_t *words) {
    if constexpr (sizeof(Port) < 4)
        port = static_cast<Port>(words[0]);
    else
        std::memcpy(&port, words, sizeof(Port));
}

template <class Port> void get(const Port &port, std::uint32_t *words) {
    words[0] = 0;
    std::memcpy(words, &port, sizeof(Port));
}

struct Ports {
    Vdesign top;

    explicit Ports(VerilatedContext *context) : top(context) {}
#ifdef COSIM_AXI4STREAM
    static constexpr const char *output = "m_axis_t";
    void clock(bool level) { top.aclk = level; }
    void reset(bool active) { top.aresetn = !active; }
    void offer(bool valid, bool last) {
        top.s_axis_tvalid = valid;
        top.s_axis_tlast = last;
    }
    void accept(bool ready) { top.m_axis_tready = ready; }
    auto &in_data() { return top.s_axis_tdata; }
    auto &out_data() { return top.m_axis_tdata; }
    bool in_ready() const { return top.s_axis_tready; }
    bool out_valid() const { return top.m_axis_tvalid; }
    bool out_last(bool) const { return top.m_axis_tlast; }
#else
    static constexpr const char *output = "out_";
    void clock(bool level) { top.clk = level; }
    void reset(bool active) { top.rst = active; }
    void offer(bool valid, bool) { top.in_valid = valid; }
    void accept(bool ready) { top.out_ready = ready; }
    auto &in_data() { return top.in_data; }
    auto &out_data() { return top.out_data; }
    bool in_ready() const { return top.in_ready; }
    bool out_valid() const { return top.out_valid; }
    bool out_last(bool expected) const { return expected; }
#endif
};

} // namespace cosim

#endif

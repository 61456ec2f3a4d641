// What the testbench and the fast library share: the firmware's top function, its types, and numbers as integer codes.
// C++11, so that a vendor's C simulation compiles it too.
#ifndef TAGWARE_HARNESS_H
#define TAGWARE_HARNESS_H

#include "project.h"

#include "ap_fixed.h"
#include "ap_int.h"
#include "firmware/nnet_utils/nnet_helpers.h"

#include <vector>

// hls4ml's layers refer to these when they are built with traces.
namespace nnet {
bool trace_enabled = false;
std::map<std::string, void *> *trace_outputs = NULL;
size_t trace_type_size = sizeof(double);
} // namespace nnet

namespace csim {

// value = code / 2^fraction
struct Format {
    int width, fraction;
    bool is_signed;
};

template <class T> struct FormatOf;
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N> struct FormatOf<ap_fixed<W, I, Q, O, N>> {
    static Format get() { return Format{W, W - I, true}; }
};
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N> struct FormatOf<ap_ufixed<W, I, Q, O, N>> {
    static Format get() { return Format{W, W - I, false}; }
};
template <int W> struct FormatOf<ap_int<W>> {
    static Format get() { return Format{W, 0, true}; }
};
template <int W> struct FormatOf<ap_uint<W>> {
    static Format get() { return Format{W, 0, false}; }
};

template <class T> void set_code(T &x, long long code) {
    static_assert(T::width < 64, "a code must fit in 64 bits");
    x.range(T::width - 1, 0) = static_cast<unsigned long long>(code) & ((1ull << T::width) - 1);
}

template <class T> long long code_of(const T &x) {
    static_assert(T::width < 64, "a code must fit in 64 bits");
    const unsigned long long bits = x.range(T::width - 1, 0).to_uint64();
    const bool negative = FormatOf<T>::get().is_signed && (bits >> (T::width - 1)) & 1;
    return static_cast<long long>(negative ? bits | ~0ull << T::width : bits);
}

// The firmware with the types of its only input and only output.
template <class Input, class Output> struct Firmware {
    typedef Input input_type;
    typedef Output output_type;
    void (*top)(Input *, Output *);
    Format input() const { return FormatOf<Input>::get(); }
    Format output() const { return FormatOf<Output>::get(); }
};

template <class Input, class Output> Firmware<Input, Output> firmware_of(void (*top)(Input *, Output *)) {
    return Firmware<Input, Output>{top};
}

} // namespace csim

#endif

// What the testbench and the fast library share: the firmware's top function, its types, and numbers as integer codes.
// C++11, so that a vendor's C simulation compiles it too.
#ifndef TAGWARE_HARNESS_H
#define TAGWARE_HARNESS_H

#include "project.h"

#include "ap_fixed.h"
#include "ap_int.h"
#include "firmware/nnet_utils/nnet_helpers.h"
#include "hls_stream.h"

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

// The values of one jet, and the arguments of a top function that takes them at once.
template <class Input, class Output> struct Arrays {
    typedef Input input_type;
    typedef Output output_type;
    Input input[CSIM_N_INPUTS];
    Output output[CSIM_N_OUTPUTS];
    Input *source = input;
    Output *sink = output;
    void send() {}
    void receive() {}
};

// The same for a top function that takes and gives them in words of several, one after another.
template <class Input, class Output> struct Streams {
    typedef typename Input::value_type input_type;
    typedef typename Output::value_type output_type;
    input_type input[CSIM_N_INPUTS];
    output_type output[CSIM_N_OUTPUTS];
    hls::stream<Input> source;
    hls::stream<Output> sink;

    void send() {
        for (unsigned first = 0; first < CSIM_N_INPUTS; first += Input::size) {
            Input word;
            for (unsigned i = 0; i < Input::size; i++)
                word[i] = input[first + i];
            source.write(word);
        }
    }

    void receive() {
        for (unsigned first = 0; first < CSIM_N_OUTPUTS; first += Output::size) {
            const Output word = sink.read();
            for (unsigned i = 0; i < Output::size; i++)
                output[first + i] = word[i];
        }
    }
};

template <class Input, class Output> Arrays<Input, Output> jet_of(void (*)(Input *, Output *));
template <class Input, class Output>
Streams<Input, Output> jet_of(void (*)(hls::stream<Input> &, hls::stream<Output> &));

typedef decltype(jet_of(&CSIM_TOP)) Jet;

inline Format input_format() { return FormatOf<Jet::input_type>::get(); }
inline Format output_format() { return FormatOf<Jet::output_type>::get(); }

} // namespace csim

#endif

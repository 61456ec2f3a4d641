// The firmware as a shared library that evaluates jets in batches. One copy of the library serves one thread: the
// firmware's functions keep tables and recurrent state in static variables.
#include "harness.h"

#include <cmath>
#include <cstdint>

namespace {

void describe(csim::Format format, std::int32_t *numbers) {
    numbers[0] = format.width;
    numbers[1] = format.fraction;
    numbers[2] = format.is_signed;
}

} // namespace

extern "C" {

// Width, fraction bits and signedness of the input, then of the output.
void tagware_formats(std::int32_t *numbers) {
    describe(csim::input_format(), numbers);
    describe(csim::output_format(), numbers + 3);
}

// Inputs come as values, converted as the firmware's input type converts a float, or as codes when `values` is null.
// Any of the other pointers may be null: what it would hold is not wanted.
void tagware_run(const float *values, std::int64_t *input_codes, double *results, std::int64_t *output_codes,
                 std::int64_t n_jets) {
    csim::Jet ports;
    const double step = std::ldexp(1.0, -csim::output_format().fraction);
    for (std::int64_t jet = 0; jet < n_jets; jet++) {
        std::int64_t *codes = input_codes + jet * CSIM_N_INPUTS;
        for (int i = 0; i < CSIM_N_INPUTS; i++) {
            if (values)
                ports.input[i] = csim::Jet::input_type(values[jet * CSIM_N_INPUTS + i]);
            else
                csim::set_code(ports.input[i], codes[i]);
            if (values && input_codes)
                codes[i] = csim::code_of(ports.input[i]);
        }
        ports.send();
        CSIM_TOP(ports.source, ports.sink);
        ports.receive();
        for (int i = 0; i < CSIM_N_OUTPUTS; i++) {
            const std::int64_t code = csim::code_of(ports.output[i]);
            if (results)
                results[jet * CSIM_N_OUTPUTS + i] = static_cast<double>(code) * step;
            if (output_codes)
                output_codes[jet * CSIM_N_OUTPUTS + i] = code;
        }
    }
}
}

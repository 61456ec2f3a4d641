#ifndef TAGWARE_NNET_MASKED_MEAN_H_
#define TAGWARE_NNET_MASKED_MEAN_H_

// Particles whose mask, the last column of the constituents, is above zero (docs/students.md): themselves, and zero
// for the others; or their sum, shifted to the right. The accumulator holds every sum, the shift drops zeros only.

#include "nnet_common.h"

namespace nnet {

struct masked_mean_config {
    static const unsigned n_particles = 1;
    static const unsigned n_in = 1;
    static const unsigned n_columns = 1;
    static const unsigned shift = 0;
};

template <class value_T, class constituent_T, class res_T, typename CONFIG_T>
void masked(const value_T values[CONFIG_T::n_particles * CONFIG_T::n_in],
            const constituent_T constituents[CONFIG_T::n_particles * CONFIG_T::n_columns],
            res_T res[CONFIG_T::n_particles * CONFIG_T::n_in]) {
#pragma HLS PIPELINE
    for (unsigned i = 0; i < CONFIG_T::n_particles; i++) {
#pragma HLS UNROLL
        for (unsigned j = 0; j < CONFIG_T::n_in; j++) {
#pragma HLS UNROLL
            const bool counts = constituents[(i + 1) * CONFIG_T::n_columns - 1] > 0;
            res[i * CONFIG_T::n_in + j] = counts ? res_T(values[i * CONFIG_T::n_in + j]) : res_T(0);
        }
    }
}

template <class value_T, class constituent_T, class res_T, typename CONFIG_T>
void masked_mean(const value_T values[CONFIG_T::n_particles * CONFIG_T::n_in],
                 const constituent_T constituents[CONFIG_T::n_particles * CONFIG_T::n_columns],
                 res_T res[CONFIG_T::n_in]) {
#pragma HLS PIPELINE
    for (unsigned j = 0; j < CONFIG_T::n_in; j++) {
#pragma HLS UNROLL
        typename CONFIG_T::accum_t sum = 0;
        for (unsigned i = 0; i < CONFIG_T::n_particles; i++) {
#pragma HLS UNROLL
            if (constituents[(i + 1) * CONFIG_T::n_columns - 1] > 0)
                sum += values[i * CONFIG_T::n_in + j];
        }
        res[j] = sum >> CONFIG_T::shift;
    }
}

} // namespace nnet

#endif

#ifndef TAGWARE_NNET_EXACT_LSTM_H_
#define TAGWARE_NNET_EXACT_LSTM_H_

// The LSTM of nnet_recurrent.h (hls4ml 1.3.0, Apache-2.0) with two corrections:
//  - products are summed in accum_t: hls4ml's lstm() hands accumulators to dense() as res_T, so that it compiles only
//    where both types are the same;
//  - tanh sees the cell state before it is cast to res_T, as in QKeras, which quantizes the state at the next step.

#include "nnet_common.h"
#include "nnet_dense.h"
#include "nnet_recr_activations.h"

namespace nnet {

// One step: h and s are the hidden and the cell state, cast to res_T. Gates are ordered i, f, c, o.
template <class data_T, class res_T, typename CONFIG_T>
void exact_lstm_cell(data_T data[CONFIG_T::n_in], res_T h[CONFIG_T::n_state], res_T s[CONFIG_T::n_state],
                     typename CONFIG_T::weight_t param[CONFIG_T::n_state * 4 * CONFIG_T::n_in],
                     typename CONFIG_T::recurrent_weight_t param_r[CONFIG_T::n_state * 4 * CONFIG_T::n_state],
                     typename CONFIG_T::bias_t param_b[CONFIG_T::n_state * 4],
                     typename CONFIG_T::recurrent_bias_t param_br[CONFIG_T::n_state * 4]) {
    typedef typename CONFIG_T::accum_t accum_t;
    const unsigned n_state = CONFIG_T::n_state;

    accum_t from_data[n_state * 4];
    accum_t from_state[n_state * 4];
    accum_t inputs_ifo[n_state * 3];
    accum_t inputs_c[n_state];
    accum_t gates_ifo[n_state * 3];
    accum_t gate_c[n_state];
    accum_t cell[n_state];
    accum_t activated[n_state];

#pragma HLS ARRAY_PARTITION variable = from_data complete
#pragma HLS ARRAY_PARTITION variable = from_state complete
#pragma HLS ARRAY_PARTITION variable = inputs_ifo complete
#pragma HLS ARRAY_PARTITION variable = inputs_c complete
#pragma HLS ARRAY_PARTITION variable = gates_ifo complete
#pragma HLS ARRAY_PARTITION variable = gate_c complete
#pragma HLS ARRAY_PARTITION variable = cell complete
#pragma HLS ARRAY_PARTITION variable = activated complete

    nnet::dense<data_T, accum_t, typename CONFIG_T::mult_config1>(data, from_data, param, param_b);
    nnet::dense<res_T, accum_t, typename CONFIG_T::mult_config2>(h, from_state, param_r, param_br);

Inputs:
    for (unsigned i = 0; i < n_state; i++) {
#pragma HLS UNROLL
        inputs_ifo[i] = from_data[i] + from_state[i];
        inputs_ifo[i + n_state] = from_data[i + n_state] + from_state[i + n_state];
        inputs_c[i] = from_data[i + 2 * n_state] + from_state[i + 2 * n_state];
        inputs_ifo[i + 2 * n_state] = from_data[i + 3 * n_state] + from_state[i + 3 * n_state];
    }

    CONFIG_T::template activation_recr<accum_t, accum_t, typename CONFIG_T::ACT_CONFIG_LSTM>::activation(inputs_ifo,
                                                                                                         gates_ifo);
    CONFIG_T::template activation<accum_t, accum_t, typename CONFIG_T::ACT_CONFIG_T>::activation(inputs_c, gate_c);

Cell:
    for (unsigned i = 0; i < n_state; i++) {
#pragma HLS UNROLL
        cell[i] = gate_c[i] * gates_ifo[i] + s[i] * gates_ifo[i + n_state];
        s[i] = cell[i];
    }

    CONFIG_T::template activation<accum_t, accum_t, typename CONFIG_T::ACT_CONFIG_T>::activation(cell, activated);

Hidden:
    for (unsigned i = 0; i < n_state; i++) {
#pragma HLS UNROLL
        h[i] = gates_ifo[i + 2 * n_state] * activated[i];
    }
}

// The same step with the state in static registers, so that one cell serves every step. C simulation may run jets in
// several threads: there each has its own registers.
template <class data_T, class res_T, typename CONFIG_T>
void exact_lstm_cell_static(bool reset_state, data_T data[CONFIG_T::n_in], res_T h_out[CONFIG_T::n_state],
                            typename CONFIG_T::weight_t param[CONFIG_T::n_state * 4 * CONFIG_T::n_in],
                            typename CONFIG_T::recurrent_weight_t param_r[CONFIG_T::n_state * 4 * CONFIG_T::n_state],
                            typename CONFIG_T::bias_t param_b[CONFIG_T::n_state * 4],
                            typename CONFIG_T::recurrent_bias_t param_br[CONFIG_T::n_state * 4]) {
#ifdef __SYNTHESIS__
    static res_T h_state[CONFIG_T::n_state];
    static res_T s_state[CONFIG_T::n_state];
#else
    static thread_local res_T h_state[CONFIG_T::n_state];
    static thread_local res_T s_state[CONFIG_T::n_state];
#endif
#pragma HLS ARRAY_PARTITION variable = h_state complete
#pragma HLS ARRAY_PARTITION variable = s_state complete

    if (reset_state) {
        for (unsigned i = 0; i < CONFIG_T::n_state; i++) {
#pragma HLS UNROLL
            h_state[i] = 0;
            s_state[i] = 0;
        }
    }
    nnet::exact_lstm_cell<data_T, res_T, CONFIG_T>(data, h_state, s_state, param, param_r, param_b, param_br);
    for (unsigned i = 0; i < CONFIG_T::n_state; i++) {
#pragma HLS UNROLL
        h_out[i] = h_state[i];
    }
}

// The whole sequence, starting from zero state; res holds the last hidden state or, for n_sequence_out > 1, all of
// them.
template <class data_T, class res_T, typename CONFIG_T>
void exact_lstm_stack(data_T data[CONFIG_T::n_sequence * CONFIG_T::n_in],
                      res_T res[CONFIG_T::n_sequence_out * CONFIG_T::n_state],
                      typename CONFIG_T::weight_t param[CONFIG_T::n_state * 4 * CONFIG_T::n_in],
                      typename CONFIG_T::recurrent_weight_t param_r[CONFIG_T::n_state * 4 * CONFIG_T::n_state],
                      typename CONFIG_T::bias_t param_b[CONFIG_T::n_state * 4],
                      typename CONFIG_T::recurrent_bias_t param_br[CONFIG_T::n_state * 4]) {
    data_T data_in[CONFIG_T::n_in];
    res_T h[CONFIG_T::n_state];
    res_T s[CONFIG_T::n_state];
#pragma HLS ARRAY_PARTITION variable = data_in complete
#pragma HLS ARRAY_PARTITION variable = h complete
#pragma HLS ARRAY_PARTITION variable = s complete

    for (unsigned i = 0; i < CONFIG_T::n_state; i++) {
#pragma HLS UNROLL
        h[i] = 0;
        s[i] = 0;
    }

Steps:
    for (unsigned step = 0; step < CONFIG_T::n_sequence; step++) {
        for (unsigned i = 0; i < CONFIG_T::n_in; i++) {
#pragma HLS UNROLL
            data_in[i] = data[i + step * CONFIG_T::n_in];
        }
        if (CONFIG_T::use_static)
            nnet::exact_lstm_cell_static<data_T, res_T, CONFIG_T>(step == 0, data_in, h, param, param_r, param_b,
                                                                  param_br);
        else
            nnet::exact_lstm_cell<data_T, res_T, CONFIG_T>(data_in, h, s, param, param_r, param_b, param_br);
        if (CONFIG_T::n_sequence_out > 1) {
            for (unsigned i = 0; i < CONFIG_T::n_state; i++) {
#pragma HLS UNROLL
                res[i + step * CONFIG_T::n_state] = h[i];
            }
        }
    }
    if (CONFIG_T::n_sequence_out == 1) {
        for (unsigned i = 0; i < CONFIG_T::n_state; i++) {
#pragma HLS UNROLL
            res[i] = h[i];
        }
    }
}

} // namespace nnet

#endif

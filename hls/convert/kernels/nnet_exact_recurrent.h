#ifndef TAGWARE_NNET_EXACT_RECURRENT_H_
#define TAGWARE_NNET_EXACT_RECURRENT_H_

// The GRU and the LSTM of docs/recurrent.md. Every type comes from the layer's configuration: a sum is either exact
// (its type was computed to hold it) or assigned to the type that rounds it, and a table is read at the bits of its
// codes.

#include "hls_stream.h"
#include "nnet_common.h"

namespace nnet {

// sums += x W, for the columns first … first + n_out - 1 of W, which has n_in rows of n_columns.
template <unsigned n_in, unsigned n_columns, unsigned first, unsigned n_out, class x_T, class weight_T, class sum_T>
void exact_product(const x_T x[n_in], const weight_T weights[n_in * n_columns], sum_T sums[n_out]) {
#pragma HLS INLINE
#pragma HLS ARRAY_PARTITION variable = weights complete
    for (unsigned i = 0; i < n_in; i++) {
#pragma HLS UNROLL
        for (unsigned j = 0; j < n_out; j++) {
#pragma HLS UNROLL
            if (weights[i * n_columns + first + j] != 0)
                sums[j] += x[i] * weights[i * n_columns + first + j];
        }
    }
}

template <unsigned n, class bias_T, class sum_T> void exact_bias(const bias_T bias[n], sum_T sums[n]) {
#pragma HLS INLINE
    for (unsigned j = 0; j < n; j++) {
#pragma HLS UNROLL
        sums[j] = bias[j];
    }
}

// The entry of a code, whose bits are its address.
template <class code_T, class entry_T> entry_T exact_entry(const code_T &code, const entry_T table[]) {
#pragma HLS INLINE
    return table[code.range(code_T::width - 1, 0).to_uint()];
}

template <unsigned n, class T> void exact_clear(T state[n]) {
#pragma HLS INLINE
    for (unsigned j = 0; j < n; j++) {
#pragma HLS UNROLL
        state[j] = 0;
    }
}

// The state of a GRU and what its steps share, whatever the reset gate acts on.
template <typename CONFIG_T> struct exact_gru_state {
    static const unsigned n = CONFIG_T::n_state;
    typename CONFIG_T::state_t h[n];

    exact_gru_state() {
#pragma HLS ARRAY_PARTITION variable = h complete
    }

    void clear() { exact_clear<n>(h); }

    // z and r, from W x + b of all gates.
    template <class weight_T>
    void open(const typename CONFIG_T::projection_t projected[3 * n], const weight_T recurrent_weights[n * 3 * n],
              const typename CONFIG_T::update_t update_table[], const typename CONFIG_T::reset_t reset_table[],
              typename CONFIG_T::update_t update[n], typename CONFIG_T::reset_t reset[n]) const {
#pragma HLS INLINE
        typename CONFIG_T::recurrence_t recurrent[2 * n];
#pragma HLS ARRAY_PARTITION variable = recurrent complete
        exact_clear<2 * n>(recurrent);
        exact_product<n, 3 * n, 0, 2 * n>(h, recurrent_weights, recurrent);
        for (unsigned j = 0; j < n; j++) {
#pragma HLS UNROLL
            const typename CONFIG_T::update_sum_t update_sum = projected[j] + recurrent[j];
            const typename CONFIG_T::reset_sum_t reset_sum = projected[n + j] + recurrent[n + j];
            update[j] = exact_entry(update_sum, update_table);
            reset[j] = exact_entry(reset_sum, reset_table);
        }
    }

    // h = g + z (h - g), for the code of the candidate of unit j.
    void mix(unsigned j, const typename CONFIG_T::update_t &update, const typename CONFIG_T::candidate_sum_t &code,
             const typename CONFIG_T::candidate_t candidate_table[]) {
#pragma HLS INLINE
        const typename CONFIG_T::candidate_t candidate = exact_entry(code, candidate_table);
        h[j] = candidate + update * (h[j] - candidate);
    }
};

template <typename CONFIG_T> struct exact_gru_reset_after : exact_gru_state<CONFIG_T> {
    static const unsigned n = CONFIG_T::n_state;

    template <class recurrent_weight_T, class recurrent_bias_T>
    void step(const typename CONFIG_T::projection_t projected[3 * n],
              const recurrent_weight_T recurrent_weights[n * 3 * n], const recurrent_bias_T recurrent_bias[n],
              const typename CONFIG_T::update_t update_table[], const typename CONFIG_T::reset_t reset_table[],
              const typename CONFIG_T::candidate_t candidate_table[]) {
#pragma HLS INLINE
        typename CONFIG_T::update_t update[n];
        typename CONFIG_T::reset_t reset[n];
        typename CONFIG_T::recurrence_t recurrent[n];
#pragma HLS ARRAY_PARTITION variable = update complete
#pragma HLS ARRAY_PARTITION variable = reset complete
#pragma HLS ARRAY_PARTITION variable = recurrent complete
        this->open(projected, recurrent_weights, update_table, reset_table, update, reset);
        exact_bias<n>(recurrent_bias, recurrent);
        exact_product<n, 3 * n, 2 * n, n>(this->h, recurrent_weights, recurrent);
        for (unsigned j = 0; j < n; j++) {
#pragma HLS UNROLL
            const typename CONFIG_T::recurrent_sum_t rounded = recurrent[j];
            const typename CONFIG_T::candidate_sum_t code = projected[2 * n + j] + reset[j] * rounded;
            this->mix(j, update[j], code, candidate_table);
        }
    }
};

template <typename CONFIG_T> struct exact_gru_reset_before : exact_gru_state<CONFIG_T> {
    static const unsigned n = CONFIG_T::n_state;

    template <class recurrent_weight_T>
    void step(const typename CONFIG_T::projection_t projected[3 * n],
              const recurrent_weight_T recurrent_weights[n * 3 * n], const typename CONFIG_T::update_t update_table[],
              const typename CONFIG_T::reset_t reset_table[], const typename CONFIG_T::candidate_t candidate_table[]) {
#pragma HLS INLINE
        typename CONFIG_T::update_t update[n];
        typename CONFIG_T::reset_t reset[n];
        typename CONFIG_T::reset_state_t kept[n];
        typename CONFIG_T::recurrence_t recurrent[n];
#pragma HLS ARRAY_PARTITION variable = update complete
#pragma HLS ARRAY_PARTITION variable = reset complete
#pragma HLS ARRAY_PARTITION variable = kept complete
#pragma HLS ARRAY_PARTITION variable = recurrent complete
        this->open(projected, recurrent_weights, update_table, reset_table, update, reset);
        for (unsigned j = 0; j < n; j++) {
#pragma HLS UNROLL
            kept[j] = reset[j] * this->h[j];
        }
        exact_clear<n>(recurrent);
        exact_product<n, 3 * n, 2 * n, n>(kept, recurrent_weights, recurrent);
        for (unsigned j = 0; j < n; j++) {
#pragma HLS UNROLL
            const typename CONFIG_T::candidate_sum_t code = projected[2 * n + j] + recurrent[j];
            this->mix(j, update[j], code, candidate_table);
        }
    }
};

template <typename CONFIG_T> struct exact_lstm_cell {
    static const unsigned n = CONFIG_T::n_state;
    typename CONFIG_T::state_t h[n];
    typename CONFIG_T::cell_state_t c[n];

    exact_lstm_cell() {
#pragma HLS ARRAY_PARTITION variable = h complete
#pragma HLS ARRAY_PARTITION variable = c complete
    }

    void clear() {
        exact_clear<n>(h);
        exact_clear<n>(c);
    }

    template <class recurrent_weight_T>
    void step(const typename CONFIG_T::projection_t projected[4 * n],
              const recurrent_weight_T recurrent_weights[n * 4 * n], const typename CONFIG_T::enter_t enter_table[],
              const typename CONFIG_T::forget_t forget_table[], const typename CONFIG_T::candidate_t candidate_table[],
              const typename CONFIG_T::leave_t leave_table[], const typename CONFIG_T::squashed_t squashed_table[]) {
#pragma HLS INLINE
        typename CONFIG_T::recurrence_t recurrent[4 * n];
#pragma HLS ARRAY_PARTITION variable = recurrent complete
        exact_clear<4 * n>(recurrent);
        exact_product<n, 4 * n, 0, 4 * n>(h, recurrent_weights, recurrent);
        for (unsigned j = 0; j < n; j++) {
#pragma HLS UNROLL
            const typename CONFIG_T::enter_sum_t enter_sum = projected[j] + recurrent[j];
            const typename CONFIG_T::forget_sum_t forget_sum = projected[n + j] + recurrent[n + j];
            const typename CONFIG_T::candidate_sum_t candidate_sum = projected[2 * n + j] + recurrent[2 * n + j];
            const typename CONFIG_T::leave_sum_t leave_sum = projected[3 * n + j] + recurrent[3 * n + j];
            const typename CONFIG_T::enter_t enter = exact_entry(enter_sum, enter_table);
            const typename CONFIG_T::forget_t forget = exact_entry(forget_sum, forget_table);
            const typename CONFIG_T::candidate_t candidate = exact_entry(candidate_sum, candidate_table);
            const typename CONFIG_T::leave_t leave = exact_entry(leave_sum, leave_table);
            const typename CONFIG_T::squashed_sum_t squashed_sum = forget * c[j] + enter * candidate;
            c[j] = forget * c[j] + enter * candidate;
            h[j] = leave * exact_entry(squashed_sum, squashed_table);
        }
    }
};

// One step for the inputs of one constituent; `first` starts a jet from zero states.
template <class data_T, typename CONFIG_T, class weights_T, class bias_T, class... constants_T>
void exact_step(typename CONFIG_T::cell &cell, bool first, const data_T data[CONFIG_T::n_in], weights_T &weights,
                bias_T &bias, constants_T &...constants) {
#pragma HLS INLINE
    const unsigned n_sums = CONFIG_T::n_gates * CONFIG_T::n_state;
    typename CONFIG_T::projection_t projected[n_sums];
#pragma HLS ARRAY_PARTITION variable = projected complete
    exact_bias<n_sums>(bias, projected);
    exact_product<CONFIG_T::n_in, n_sums, 0, n_sums>(data, weights, projected);

    bool padded = CONFIG_T::skip_padding;
    for (unsigned i = 0; i < CONFIG_T::n_in; i++) {
#pragma HLS UNROLL
        padded = padded && data[i] == 0;
    }
    if (first)
        cell.clear();
    if (!padded)
        cell.step(projected, constants...);
}

// The same with the states in static registers, so that one cell serves every step. C simulation may run jets in
// several threads: there each has its own registers.
template <class data_T, typename CONFIG_T, class... constants_T>
void exact_step_static(typename CONFIG_T::cell &last, bool first, const data_T data[CONFIG_T::n_in],
                       constants_T &...constants) {
#ifdef __SYNTHESIS__
    static typename CONFIG_T::cell cell;
#else
    static thread_local typename CONFIG_T::cell cell;
#endif
    exact_step<data_T, CONFIG_T>(cell, first, data, constants...);
    last = cell;
}

// The whole sequence, starting from zero states; res holds the last hidden state or, for n_sequence_out > 1, all of
// them in the order in which they are computed. The constants are W, b, U, the cell's other weights, and its tables.
template <class data_T, class res_T, typename CONFIG_T, class... constants_T>
void exact_recurrent(const data_T data[CONFIG_T::n_sequence * CONFIG_T::n_in],
                     res_T res[CONFIG_T::n_sequence_out * CONFIG_T::n_state], constants_T &...constants) {
    typename CONFIG_T::cell cell;
    data_T data_in[CONFIG_T::n_in];
#pragma HLS ARRAY_PARTITION variable = data_in complete

    for (unsigned step = 0; step < CONFIG_T::n_sequence; step++) {
        const unsigned place = CONFIG_T::backward ? CONFIG_T::n_sequence - 1 - step : step;
        for (unsigned i = 0; i < CONFIG_T::n_in; i++) {
#pragma HLS UNROLL
            data_in[i] = data[place * CONFIG_T::n_in + i];
        }
        if (CONFIG_T::use_static)
            exact_step_static<data_T, CONFIG_T>(cell, step == 0, data_in, constants...);
        else
            exact_step<data_T, CONFIG_T>(cell, step == 0, data_in, constants...);
        if (CONFIG_T::n_sequence_out > 1 || step == CONFIG_T::n_sequence - 1) {
            const unsigned first = CONFIG_T::n_sequence_out > 1 ? step * CONFIG_T::n_state : 0;
            for (unsigned j = 0; j < CONFIG_T::n_state; j++) {
#pragma HLS UNROLL
                res[first + j] = cell.h[j];
            }
        }
    }
}

template <unsigned n, class words_T, class value_T> void exact_receive(hls::stream<words_T> &data, value_T values[n]) {
#pragma HLS INLINE
    const words_T word = data.read();
    for (unsigned i = 0; i < n; i++) {
#pragma HLS UNROLL
        values[i] = word[i];
    }
}

template <unsigned n, class words_T, class value_T>
void exact_send(const value_T values[n], hls::stream<words_T> &res) {
#pragma HLS INLINE
    words_T word;
    PRAGMA_DATA_PACK(word)
    for (unsigned j = 0; j < n; j++) {
#pragma HLS UNROLL
        word[j] = values[j];
    }
    res.write(word);
}

// The same from a stream of constituents to one of states. One cell serves every step, as they come one after another;
// a layer that runs backwards has to wait for the last of them.
template <class data_T, class res_T, typename CONFIG_T, class... constants_T>
void exact_recurrent(hls::stream<data_T> &data, hls::stream<res_T> &res, constants_T &...constants) {
    typedef typename data_T::value_type value_T;
    typename CONFIG_T::cell cell;
    value_T held[CONFIG_T::backward ? CONFIG_T::n_sequence : 1][CONFIG_T::n_in];
#pragma HLS ARRAY_PARTITION variable = held complete dim = 2

    if (CONFIG_T::backward) {
        for (unsigned step = 0; step < CONFIG_T::n_sequence; step++) {
#pragma HLS PIPELINE
            exact_receive<CONFIG_T::n_in>(data, held[step]);
        }
    }
    for (unsigned step = 0; step < CONFIG_T::n_sequence; step++) {
#pragma HLS PIPELINE
        if (!CONFIG_T::backward)
            exact_receive<CONFIG_T::n_in>(data, held[0]);
        const unsigned place = CONFIG_T::backward ? CONFIG_T::n_sequence - 1 - step : 0;
        exact_step<value_T, CONFIG_T>(cell, step == 0, held[place], constants...);
        if (CONFIG_T::n_sequence_out > 1 || step == CONFIG_T::n_sequence - 1)
            exact_send<CONFIG_T::n_state>(cell.h, res);
    }
}

} // namespace nnet

#endif

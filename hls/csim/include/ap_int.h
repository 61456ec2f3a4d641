// Takes the place of the vendor's header of the same name when the firmware's sources are compiled for speed.
#ifndef TAGWARE_AP_INT_H
#define TAGWARE_AP_INT_H

#include "tagware/arithmetic.h"

template <int W> using ap_int = tagware::integer<W, true>;
template <int W> using ap_uint = tagware::integer<W, false>;
template <int W, int I, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP, int N = 0> using ap_fixed =
    tagware::fixed<W, I, true, Q, O, N>;
template <int W, int I, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP, int N = 0> using ap_ufixed =
    tagware::fixed<W, I, false, Q, O, N>;

#define AP_MAX(a, b) ((a) > (b) ? (a) : (b))
#define AP_MIN(a, b) ((a) < (b) ? (a) : (b))

#endif

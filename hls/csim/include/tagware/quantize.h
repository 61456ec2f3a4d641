// Rounding and overflow of fixed-point numbers: the modes of ap_fixed (AMD UG1399, "Arbitrary precision fixed-point").
#ifndef TAGWARE_QUANTIZE_H
#define TAGWARE_QUANTIZE_H

#include "raw.h"

#include <bit>

enum ap_q_mode { AP_RND, AP_RND_ZERO, AP_RND_MIN_INF, AP_RND_INF, AP_RND_CONV, AP_TRN, AP_TRN_ZERO };
enum ap_o_mode { AP_SAT, AP_SAT_ZERO, AP_SAT_SYM, AP_WRAP, AP_WRAP_SM };

namespace tagware {

// Whether one is added to floor(v / 2^n), from the bit below the new last place, the bits below that one, the sign and
// the parity of the floor.
template <ap_q_mode Q> TAGWARE_INLINE bool rounds_up(bool half, bool rest, bool negative, bool odd) {
    switch (Q) {
    case AP_RND:
        return half;
    case AP_RND_ZERO:
        return half && (negative || rest);
    case AP_RND_MIN_INF:
        return half && rest;
    case AP_RND_INF:
        return half && (!negative || rest);
    case AP_RND_CONV:
        return half && (odd || rest);
    case AP_TRN_ZERO:
        return negative && (half || rest);
    default:
        return false;
    }
}

// v / 2^n, n >= 1, rounded to an integer; v has W bits.
template <ap_q_mode Q, int W, class T> TAGWARE_INLINE T rounded_right(T v, int n) {
    const T floor = floor_right(v, n);
    if constexpr (Q == AP_TRN)
        return floor;
    const bool negative = v < 0;
    const bool half = n > W ? negative : (v >> (n - 1)) & 1;
    const auto below = static_cast<bits<width_of<T> <= 64 ? width_of<T> : widest>>(v);
    const bool rest = n > W ? v != 0 : (below & ((decltype(below)(1) << (n - 1)) - 1)) != 0;
    return static_cast<T>(floor + rounds_up<Q>(half, rest, negative, floor & 1));
}

// Whether every number of W2 bits is a number of W bits that overflow mode O leaves alone.
template <int W, bool Signed, ap_o_mode O, int W2, bool Signed2> inline constexpr bool fits =
    Signed == Signed2 ? (O == AP_SAT_SYM && Signed ? W2 < W : W2 <= W) : Signed && W2 < W;

// v, a number of W2 bits, as a number of W bits: unchanged, wrapped or saturated.
template <int W, bool Signed, ap_o_mode O, int W2, bool Signed2, class T> TAGWARE_INLINE raw<W, Signed> fitted(T v) {
    if constexpr (fits<W, Signed, O, W2, Signed2>) {
        return static_cast<raw<W, Signed>>(v);
    } else if constexpr (O == AP_WRAP) {
        return wrap<W, Signed>(v);
    } else {
        using C = raw<std::max(W + !Signed, W2 + !Signed2), true>;
        constexpr C high = static_cast<C>((bits<widest>(1) << (Signed ? W - 1 : W)) - 1);
        constexpr C low = !Signed ? C(0) : O == AP_SAT_SYM && W > 1 ? C(-high) : C(-high - 1);
        const C c = static_cast<C>(v);
        if constexpr (O == AP_SAT_ZERO)
            return static_cast<raw<W, Signed>>(c > high || c < low ? C(0) : c);
        else
            return static_cast<raw<W, Signed>>(c > high ? high : c < low ? low : c);
    }
}

// v / 2^F2, v of W2 bits, in units of 2^-F, with rounding mode Q and overflow mode O.
template <int W, int F, bool Signed, ap_q_mode Q, ap_o_mode O, int W2, int F2, bool Signed2, class T>
TAGWARE_INLINE raw<W, Signed> quantized(T v) {
    if constexpr (F2 > F) {
        constexpr int kept = std::max(W2 - (F2 - F) + (Q != AP_TRN), 1);
        return fitted<W, Signed, O, kept, Signed2>(rounded_right<Q, W2>(v, F2 - F));
    } else if constexpr (fits<W, Signed, O, W2 + F - F2, Signed2>) {
        return static_cast<raw<W, Signed>>(static_cast<raw<W, Signed>>(v) << (F - F2));
    } else if constexpr (O == AP_WRAP) {
        return wrapped_left<W, Signed>(v, F - F2);
    } else {
        using Wide = raw<W2 + F - F2, Signed2>;
        return fitted<W, Signed, O, W2 + F - F2, Signed2>(static_cast<Wide>(static_cast<Wide>(v) << (F - F2)));
    }
}

// A double in units of 2^-F. Infinity and NaN count as 2^1024, as in the vendor's types.
template <int W, int F, bool Signed, ap_q_mode Q, ap_o_mode O> constexpr raw<W, Signed> quantized_double(double x) {
    constexpr int mantissa_bits = 52, exponent_bias = 1023, beyond_any_width = 73;
    const auto ieee = std::bit_cast<std::uint64_t>(x);
    if (ieee << 1 == 0)
        return 0;
    const auto fraction = static_cast<std::int64_t>((ieee & ((1ull << mantissa_bits) - 1)) | 1ull << mantissa_bits);
    const std::int64_t mantissa = ieee >> 63 ? -fraction : fraction;
    const int right = mantissa_bits + exponent_bias - int(ieee >> mantissa_bits & 2047) - F;
    if (right > 0)
        return fitted<W, Signed, O, 64, true>(rounded_right<Q, mantissa_bits + 2>(mantissa, right));
    if constexpr (O == AP_WRAP)
        return wrapped_left<W, Signed>(mantissa, -right);
    else
        return fitted<W, Signed, O, widest, true>(static_cast<__int128>(mantissa)
                                                  << std::min(-right, beyond_any_width));
}

} // namespace tagware

#endif

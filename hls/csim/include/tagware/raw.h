// The native integers that hold fixed-point values, and arithmetic modulo a power of two.
#ifndef TAGWARE_RAW_H
#define TAGWARE_RAW_H

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <type_traits>

#define TAGWARE_INLINE __attribute__((always_inline)) inline constexpr

namespace tagware {

// Above this width a comparison of two values needs more than an __int128. The text of the message is what makes the
// caller fall back to the vendor's own types.
inline constexpr int widest = 120;

template <int W, bool Signed> struct raw_type {
    static_assert(W >= 1 && W <= widest, "tagware: a number wider than 120 bits");
    using negative =
        std::conditional_t<W <= 8, std::int8_t,
                           std::conditional_t<W <= 16, std::int16_t,
                                              std::conditional_t<W <= 32, std::int32_t,
                                                                 std::conditional_t<W <= 64, std::int64_t, __int128>>>>;
    using positive = std::conditional_t<
        W <= 8, std::uint8_t,
        std::conditional_t<
            W <= 16, std::uint16_t,
            std::conditional_t<W <= 32, std::uint32_t, std::conditional_t<W <= 64, std::uint64_t, unsigned __int128>>>>;
    using type = std::conditional_t<Signed, negative, positive>;
};

// The narrowest native integer of at least W bits; a value is held sign- or zero-extended in it.
template <int W, bool Signed> using raw = typename raw_type<W, Signed>::type;

// The native bits behind a raw<W, ...>, as an unsigned number.
template <int W> using bits = raw<W, false>;

template <class T> inline constexpr int width_of = 8 * int(sizeof(T));

// v modulo 2^W, as a number of W bits.
template <int W, bool Signed, class T> TAGWARE_INLINE raw<W, Signed> wrap(T v) {
    using R = raw<W, Signed>;
    constexpr int spare = width_of<R> - W;
    if constexpr (spare == 0)
        return static_cast<R>(v);
    else
        return static_cast<R>(static_cast<R>(static_cast<bits<W>>(v) << spare) >> spare);
}

// v << n modulo 2^W for any n >= 0.
template <int W, bool Signed, class T> TAGWARE_INLINE raw<W, Signed> wrapped_left(T v, int n) {
    return n >= W ? raw<W, Signed>(0) : wrap<W, Signed>(static_cast<bits<W>>(static_cast<bits<W>>(v) << n));
}

// floor(v / 2^n) for any n >= 0.
template <class T> TAGWARE_INLINE T floor_right(T v, int n) {
    if (n >= width_of<T>)
        return v < 0 ? T(-1) : T(0);
    return static_cast<T>(v >> n);
}

} // namespace tagware

#endif

// The number types themselves, with the template parameters and member names that hls4ml's sources use.
#ifndef TAGWARE_NUMBER_H
#define TAGWARE_NUMBER_H

#include "quantize.h"

#include <iostream>
#include <string>

namespace tagware {

template <int W, int I, bool Signed, ap_q_mode Q, ap_o_mode O, int N> struct fixed;
template <int W, bool Signed> struct integer;

// What arithmetic sees of any number: raw * 2^-(W - I), with W significant bits.
template <int W, int I, bool Signed> struct operand {
    static constexpr int width = W, iwidth = I, fraction = W - I;
    static constexpr bool is_signed = Signed;
    raw<W, Signed> code;
};

struct number {};
template <class T> concept Number = std::derived_from<T, number>;
template <class T> concept Fixed = Number<T> && requires { T::qmode; };
template <class T> concept Integer = Number<T> && !Fixed<T>;
template <class T> concept Native = std::integral<T>;
template <class T> concept Operand = Number<T> || Native<T>;

template <Number T> TAGWARE_INLINE auto view(const T &x) { return x.view(); }
template <Native T> TAGWARE_INLINE auto view(T x) {
    constexpr int W = std::is_same_v<T, bool> ? 1 : width_of<T>;
    return operand<W, W, std::is_signed_v<T>>{static_cast<raw<W, std::is_signed_v<T>>>(x)};
}
template <class T> using view_of = decltype(view(std::declval<T>()));

// A fixed-point number as an integer: toward zero, like a double in C. With no integer bits at all the vendor's types
// give -1 for every negative number.
template <int W, int I, bool Signed> TAGWARE_INLINE auto truncated(operand<W, I, Signed> x) {
    constexpr int width = std::max(I, 1);
    using R = operand<width, width, Signed>;
    if constexpr (I <= 0)
        return R{wrap<width, Signed>(Signed && x.code < 0 ? -1 : 0)};
    else if constexpr (I >= W)
        return R{wrapped_left<width, Signed>(x.code, I - W)};
    else
        return R{static_cast<raw<width, Signed>>(rounded_right<AP_TRN_ZERO, W>(x.code, W - I))};
}

constexpr double power_of_two(int n) {
    return n < 0 ? 0.5 * power_of_two(n + 1) : n > 0 ? 2.0 * power_of_two(n - 1) : 1.0;
}

// One bit of a number, readable and writable.
template <class Owner> struct bit_reference : number {
    Owner &owner;
    int index;
    TAGWARE_INLINE bit_reference(Owner &x, int i) : owner(x), index(i) {}
    TAGWARE_INLINE auto view() const { return operand<1, 1, false>{static_cast<bits<1>>(bool(*this))}; }
    TAGWARE_INLINE operator bool() const { return (owner.code >> index) & 1; }
    TAGWARE_INLINE bit_reference &operator=(bool value) {
        const auto one = static_cast<bits<Owner::width>>(bits<Owner::width>(1) << index);
        const auto code = static_cast<bits<Owner::width>>(owner.code);
        owner.code = wrap<Owner::width, Owner::is_signed>(value ? code | one : code & ~one);
        return *this;
    }
    TAGWARE_INLINE bit_reference &operator=(const bit_reference &other) { return *this = bool(other); }
};

// Bits high … low of a number, readable and writable as an unsigned integer.
template <class Owner> struct range_reference : number {
    Owner &owner;
    int high, low;
    TAGWARE_INLINE range_reference(Owner &x, int h, int l) : owner(x), high(h), low(l) {}
    TAGWARE_INLINE auto view() const {
        using U = bits<Owner::width>;
        return operand<Owner::width, Owner::width, false>{
            static_cast<U>(static_cast<U>(static_cast<U>(owner.code) >> low) & mask())};
    }
    TAGWARE_INLINE operator unsigned long long() const { return view().code; }
    TAGWARE_INLINE int to_int() const { return static_cast<int>(view().code); }
    TAGWARE_INLINE unsigned to_uint() const { return static_cast<unsigned>(view().code); }
    TAGWARE_INLINE unsigned long long to_uint64() const { return static_cast<unsigned long long>(view().code); }
    template <Operand T> TAGWARE_INLINE range_reference &operator=(const T &value) {
        using U = bits<Owner::width>;
        const U inserted = static_cast<U>((static_cast<U>(tagware::view(value).code) & mask()) << low);
        const U kept = static_cast<U>(static_cast<U>(owner.code) & ~static_cast<U>(mask() << low));
        owner.code = wrap<Owner::width, Owner::is_signed>(static_cast<U>(kept | inserted));
        return *this;
    }
    TAGWARE_INLINE range_reference &operator=(const range_reference &other) {
        return operator= <range_reference>(other);
    }

  private:
    TAGWARE_INLINE bits<Owner::width> mask() const {
        using U = bits<Owner::width>;
        return static_cast<U>(static_cast<U>(~U(0)) >> (width_of<U> - (high - low + 1)));
    }
};

// What fixed-point numbers and integers share.
template <class Self, int W, bool Signed> struct stored : number {
    static constexpr int width = W;
    static constexpr bool is_signed = Signed;
    raw<W, Signed> code;

    TAGWARE_INLINE bool operator!() const { return code == 0; }
    TAGWARE_INLINE int length() const { return W; }
    TAGWARE_INLINE Self &self() { return static_cast<Self &>(*this); }
    TAGWARE_INLINE const Self &self() const { return static_cast<const Self &>(*this); }

    TAGWARE_INLINE auto operator[](int i) { return bit_reference<Self>(self(), i); }
    TAGWARE_INLINE bool operator[](int i) const { return (code >> i) & 1; }
    TAGWARE_INLINE auto range(int high, int low) { return range_reference<Self>(self(), high, low); }
    TAGWARE_INLINE auto range(int high, int low) const { return range_reference<const Self>(self(), high, low); }
    TAGWARE_INLINE auto range() { return range(W - 1, 0); }
    TAGWARE_INLINE auto range() const { return range(W - 1, 0); }
    TAGWARE_INLINE auto operator()(int high, int low) { return range(high, low); }
    TAGWARE_INLINE auto operator()(int high, int low) const { return range(high, low); }

    template <class T> TAGWARE_INLINE Self &operator+=(const T &x) { return self() = Self(self() + Self::term(x)); }
    template <class T> TAGWARE_INLINE Self &operator-=(const T &x) { return self() = Self(self() - Self::term(x)); }
    template <class T> TAGWARE_INLINE Self &operator*=(const T &x) { return self() = Self(self() * Self::term(x)); }
    template <class T> TAGWARE_INLINE Self &operator/=(const T &x) { return self() = Self(self() / Self::term(x)); }
    template <class T> TAGWARE_INLINE Self &operator%=(const T &x) { return self() = Self(self() % Self::term(x)); }
    template <class T> TAGWARE_INLINE Self &operator&=(const T &x) { return self() = Self(self() & Self::term(x)); }
    template <class T> TAGWARE_INLINE Self &operator|=(const T &x) { return self() = Self(self() | Self::term(x)); }
    template <class T> TAGWARE_INLINE Self &operator^=(const T &x) { return self() = Self(self() ^ Self::term(x)); }
    template <class T> TAGWARE_INLINE Self &operator<<=(const T &x) { return self() = self() << x; }
    template <class T> TAGWARE_INLINE Self &operator>>=(const T &x) { return self() = self() >> x; }
    TAGWARE_INLINE Self &operator++() { return self() += 1; }
    TAGWARE_INLINE Self &operator--() { return self() -= 1; }
    TAGWARE_INLINE Self operator++(int) {
        const Self before = self();
        ++self();
        return before;
    }
    TAGWARE_INLINE Self operator--(int) {
        const Self before = self();
        --self();
        return before;
    }
};

template <int W, int I, bool Signed, ap_q_mode Q, ap_o_mode O, int N> struct fixed
    : stored<fixed<W, I, Signed, Q, O, N>, W, Signed> {
    static_assert(O != AP_WRAP_SM && N == 0, "tagware: an overflow mode that keeps saturation bits");
    static constexpr int iwidth = I;
    static constexpr ap_q_mode qmode = Q;
    static constexpr ap_o_mode omode = O;

    fixed() = default;
    template <Operand T> TAGWARE_INLINE fixed(const T &x) {
        using V = view_of<T>;
        this->code = quantized<W, W - I, Signed, Q, O, V::width, V::fraction, V::is_signed>(tagware::view(x).code);
    }
    template <std::floating_point T> constexpr fixed(T x) {
        this->code = quantized_double<W, W - I, Signed, Q, O>(static_cast<double>(x));
    }

    template <class T> TAGWARE_INLINE static const T &term(const T &x) { return x; }
    TAGWARE_INLINE auto view() const { return operand<W, I, Signed>{this->code}; }
    TAGWARE_INLINE double to_double() const { return static_cast<double>(this->code) * power_of_two(I - W); }
    TAGWARE_INLINE float to_float() const {
        return static_cast<float>(this->code) * static_cast<float>(power_of_two(I - W));
    }
    TAGWARE_INLINE int to_int() const { return static_cast<int>(truncated(view()).code); }
    TAGWARE_INLINE unsigned to_uint() const { return static_cast<unsigned>(truncated(view()).code); }
    TAGWARE_INLINE long long to_int64() const { return static_cast<long long>(truncated(view()).code); }
    TAGWARE_INLINE unsigned long long to_uint64() const {
        return static_cast<unsigned long long>(truncated(view()).code);
    }

    TAGWARE_INLINE operator bool() const { return this->code != 0; }
    TAGWARE_INLINE operator float() const { return to_float(); }
    TAGWARE_INLINE operator double() const { return to_double(); }
    template <Native T> TAGWARE_INLINE operator T() const { return static_cast<T>(truncated(view()).code); }
};

template <int W, bool Signed> struct integer : stored<integer<W, Signed>, W, Signed> {
    static constexpr int iwidth = W;

    integer() = default;
    template <Operand T> TAGWARE_INLINE integer(const T &x) {
        if constexpr (Fixed<T>)
            this->code = wrap<W, Signed>(truncated(x.view()).code);
        else
            this->code = wrap<W, Signed>(tagware::view(x).code);
    }
    // Toward zero; the vendor's types make 1 of a negative number above -1/2.
    template <std::floating_point T> constexpr integer(T x) {
        this->code = x < 0 && x > T(-0.5)
                         ? raw<W, Signed>(wrap<W, Signed>(1))
                         : quantized_double<W, 0, Signed, AP_TRN_ZERO, AP_WRAP>(static_cast<double>(x));
    }
    explicit integer(const char *text) : integer(std::stoll(text, nullptr, 0)) {}

    // What x += y adds to an integer: a fixed-point y is truncated first.
    template <class T> TAGWARE_INLINE static const T &term(const T &x) { return x; }
    template <Fixed T> TAGWARE_INLINE static auto term(const T &x) {
        using V = decltype(truncated(x.view()));
        return integer<V::width, V::is_signed>(x);
    }

    using native = std::conditional_t<Signed, long long, unsigned long long>;
    TAGWARE_INLINE auto view() const { return operand<W, W, Signed>{this->code}; }
    TAGWARE_INLINE operator native() const { return static_cast<native>(this->code); }
    TAGWARE_INLINE bool to_bool() const { return this->code != 0; }
    TAGWARE_INLINE double to_double() const { return static_cast<double>(this->code); }
    TAGWARE_INLINE float to_float() const { return static_cast<float>(this->code); }
    TAGWARE_INLINE int to_int() const { return static_cast<int>(this->code); }
    TAGWARE_INLINE unsigned to_uint() const { return static_cast<unsigned>(this->code); }
    TAGWARE_INLINE long long to_int64() const { return static_cast<long long>(this->code); }
    TAGWARE_INLINE unsigned long long to_uint64() const { return static_cast<unsigned long long>(this->code); }
};

} // namespace tagware

#endif

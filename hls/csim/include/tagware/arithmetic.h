// Operators between numbers of any widths. A result has as many bits as it needs to be exact, by the rules of ap_fixed
// and ap_int (AMD UG1399, "Arbitrary precision fixed-point", "Class methods and operators").
#ifndef TAGWARE_ARITHMETIC_H
#define TAGWARE_ARITHMETIC_H

#include "number.h"

namespace tagware {

template <class A, class B> concept Operands = Operand<A> && Operand<B> && (Number<A> || Number<B>);

template <class A, class B> inline constexpr bool gives_fixed = Fixed<A> || Fixed<B>;

// A result of W bits, I of them before the point: an integer when both operands are.
template <bool IsFixed, int W, int I, bool Signed, class T> TAGWARE_INLINE auto result(T code) {
    std::conditional_t<IsFixed, fixed<W, I, Signed, AP_TRN, AP_WRAP, 0>, integer<W, Signed>> r;
    r.code = wrap<W, Signed>(code);
    return r;
}

// Both operands aligned to a common point: the integer bits they need, the fraction bits and the sign.
template <class A, class B> struct aligned {
    using a = view_of<A>;
    using b = view_of<B>;
    static constexpr bool either_signed = a::is_signed || b::is_signed;
    static constexpr int iwidth =
        std::max(a::iwidth + (either_signed && !a::is_signed), b::iwidth + (either_signed && !b::is_signed));
    static constexpr int fraction = std::max(a::fraction, b::fraction);
    static constexpr int width = iwidth + fraction;

    template <int W, bool Signed, class V> TAGWARE_INLINE static raw<W, Signed> code(V x) {
        return static_cast<raw<W, Signed>>(static_cast<raw<W, Signed>>(x.code) << (fraction - V::fraction));
    }
};

template <class A, class B>
    requires Operands<A, B>
TAGWARE_INLINE auto operator*(const A &a, const B &b) {
    using V = view_of<A>;
    using U = view_of<B>;
    constexpr bool is_signed = V::is_signed || U::is_signed;
    using R = raw<V::width + U::width, is_signed>;
    std::conditional_t<gives_fixed<A, B>,
                       fixed<V::width + U::width, V::iwidth + U::iwidth, is_signed, AP_TRN, AP_WRAP, 0>,
                       integer<V::width + U::width, is_signed>>
        r;
    r.code = static_cast<R>(static_cast<R>(view(a).code) * static_cast<R>(view(b).code));
    return r;
}

template <class A, class B>
    requires Operands<A, B>
TAGWARE_INLINE auto operator+(const A &a, const B &b) {
    using L = aligned<A, B>;
    constexpr int W = L::width + 1;
    using R = raw<W, L::either_signed>;
    std::conditional_t<gives_fixed<A, B>, fixed<W, L::iwidth + 1, L::either_signed, AP_TRN, AP_WRAP, 0>,
                       integer<W, L::either_signed>>
        r;
    r.code =
        static_cast<R>(L::template code<W, L::either_signed>(view(a)) + L::template code<W, L::either_signed>(view(b)));
    return r;
}

template <class A, class B>
    requires Operands<A, B>
TAGWARE_INLINE auto operator-(const A &a, const B &b) {
    using L = aligned<A, B>;
    constexpr int W = L::width + 1;
    using R = raw<W, true>;
    std::conditional_t<gives_fixed<A, B>, fixed<W, L::iwidth + 1, true, AP_TRN, AP_WRAP, 0>, integer<W, true>> r;
    r.code = static_cast<R>(L::template code<W, true>(view(a)) - L::template code<W, true>(view(b)));
    return r;
}

// The quotient, toward zero, with the fraction bits of the dividend.
template <class A, class B>
    requires Operands<A, B> && gives_fixed<A, B>
TAGWARE_INLINE auto operator/(const A &a, const B &b) {
    using V = view_of<A>;
    using U = view_of<B>;
    constexpr bool is_signed = V::is_signed || U::is_signed;
    constexpr int shift = std::max(U::fraction, 0);
    constexpr int W = U::is_signed + V::width + shift;
    constexpr int dividend_width = V::width + shift + (U::is_signed && !V::is_signed);
    constexpr int work = std::max(dividend_width, U::width + (V::is_signed && !U::is_signed));
    using R = raw<work, is_signed>;
    const R dividend = static_cast<R>(static_cast<R>(view(a).code) << shift);
    // The most negative number by -1 is one bit too wide, and wraps.
    const R quotient = wrap<work, is_signed>(dividend / static_cast<R>(view(b).code));
    return result<true, W, U::is_signed + V::iwidth + U::fraction, is_signed>(quotient);
}

// Integers are divided with the sign of the wider one, as in C: a negative number by a wider unsigned one counts as
// huge.
template <class V, class U> struct integer_division {
    static constexpr bool either_signed = V::is_signed || U::is_signed;
    static constexpr bool is_signed = V::width > U::width   ? V::is_signed
                                      : U::width > V::width ? U::is_signed
                                                            : either_signed;
    static constexpr int width = std::max(V::width, U::width) + either_signed;
    using type = raw<width, is_signed>;
    template <class X> TAGWARE_INLINE static type code(X x) { return wrap<width, is_signed>(x.code); }
};
template <class A, class B>
    requires Operands<A, B> && (!gives_fixed<A, B>)
TAGWARE_INLINE auto operator/(const A &a, const B &b) {
    using V = view_of<A>;
    using U = view_of<B>;
    using D = integer_division<V, U>;
    constexpr int W = V::width + U::is_signed;
    return result<false, W, W, D::either_signed>(static_cast<typename D::type>(D::code(view(a)) / D::code(view(b))));
}
template <class A, class B>
    requires Operands<A, B> && (!gives_fixed<A, B>)
TAGWARE_INLINE auto operator%(const A &a, const B &b) {
    using V = view_of<A>;
    using U = view_of<B>;
    using D = integer_division<V, U>;
    constexpr int W = std::min(V::width, U::width + (!U::is_signed && V::is_signed));
    static_assert(D::width <= 64, "tagware: a remainder wider than 64 bits");
    using R = std::conditional_t<V::is_signed, typename D::type, std::uint64_t>;
    return result<false, W, W, V::is_signed>(
        static_cast<R>(static_cast<R>(D::code(view(a))) % static_cast<R>(D::code(view(b)))));
}

template <class A, class B, class Op> TAGWARE_INLINE auto bitwise(const A &a, const B &b, Op op) {
    using L = aligned<A, B>;
    return result<gives_fixed<A, B>, L::width, L::iwidth, L::either_signed>(op(
        L::template code<L::width, L::either_signed>(view(a)), L::template code<L::width, L::either_signed>(view(b))));
}
template <class A, class B>
    requires Operands<A, B>
TAGWARE_INLINE auto operator&(const A &a, const B &b) {
    return bitwise(a, b, [](auto x, auto y) { return x & y; });
}
template <class A, class B>
    requires Operands<A, B>
TAGWARE_INLINE auto operator|(const A &a, const B &b) {
    return bitwise(a, b, [](auto x, auto y) { return x | y; });
}
template <class A, class B>
    requires Operands<A, B>
TAGWARE_INLINE auto operator^(const A &a, const B &b) {
    return bitwise(a, b, [](auto x, auto y) { return x ^ y; });
}

template <Number A> TAGWARE_INLINE auto operator~(const A &a) {
    using V = view_of<A>;
    return result<Fixed<A>, V::width, V::iwidth, V::is_signed>(~view(a).code);
}

template <Number A> TAGWARE_INLINE auto operator+(const A &a) { return a; }

// One bit more than the operand (the vendor's ap_int: the rule of 0 - a).
template <Fixed A> TAGWARE_INLINE auto operator-(const A &a) {
    using V = view_of<A>;
    using R = raw<V::width + 1, true>;
    return result<true, V::width + 1, V::iwidth + 1, true>(static_cast<R>(-static_cast<R>(view(a).code)));
}
template <Integer A> TAGWARE_INLINE auto operator-(const A &a) { return integer<1, false>(0) - a; }

// A shift keeps the type of its left operand: bits are lost at both ends, without rounding or saturation.
template <Number A> TAGWARE_INLINE A shifted_left(const A &a, long long n) {
    A r;
    r.code = n >= 0 ? wrapped_left<A::width, A::is_signed>(a.code, int(std::min<long long>(n, widest)))
                    : floor_right(a.code, int(std::min<long long>(-n, widest + 8)));
    return r;
}
template <class N> TAGWARE_INLINE long long shift_amount(const N &n) {
    if constexpr (Fixed<N>)
        return static_cast<long long>(truncated(n.view()).code);
    else
        return static_cast<long long>(view(n).code);
}
template <Number A, Operand N> TAGWARE_INLINE A operator<<(const A &a, const N &n) {
    return shifted_left(a, shift_amount(n));
}
template <Number A, Operand N> TAGWARE_INLINE A operator>>(const A &a, const N &n) {
    return shifted_left(a, -shift_amount(n));
}

// Comparisons follow C: where one side is unsigned and at least as wide as int, a negative other side counts as huge.
template <int W, bool Signed, int W2, bool Signed2> inline constexpr bool compares_exactly =
    Signed == Signed2 || (W < 32 && W2 < 32) || (Signed ? W2 < W : W < W2);

template <int W, bool Signed, int W2, bool Signed2, class T, class U> TAGWARE_INLINE bool less(T a, U b) {
    constexpr int width = std::max(W, W2) + (Signed || Signed2);
    if constexpr (compares_exactly<W, Signed, W2, Signed2>) {
        using C = raw<width + 1, true>;
        using Same = raw<width, Signed>;
        if constexpr (Signed == Signed2)
            return static_cast<Same>(a) < static_cast<Same>(b);
        else
            return static_cast<C>(a) < static_cast<C>(b);
    } else {
        using C = bits<width>;
        return wrap<width, false>(static_cast<C>(a)) < wrap<width, false>(static_cast<C>(b));
    }
}

template <int W, bool Signed, int W2, bool Signed2, class T, class U> TAGWARE_INLINE bool equal(T a, U b) {
    if constexpr (Signed == Signed2) {
        using C = raw<std::max(W, W2), Signed>;
        return static_cast<C>(a) == static_cast<C>(b);
    } else {
        constexpr int width = W == W2 && W <= 64 ? 64 : std::max({W, W2, 32});
        return wrap<width, false>(a) == wrap<width, false>(b);
    }
}

// Calls compare<W, Signed, W2, Signed2>(a, b) with both sides aligned to the finer of their points.
template <class A, class B, class F> TAGWARE_INLINE bool compared(const A &a, const B &b, F compare) {
    using V = view_of<A>;
    using U = view_of<B>;
    constexpr int to_left = std::max(U::fraction - V::fraction, 0), to_right = std::max(V::fraction - U::fraction, 0);
    constexpr int W = to_left ? std::max(V::width + to_left + 1, 1) : V::width;
    constexpr int W2 = to_right ? std::max(U::width + to_right, 1) : U::width;
    using R = raw<W, V::is_signed>;
    using R2 = raw<W2, U::is_signed>;
    return compare.template operator()<W, V::is_signed, W2, U::is_signed>(
        static_cast<R>(static_cast<R>(view(a).code) << to_left),
        static_cast<R2>(static_cast<R2>(view(b).code) << to_right));
}

struct is_less {
    template <int W, bool S, int W2, bool S2, class T, class U> TAGWARE_INLINE bool operator()(T a, U b) const {
        return less<W, S, W2, S2>(a, b);
    }
};
struct is_greater {
    template <int W, bool S, int W2, bool S2, class T, class U> TAGWARE_INLINE bool operator()(T a, U b) const {
        return less<W2, S2, W, S>(b, a);
    }
};
struct is_equal {
    template <int W, bool S, int W2, bool S2, class T, class U> TAGWARE_INLINE bool operator()(T a, U b) const {
        return equal<W, S, W2, S2>(a, b);
    }
};

template <class A, class B>
    requires Operands<A, B>
TAGWARE_INLINE bool operator<(const A &a, const B &b) {
    return compared(a, b, is_less{});
}
template <class A, class B>
    requires Operands<A, B>
TAGWARE_INLINE bool operator>(const A &a, const B &b) {
    return compared(a, b, is_greater{});
}
template <class A, class B>
    requires Operands<A, B>
TAGWARE_INLINE bool operator<=(const A &a, const B &b) {
    return !(a > b);
}
template <class A, class B>
    requires Operands<A, B>
TAGWARE_INLINE bool operator>=(const A &a, const B &b) {
    return !(a < b);
}
template <class A, class B>
    requires Operands<A, B>
TAGWARE_INLINE bool operator==(const A &a, const B &b) {
    return compared(a, b, is_equal{});
}
template <class A, class B>
    requires Operands<A, B>
TAGWARE_INLINE bool operator!=(const A &a, const B &b) {
    return !(a == b);
}

// A fixed-point number meets a floating-point one in comparisons only.
template <Fixed A, std::floating_point B> TAGWARE_INLINE bool operator<(const A &a, B b) { return a.to_double() < b; }
template <Fixed A, std::floating_point B> TAGWARE_INLINE bool operator>(const A &a, B b) { return a.to_double() > b; }
template <Fixed A, std::floating_point B> TAGWARE_INLINE bool operator<=(const A &a, B b) { return a.to_double() <= b; }
template <Fixed A, std::floating_point B> TAGWARE_INLINE bool operator>=(const A &a, B b) { return a.to_double() >= b; }
template <Fixed A, std::floating_point B> TAGWARE_INLINE bool operator==(const A &a, B b) { return a.to_double() == b; }
template <Fixed A, std::floating_point B> TAGWARE_INLINE bool operator!=(const A &a, B b) { return a.to_double() != b; }
template <std::floating_point A, Fixed B> TAGWARE_INLINE bool operator<(A a, const B &b) { return a < b.to_double(); }
template <std::floating_point A, Fixed B> TAGWARE_INLINE bool operator>(A a, const B &b) { return a > b.to_double(); }
template <std::floating_point A, Fixed B> TAGWARE_INLINE bool operator<=(A a, const B &b) { return a <= b.to_double(); }
template <std::floating_point A, Fixed B> TAGWARE_INLINE bool operator>=(A a, const B &b) { return a >= b.to_double(); }
template <std::floating_point A, Fixed B> TAGWARE_INLINE bool operator==(A a, const B &b) { return a == b.to_double(); }
template <std::floating_point A, Fixed B> TAGWARE_INLINE bool operator!=(A a, const B &b) { return a != b.to_double(); }

template <Fixed T> std::istream &operator>>(std::istream &in, T &x) {
    double value;
    in >> value;
    x = T(value);
    return in;
}
template <Integer T> std::istream &operator>>(std::istream &in, T &x) {
    std::string text;
    in >> text;
    x = T(text.c_str());
    return in;
}
template <Number T> std::ostream &operator<<(std::ostream &out, const T &x) { return out << x.to_double(); }

} // namespace tagware

#endif

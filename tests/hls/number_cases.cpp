// Prints the result of every operation on numbers of drawn types, to be compiled with the vendor's ap_types and with
// tagware's, and compared line by line. "cases.inc" holds lines FIXED(index, A, B, C, seed) and INTEGER(index, A, B, C,
// seed).
#include "ap_fixed.h"
#include "ap_int.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

namespace {

int current_case;
std::uint64_t left_code, right_code;

std::uint64_t next_random(std::uint64_t &state) {
    std::uint64_t z = state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

void line(const char *operation, const char *format, std::uint64_t high, std::uint64_t low) {
    std::printf("%d %s %llx %llx ", current_case, operation, (unsigned long long)left_code,
                (unsigned long long)right_code);
    std::printf(format, (unsigned long long)high, (unsigned long long)low);
    std::printf("\n");
}

template <class T> typename std::enable_if<std::is_arithmetic<T>::value>::type show(const char *operation, T x) {
    const double value = double(x);
    std::uint64_t ieee;
    std::memcpy(&ieee, &value, sizeof ieee);
    line(operation, "%llx %llx", ieee, std::is_integral<T>::value ? std::uint64_t(x) : 0);
}

// The width is shown too: the type of a result is part of the arithmetic.
template <class T> typename std::enable_if<!std::is_arithmetic<T>::value>::type show(const char *operation, T x) {
    const int w = T::width;
    const std::uint64_t low = x.range(w > 64 ? 63 : w - 1, 0).to_uint64();
    const std::uint64_t high = w > 64 ? x.range(w - 1, w > 64 ? 64 : 0).to_uint64() : 0;
    char format[32];
    std::snprintf(format, sizeof format, "%d %%llx %%llx", w);
    line(operation, format, high, low);
}

template <class T> T with_code(std::uint64_t code) {
    T x = 0;
    x.range(T::width - 1, 0) = code;
    return x;
}

template <class T> std::vector<std::uint64_t> codes(std::uint64_t &state, int n) {
    const std::uint64_t ones = ~0ull >> (64 - T::width);
    std::vector<std::uint64_t> all = {0, 1, ones, ones >> 1, (ones >> 1) + 1, ones >> (T::width / 2)};
    for (int i = 0; i < n; i++)
        all.push_back((next_random(state) >> (i % 2 ? next_random(state) % T::width : 0)) & ones);
    return all;
}

template <class A, class B> void compare(const A &a, const B &b) {
    show("a<b", a < b);
    show("a>b", a > b);
    show("a<=b", a <= b);
    show("a>=b", a >= b);
    show("a==b", a == b);
    show("a!=b", a != b);
}

template <class A, class B, class C> void arithmetic(const A &a, const B &b) {
    show("a*b", a * b);
    show("a+b", a + b);
    show("a-b", a - b);
    show("a&b", a & b);
    show("a|b", a | b);
    show("a^b", a ^ b);
    show("C(a)", C(a));
    show("C(a*b)", C(a * b));
    show("C(a+b)", C(a + b));
    C c = b;
    c += a;
    show("c+=a", c);
    c -= b;
    show("c-=b", c);
    c *= a;
    show("c*=a", c);
    show("C(-a)", C(-a));
    if (b != 0)
        show("a/b", a / b);
    compare(a, b);
}

template <class A> void with_native(const A &a) {
    show("a*1024u", a * 1024u);
    show("a*1024u/16", a * 1024u / 16);
    show("int(a*1024u/16)", int(a * 1024u / 16));
    show("1-a", 1 - a);
    show("a+true", a + true);
    show("a/7", a / 7);
    show("a>0", a > 0);
    show("a<-1", a < -1);
    show("a==1u", a == 1u);
    show("a>3u", a > 3u);
    show("~a", ~a);
    show("double", a.to_double());
    show("float", a.to_float());
    show("!a", !a);
    for (int n : {0, 1, 3, A::width - 1, A::width, 70}) {
        show("a<<n", A(a << n));
        show("a>>n", A(a >> n));
        show("a<<-n", A(a << -n));
    }
}

template <class A> void to_native(const A &a) {
    show("int", int(a));
    show("unsigned", unsigned(a));
    show("int64", a.to_int64());
}

template <class A> void with_bits(A a) {
    const int top = A::width - 1, middle = top / 2;
    show("a[top]", bool(a[top]));
    show("range", ap_uint<A::width>(a.range(top, middle)));
    a.range(top, middle) = 1;
    show("range=1", a);
    a[0] = !bool(a[0]);
    show("a[0]=", a);
}

template <class C> void from_double(double x) {
    show("C(double)", C(x));
    show("C(float)", C(float(x)));
    show("C(-double)", C(-x));
}

template <class C> void from_doubles(std::uint64_t &state) {
    for (int i = 0; i < 24; i++) {
        const double mantissa = double(next_random(state) >> (i % 3 ? 11 : 54));
        from_double<C>(std::ldexp(mantissa, int(next_random(state) % 80) - 80 - (i % 3 ? 0 : -60)));
    }
    for (double x : {0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 1e-30, 1e-310, 1e30, 1e300,
                     std::numeric_limits<double>::infinity()})
        from_double<C>(x);
}

template <class A, class B, class C> void fixed_case(int index, std::uint64_t seed) {
    current_case = index;
    std::uint64_t state = seed;
    for (std::uint64_t i : codes<A>(state, 6)) {
        left_code = i;
        const A a = with_code<A>(i);
        with_native(a);
        with_bits(a);
        if (A::iwidth >= 0) // with a negative one the vendor's conversion reads an uninitialised variable
            to_native(a);
        show("a<0.3", a < 0.3);
        for (std::uint64_t j : codes<B>(state, 3)) {
            right_code = j;
            arithmetic<A, B, C>(a, with_code<B>(j));
        }
    }
    left_code = right_code = 0;
    from_doubles<C>(state);
}

template <class A, class B, class C> void integer_case(int index, std::uint64_t seed) {
    current_case = index;
    std::uint64_t state = seed;
    for (std::uint64_t i : codes<A>(state, 6)) {
        left_code = i;
        const A a = with_code<A>(i);
        with_native(a);
        with_bits(a);
        to_native(a);
        A incremented = a;
        incremented++;
        show("a++", incremented);
        for (std::uint64_t j : codes<B>(state, 3)) {
            right_code = j;
            const B b = with_code<B>(j);
            arithmetic<A, B, C>(a, b);
            if (b != 0)
                show("a%b", a % b);
        }
    }
    left_code = right_code = 0;
    from_doubles<A>(state);
}

} // namespace

// A type with commas in it as one argument of a macro.
#define TYPE(...) __VA_ARGS__
#define FIXED(index, A, B, C, seed) fixed_case<A, B, C>(index, seed);
#define INTEGER(index, A, B, C, seed) integer_case<A, B, C>(index, seed);

int main() {
#include "cases.inc"
    return 0;
}

// Surrogate derivatives d(spike)/dx of snn/neurons/surrogate.py, a vector at a time.
#pragma once

#include "simd.hpp"

namespace snn {

// The order of COMPILED in snn/kernels/surrogates.py; the Python side passes the position.
enum Surrogate : int64_t {
  kFastSigmoid,
  kBoxcar,
  kAtan,
  kTriangular,
  kExponential,
  kSigmoid,
  kGaussian,
  kSurrogates,  // their number
};

template <typename T>
SNN_INLINE Vec<T> absolute(Vec<T> x) {
  return x < 0 ? -x : x;
}

template <typename T>
struct ExpConstants;

template <>
struct ExpConstants<float> {
  static constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  static constexpr float lowest = -87.0f;
  static constexpr int mantissa = 23, bias = 127, degree = 7;
};

template <>
struct ExpConstants<double> {
  static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double ln2_high = 6.93147180369123816490e-1;
  static constexpr double ln2_low = 1.90821492927058770002e-10;
  static constexpr double lowest = -708.0;
  static constexpr int mantissa = 52, bias = 1023, degree = 13;
};

// exp(x) for x <= 0 to within 2 ulp; 0 where the result would not be a normal number.
// x = k ln 2 + r with |r| <= ln(2)/2, exp(r) by its Taylor series, 2^k through the exponent bits.
template <typename T>
SNN_INLINE Vec<T> exp_negative(Vec<T> x) {
  using C = ExpConstants<T>;
  using Bits = typename Simd<T>::Bits;  // unsigned: of an x that is far too small they overflow
  const Vec<T> magic = x * T(1.4426950408889634074) + C::round;
  const Vec<T> k = magic - C::round;
  const Vec<T> r = (x - k * C::ln2_high) - k * C::ln2_low;
  Vec<T> p = broadcast<T>(T(1));
  for (int n = C::degree; n > 0; --n) p = p * (r * T(1.0 / n)) + T(1);
  Bits power;
  std::memcpy(&power, &magic, sizeof power);
  power = (power << C::mantissa) + (static_cast<decltype(power[0] + 0)>(C::bias) << C::mantissa);
  Vec<T> two_k;
  std::memcpy(&two_k, &power, sizeof two_k);
  const Vec<T> y = x < C::lowest ? Vec<T>{} : p * two_k;
  return x == x ? y : x;  // NaN stays NaN
}

template <typename T, Surrogate S>
SNN_INLINE Vec<T> derivative(Vec<T> x, T s) {
  const Vec<T> a = absolute<T>(x);
  if constexpr (S == kFastSigmoid) {
    const Vec<T> d = s * a + T(1);
    return T(1) / (d * d);
  } else if constexpr (S == kBoxcar) {
    return a <= T(0.5) / s ? broadcast<T>(T(1)) : Vec<T>{};
  } else if constexpr (S == kAtan) {
    const Vec<T> d = T(0.5) * T(3.14159265358979323846) * s * x;
    return T(1) / (d * d + T(1));
  } else if constexpr (S == kTriangular) {
    const Vec<T> d = T(1) - s * a;
    return d < 0 ? Vec<T>{} : d;
  } else if constexpr (S == kExponential) {
    return exp_negative<T>(-s * a);
  } else if constexpr (S == kSigmoid) {
    const Vec<T> e = exp_negative<T>(-s * a);
    return T(4) * e / ((T(1) + e) * (T(1) + e));
  } else {
    const Vec<T> d = s * x;
    return exp_negative<T>(-(d * d));
  }
}

template <typename T, Surrogate S>
void derivatives(const T* potential, T* out, int64_t n, T threshold, T scale) {
  for (int64_t j = 0; j < n; j += kLanes<T>)
    store<T>(out + j, derivative<T, S>(load<T>(potential + j) - threshold, scale));
}

// out[j] = d(spike)/dU at potential[j], for n values; n is a multiple of the vector width.
template <typename T>
void surrogate_derivatives(int64_t surrogate, const T* potential, T* out, int64_t n, T threshold,
                           T scale) {
  using Function = void (*)(const T*, T*, int64_t, T, T);
  static constexpr Function table[] = {
      derivatives<T, kFastSigmoid>, derivatives<T, kBoxcar>,      derivatives<T, kAtan>,
      derivatives<T, kTriangular>,  derivatives<T, kExponential>, derivatives<T, kSigmoid>,
      derivatives<T, kGaussian>,
  };
  static_assert(sizeof table / sizeof *table == kSurrogates);
  table[surrogate](potential, out, n, threshold, scale);
}

}  // namespace snn

// Delays on the way into a layer: what arrives of a sequence of counts, y[t] = sum over tau of
// taps[tau] * x[t - tau], unit by unit, and its gradients. Some units at a time: what all taps of a
// sample are applied to stays in the first-level cache.
#pragma once

#include <algorithm>
#include <cstdint>

#include "simd.hpp"

namespace snn {

constexpr int64_t kTogether = 32;

// f(first unit, number of units), the number known to the compiler but for the last ones.
template <typename Body>
void for_units(int64_t units, int64_t threads, Body body) {
  const int64_t chunks = (units + kTogether - 1) / kTogether;
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) num_threads(static_cast<int>(threads))
#endif
  for (int64_t c = 0; c < chunks; ++c) {
    const int64_t first = c * kTogether;
    body(first, std::min(kTogether, units - first));
  }
}

// target[i] += a[i] * b[i]
template <typename T>
inline void add_products(T* target, const T* a, const T* b, int64_t count) {
  if (count == kTogether)
    for (int64_t i = 0; i < kTogether; ++i) target[i] += a[i] * b[i];
  else
    for (int64_t i = 0; i < count; ++i) target[i] += a[i] * b[i];
}

// Shapes: x and y [batch, step, unit], taps [tap, unit].
template <typename T>
void arrive(const T* x, const T* taps, T* y, int64_t batch, int64_t steps, int64_t units,
            int64_t nb_taps, int64_t threads) {
  for_units(units, threads, [&](int64_t first, int64_t count) {
    for (int64_t row = 0; row < batch * steps; ++row) {
      T sum[kTogether] = {};
      const int64_t most = std::min(row % steps + 1, nb_taps);
      for (int64_t tau = 0; tau < most; ++tau)
        add_products(sum, taps + tau * units + first, x + (row - tau) * units + first, count);
      std::copy_n(sum, count, y + row * units + first);
    }
  });
}

// grad_x may be null; grad_taps starts as zeros, or is null.
template <typename T>
void arrive_backward(const T* x, const T* taps, const T* grad, T* grad_x, T* grad_taps,
                     int64_t batch, int64_t steps, int64_t units, int64_t nb_taps,
                     int64_t threads) {
  for_units(units, threads, [&](int64_t first, int64_t count) {
    for (int64_t row = 0; row < batch * steps; ++row) {
      const int64_t t = row % steps;
      if (grad_taps)
        for (int64_t tau = 0; tau < std::min(t + 1, nb_taps); ++tau)
          add_products(grad_taps + tau * units + first, grad + row * units + first,
                       x + (row - tau) * units + first, count);
      if (!grad_x) continue;
      T sum[kTogether] = {};
      for (int64_t tau = 0; tau < std::min(steps - t, nb_taps); ++tau)
        add_products(sum, taps + tau * units + first, grad + (row + tau) * units + first, count);
      std::copy_n(sum, count, grad_x + row * units + first);
    }
  });
}

}  // namespace snn

#define SNN_ARRIVAL(T, NAME)                                                                     \
  SNN_EXPORT void snn_arrive_##NAME(const T* x, const T* taps, T* y, int64_t batch,              \
                                    int64_t steps, int64_t units, int64_t nb_taps,               \
                                    int64_t threads) {                                           \
    snn::arrive(x, taps, y, batch, steps, units, nb_taps, threads);                              \
  }                                                                                              \
  SNN_EXPORT void snn_arrive_backward_##NAME(const T* x, const T* taps, const T* grad,           \
                                             T* grad_x, T* grad_taps, int64_t batch,             \
                                             int64_t steps, int64_t units, int64_t nb_taps,      \
                                             int64_t threads) {                                  \
    snn::arrive_backward(x, taps, grad, grad_x, grad_taps, batch, steps, units, nb_taps,         \
                         threads);                                                               \
  }
SNN_ARRIVAL(float, f32)
SNN_ARRIVAL(double, f64)

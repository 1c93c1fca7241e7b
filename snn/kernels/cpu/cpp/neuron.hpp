// What the kernels and a neuron know of each other. The functions of a neuron are written out from its
// declaration (snn/kernels/written); all are called for one sample and one step, on rows of one number
// per neuron, padded to whole vectors.
#pragma once

#include <algorithm>
#include <cmath>

#include "surrogate.hpp"

namespace snn {

// To be raised when one of the structs below, or what a function of a neuron does, changes.
constexpr int64_t kNeuronVersion = 1;

template <typename T>
struct ForwardRows {
  int64_t own;             // numbers of a row
  int64_t units;           // of which neurons
  T threshold;
  const T* rows;           // [R, own]: what depends on the neuron's parameters alone
  T* states;               // [K, own], before the step and after it
  const T* arriving;       // [own]: the drive is the sum of these two
  const T* drive;          // [own]
  T* const* kept;          // where the backward pass will find what it needs: [own] each
  T* counts;               // [own], to which the spikes are added
  uint64_t* spikes;        // bit set
};

template <typename T>
struct AdjointRows {
  int64_t own;
  T threshold;
  const T* rows;           // [R, own]
  const double* initial;   // [K]: states before the first step
  const T* const* kept;    // of this step, [own] each
  int64_t back;            // from there to the step before
  int64_t step;            // of the sequence, from 0
  const T *incoming, *counts;  // [own]: the gradient of the spike is the sum of these two
  const T* slope;          // [own]: the surrogate derivative
  T* states;               // [K, own]: gradients of the states after the step, then before it
  T* drive;                // in planes: the gradient of the drive, or null if there is no such step
  int64_t plane;           // from one plane to the next
  T* grad_rows;            // [R, own], to which those of this step are added
};

template <typename T>
struct Neuron {
  int64_t version, states, rows;
  int64_t kept[3];         // how many values are kept for: nothing, weights, rows too
  int64_t latency;         // steps from the drive to the spike that it can cause
  int64_t ahead;           // the adjoint of step t gives the gradient of the drive at t - ahead
  void (*compare)(const ForwardRows<T>&);      // the spikes alone; null if latency is 0
  void (*forward[3])(const ForwardRows<T>&);   // keep what is needed for: nothing, weights, rows too
  void (*adjoint[3])(const AdjointRows<T>&);   // likewise; the first is null
};

// What a word of a bit set of spikes may hold: there is no unit in the padding.
SNN_INLINE uint64_t units_of_word(int64_t all, int64_t w) {
  const int64_t units = all - 64 * w;
  return units < 64 ? (uint64_t(1) << units) - 1 : ~uint64_t(0);
}

// Functions that a step may call. exp(x) underflows to 0 and overflows to infinity.
template <typename T>
SNN_INLINE Vec<T> exponential(Vec<T> x) {
  const Vec<T> small = exp_negative<T>(x < 0 ? x : -x);
  return x < 0 ? small : T(1) / small;
}

template <typename T>
SNN_INLINE Vec<T> sigmoid(Vec<T> x) {
  return T(1) / (T(1) + exponential<T>(-x));
}

template <typename T, typename Function>
SNN_INLINE Vec<T> each(Vec<T> x, Function function) {
  for (int64_t c = 0; c < kLanes<T>; ++c) x[c] = function(x[c]);
  return x;
}

template <typename T>
SNN_INLINE Vec<T> tanh(Vec<T> x) {
  return each<T>(x, [](T v) { return std::tanh(v); });
}

template <typename T>
SNN_INLINE Vec<T> cos(Vec<T> x) {
  return each<T>(x, [](T v) { return std::cos(v); });
}

template <typename T>
SNN_INLINE Vec<T> sin(Vec<T> x) {
  return each<T>(x, [](T v) { return std::sin(v); });
}

template <typename T>
SNN_INLINE Vec<T> log(Vec<T> x) {
  return each<T>(x, [](T v) { return std::log(v); });
}

template <typename T>
SNN_INLINE Vec<T> sqrt(Vec<T> x) {
  return each<T>(x, [](T v) { return std::sqrt(v); });
}

// As in PyTorch, NaN wins.
template <typename T>
SNN_INLINE Vec<T> maximum(Vec<T> x, Vec<T> y) {
  return (x > y) | (x != x) ? x : y;
}

template <typename T>
SNN_INLINE Vec<T> minimum(Vec<T> x, Vec<T> y) {
  return (x < y) | (x != x) ? x : y;
}

}  // namespace snn

// Encoder of analog signals: forward pass of one sample and adjoint of one step
// (snn/neurons/current_encoder.py).
#pragma once

#include "forward.hpp"

namespace snn {

// x(t) of the unit's channel, for each unit: unit k listens to channel k mod channels.
template <typename T>
SNN_INLINE void tile_channels(const Input& in, const StagePlan<T>& s, int64_t b, int64_t t,
                              int64_t steps, T* out) {
  const T* x = static_cast<const T*>(in.dense) + (b * steps + t) * in.units;
  for (int64_t k = 0; k < s.units; k += in.units)
    std::memcpy(out + k, x, sizeof(T) * std::min(in.units, s.units - k));
}

//   E(t+1) = (beta E + (1 - beta) gain (x + bias)) (1 - Z(t-1))
template <typename T>
void encoder_forward(const Plan<T>& plan, const StagePlan<T>& s, int64_t b, SampleTrace<T> trace,
                     T* down, ForwardScratch<T>& scratch) {
  constexpr int64_t L = kLanes<T>;
  const T *const betas = s.rows, *const gains = s.rows + s.own, *const biases = s.rows + 2 * s.own;
  T* x = scratch.arriving.zeros(s.own);
  T* now = scratch.rows.need(std::max<int64_t>(s.width, 1));
  T* last = scratch.spare.need(s.own);
  T* counts = scratch.counts.zeros(s.own);
  int32_t* index = scratch.index.need(s.units + kSpareIndices);
  T* value = scratch.value.need(s.units);
  if (plan.steps > 0) std::memset(trace.kept, 0, sizeof(T) * s.own);
  const Vec<T> threshold = broadcast<T>(s.threshold), one = broadcast<T>(T(1));

  for (int64_t t = 0; t < plan.steps; ++t) {
    const T* e = trace.kept + t * trace.stride;
    const T* before = e - trace.stride;
    T* next = t + 1 < plan.steps ? trace.kept + (t + 1) * trace.stride : last;
    uint64_t* spikes = trace.spikes + t * s.words;
    tile_channels<T>(plan.problem->input, s, b, t, plan.steps, x);
    for (int64_t w = 0; w < s.words; ++w) {
      uint64_t bits = 0;
      for (int64_t j = 64 * w; j < std::min(s.own, 64 * w + 64); j += L) {
        const Vec<T> beta = load<T>(betas + j), potential = load<T>(e + j);
        const Vec<T> current = load<T>(gains + j) * (load<T>(x + j) + load<T>(biases + j));
        Vec<T> keep = one;
        if (t > 0) keep = load<T>(before + j) > threshold ? Vec<T>{} : one;
        store<T>(next + j, (beta * potential + (T(1) - beta) * current) * keep);
        bits |= above(potential, threshold) << (j % 64);
        const Vec<T> spike = potential > threshold ? one : Vec<T>{};
        store<T>(counts + j, load<T>(counts + j) + spike);
      }
      spikes[w] = bits & units_of_word(s.units, w);
    }
    const int64_t fired = set_bits(spikes, s.words, index);
    write_spikes<T>(s, b, t, plan.steps, index, fired);
    const Sent<T> sent = apply_mask<T>(s, b, t, index, value, fired);
    add_rows<T, true>(now, s.out, s.stride, sent.index, sent.value, sent.count, s.width);
    copy_row<T>(down + t * s.down_own, now, s.down_own);
  }
  write_counts<T>(s, b, counts);
}

// One sample's step back from t: `carry` is dE(t+1)(1 - Z(t-1)) when called and the same of t - 1
// when it returns; `e` is E(t), `incoming` the gradient of Z(t), `slope` the surrogate derivative.
template <typename T>
SNN_INLINE void encoder_adjoint(const StagePlan<T>& s, const T* e, const T* e_two_back, const T* x,
                                const T* incoming, const T* slope, T* carry, T* grad_rows) {
  const Vec<T> threshold = broadcast<T>(s.threshold), one = broadcast<T>(T(1));
  const int64_t own = s.own;
  for (int64_t j = 0; j < own; j += kLanes<T>) {
    const Vec<T> beta = load<T>(s.rows + j), gain = load<T>(s.rows + own + j);
    const Vec<T> shifted = load<T>(x + j) + load<T>(s.rows + 2 * own + j);
    const Vec<T> d = load<T>(carry + j), current = (T(1) - beta) * d;
    const auto add = [&](int64_t row, Vec<T> g) {
      store<T>(grad_rows + row * own + j, load<T>(grad_rows + row * own + j) + g);
    };
    add(0, d * (load<T>(e + j) - gain * shifted));
    add(1, current * shifted);
    add(2, current * gain);
    const Vec<T> g = beta * d + load<T>(slope + j) * load<T>(incoming + j);
    Vec<T> keep = one;
    if (e_two_back) keep = load<T>(e_two_back + j) > threshold ? Vec<T>{} : one;
    store<T>(carry + j, g * keep);
  }
}

}  // namespace snn

// Forward pass of one layer of LIF neurons for one sample (snn/functional/lif.py).
#pragma once

#include "input.hpp"
#include "plan.hpp"
#include "rows.hpp"

namespace snn {

// Where a sample's trace lies: U(t) at potential + t * stride, the same for I(t).
template <typename T>
struct SampleTrace {
  T* potential;
  T* current;        // null: not kept
  int64_t stride;
  uint64_t* spikes;  // [steps, words]
};

template <typename T>
struct ForwardScratch {
  EventScratch<T> events;
  Buffer<T> current, rows, value, spare;
  Buffer<int32_t> index;
  Buffer<T> drive[2];  // [steps, own]: from stage to stage
  Buffer<T> trace;     // [steps + 1, classes]
  std::vector<Buffer<T>> potential;     // traces that nobody keeps
  std::vector<Buffer<uint64_t>> spikes;
};

// The units that reach the targets of stage s at step t of sample b, with their dropout factors.
template <typename T>
struct Sent {
  int32_t* index;
  T* value;  // null: all 1
  int64_t count;
};

// Of the `count` units in index, those that dropout lets pass.
template <typename T>
SNN_INLINE Sent<T> apply_mask(const StagePlan<T>& s, int64_t b, int64_t t, int32_t* index, T* value,
                              int64_t count) {
  if (!s.io->mask) return {index, nullptr, count};
  const T* mask = static_cast<const T*>(s.io->mask) +
                  (b * s.io->mask_steps + (s.io->mask_steps == 1 ? 0 : t)) * s.units;
  int64_t kept = 0;
  for (int64_t k = 0; k < count; ++k) {
    const int32_t unit = index[k];
    index[kept] = unit;
    value[kept] = mask[unit];
    kept += mask[unit] != 0;
  }
  return {index, value, kept};
}

// Bit set of the units above threshold.
template <typename T>
SNN_INLINE void detect_spikes(const StagePlan<T>& s, const T* u, uint64_t* spikes) {
  const Vec<T> threshold = broadcast<T>(s.threshold);
  for (int64_t w = 0; w < s.words; ++w) spikes[w] = 0;
  for (int64_t j = 0; j < s.own && j < 64 * s.words; j += kLanes<T>)
    spikes[j / 64] |= above(load<T>(u + j), threshold) << (j % 64);
  if (s.units % 64) spikes[s.words - 1] &= (uint64_t(1) << (s.units % 64)) - 1;  // padding
}

template <typename T>
SNN_INLINE void count_spikes(const StagePlan<T>& s, int64_t b, int64_t t, int64_t steps,
                             const int32_t* fired, int64_t count) {
  if (T* counts = static_cast<T*>(s.io->counts)) {
    counts += b * s.units;
    for (int64_t k = 0; k < count; ++k) counts[fired[k]] += 1;
  }
  if (T* dense = static_cast<T*>(s.io->dense_spikes)) {
    dense += (b * steps + t) * s.units;
    std::memset(dense, 0, sizeof(T) * s.units);
    for (int64_t k = 0; k < count; ++k) dense[fired[k]] = 1;
  }
}

// Input is either events with `weight` or, if weight is null, the drive that the stage before left.
// The drive of the next stage goes to `down`, [steps, down_own].
template <typename T>
void lif_forward(const Plan<T>& plan, const StagePlan<T>& s, int64_t b, SampleTrace<T> trace,
                 const T* weight, const SampleEvents<T>* events, const T* drive, T* down,
                 ForwardScratch<T>& scratch) {
  constexpr int64_t L = kLanes<T>;
  const T zero_reset = s.io->reset_zero ? T(1) : T(0);
  const T subtracted = s.io->reset_zero ? T(0) : s.threshold;
  T* current = scratch.current.zeros(s.own);
  T* now = scratch.rows.zeros(std::max<int64_t>(2 * s.width, 1));
  T* before = now + s.width;
  T* last = scratch.spare.need(s.own);
  int32_t* index = scratch.index.need(s.units + kSpareIndices);
  T* value = scratch.value.need(s.units);
  int64_t total = 0;
  for (int64_t j = 0; j < s.own; ++j) trace.potential[j] = j < s.units ? s.initial : T(0);

  for (int64_t t = 0; t < plan.steps; ++t) {
    const T* u = trace.potential + t * trace.stride;
    T* next = t + 1 < plan.steps ? trace.potential + (t + 1) * trace.stride : last;
    uint64_t* spikes = trace.spikes + t * s.words;
    detect_spikes(s, u, spikes);
    if (trace.current)
      std::memcpy(trace.current + t * trace.stride, current, sizeof(T) * s.own);

    // U(t+1) = (beta U + g I)(1 - S)  or  beta U + g I - threshold S
    // I(t+1) = alpha I, to which what arrives is added
    const Vec<T> threshold = broadcast<T>(s.threshold), one = broadcast<T>(T(1));
    for (int64_t j = 0; j < s.own; j += L) {
      const Vec<T> x = load<T>(u + j), i = load<T>(current + j);
      const Vec<T> spike = x > threshold ? one : Vec<T>{};
      const Vec<T> leaked = load<T>(s.beta + j) * x + load<T>(s.gain + j) * i;
      store<T>(next + j, leaked * (T(1) - zero_reset * spike) - subtracted * spike);
      store<T>(current + j, load<T>(s.alpha + j) * i);
    }

    // S(t) [V | W'], one gather for both
    std::swap(now, before);
    const int64_t fired = set_bits(spikes, s.words, index);
    count_spikes<T>(s, b, t, plan.steps, index, fired);
    total += fired;
    const Sent<T> sent = apply_mask<T>(s, b, t, index, value, fired);
    add_rows<T, true>(now, s.out, s.width, sent.index, sent.value, sent.count, s.width);
    std::memcpy(down + t * s.down_own, now + s.recurrent, sizeof(T) * s.down_own);

    if (s.recurrent) add_row<T>(current, s.lag == 2 ? before : now, T(1), s.own);
    if (!weight) add_row<T>(current, drive + t * s.own, T(1), s.own);
    if (weight) {
      const int64_t first = events->offset[t], count = events->offset[t + 1] - first;
      add_rows<T>(current, weight, s.own, events->unit + first,
                  events->value ? events->value + first : nullptr, count, s.own);
    }
  }
  if (plan.problem->loss) plan.problem->loss->spikes[b] += static_cast<double>(total);
}

}  // namespace snn

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
  Buffer<T> current, rows, value, spare;
  Buffer<int32_t> index;
  Buffer<T> input;     // [count, steps, own]: the drive of the first stage, see drive_by_plane
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

// What a word of a bit set of spikes may hold: there is no unit in the padding.
template <typename T>
SNN_INLINE uint64_t units_of_word(const StagePlan<T>& s, int64_t w) {
  const int64_t units = s.units - 64 * w;
  return units < 64 ? (uint64_t(1) << units) - 1 : ~uint64_t(0);
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

// A step of the neurons, from the spikes of `u` to the next potentials: which fire, as a bit set,
//   U(t+1) = (beta U + g I)(1 - S)  or  beta U + g I - threshold S,
// and I(t+1) = alpha I + arriving + drive, where these are not null. `kept` receives I.
template <typename T>
SNN_INLINE void lif_step(const StagePlan<T>& s, const T* u, T* next, T* current, const T* arriving,
                         const T* drive, T* kept, uint64_t* spikes) {
  constexpr int64_t L = kLanes<T>;
  const T zero_reset = s.io->reset_zero ? T(1) : T(0);
  const T subtracted = s.io->reset_zero ? T(0) : s.threshold;
  const Vec<T> threshold = broadcast<T>(s.threshold), one = broadcast<T>(T(1));
  for (int64_t w = 0; w < s.words; ++w) {
    uint64_t bits = 0;
    for (int64_t j = 64 * w; j < std::min(s.own, 64 * w + 64); j += L) {
      const Vec<T> x = load<T>(u + j), i = load<T>(current + j);
      bits |= above(x, threshold) << (j % 64);
      const Vec<T> spike = x > threshold ? one : Vec<T>{};
      const Vec<T> leaked = load<T>(s.beta + j) * x + load<T>(s.gain + j) * i;
      store<T>(next + j, leaked * (T(1) - zero_reset * spike) - subtracted * spike);
      Vec<T> sum = load<T>(s.alpha + j) * i;
      if (arriving) sum += load<T>(arriving + j);
      if (drive) sum += load<T>(drive + j);
      store<T>(current + j, sum);
      if (kept) store<T>(kept + j, i);
    }
    spikes[w] = bits & units_of_word(s, w);
  }
}

// Input is the drive that the stage before left, or else events with the weights of their units.
// The drive of the next stage goes to `down`, [steps, down_own].
template <typename T>
void lif_forward(const Plan<T>& plan, const StagePlan<T>& s, int64_t b, SampleTrace<T> trace,
                 const T* drive, const SampleEvents<T>& events, T* down,
                 ForwardScratch<T>& scratch) {
  T* current = scratch.current.zeros(s.own);
  T* now = scratch.rows.zeros(std::max<int64_t>(s.width, 1));
  T* last = scratch.spare.need(s.own);
  int32_t* index = scratch.index.need(s.units + kSpareIndices);
  T* value = scratch.value.need(s.units);
  int64_t total = 0;
  for (int64_t j = 0; j < s.own; ++j) trace.potential[j] = j < s.units ? s.initial : T(0);

  for (int64_t t = 0; t < plan.steps; ++t) {
    uint64_t* spikes = trace.spikes + t * s.words;
    lif_step<T>(s, trace.potential + t * trace.stride,
                t + 1 < plan.steps ? trace.potential + (t + 1) * trace.stride : last, current,
                s.recurrent && s.lag == 2 ? now : nullptr, drive ? drive + t * s.own : nullptr,
                trace.current ? trace.current + t * trace.stride : nullptr, spikes);

    // S(t) [V | W'], one gather for both
    const int64_t fired = set_bits(spikes, s.words, index);
    count_spikes<T>(s, b, t, plan.steps, index, fired);
    total += fired;
    const Sent<T> sent = apply_mask<T>(s, b, t, index, value, fired);
    add_rows<T, true>(now, s.out, s.stride, sent.index, sent.value, sent.count, s.width);
    copy_row<T>(down + t * s.down_own, now + s.recurrent, s.down_own);

    if (s.recurrent && s.lag == 1) add_row<T>(current, now, s.own);
    if (drive) continue;
    const int64_t first = events.offset[t], count = events.offset[t + 1] - first;
    add_rows<T>(current, plan.input_weight, s.own, events.unit + first,
                events.value ? events.value + first : nullptr, count, s.own);
  }
  if (plan.problem->loss) plan.problem->loss->spikes[b] += static_cast<double>(total);
}

}  // namespace snn

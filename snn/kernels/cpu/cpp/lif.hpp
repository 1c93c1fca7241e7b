// Forward pass of one layer of LIF neurons for one sample (snn/neurons/lif.py).
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
  Buffer<T> current, rows, value, spare, counts;
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

// The spikes of step t in the caller's [batch, steps, H], if wanted.
template <typename T>
SNN_INLINE void write_spikes(const StagePlan<T>& s, int64_t b, int64_t t, int64_t steps,
                             const int32_t* fired, int64_t count) {
  T* dense = static_cast<T*>(s.io->dense_spikes);
  if (!dense) return;
  dense += (b * steps + t) * s.units;
  std::memset(dense, 0, sizeof(T) * s.units);
  for (int64_t k = 0; k < count; ++k) dense[fired[k]] = 1;
}

// A sample's spike counts in the caller's [batch, H], if wanted.
template <typename T>
SNN_INLINE void write_counts(const StagePlan<T>& s, int64_t b, const T* counts) {
  if (T* out = static_cast<T*>(s.io->counts))
    std::memcpy(out + b * s.units, counts, sizeof(T) * s.units);
}

// Where a step of the neurons reads and writes, [own] each. What may be null is not there, or not
// wanted.
template <typename T>
struct StepForward {
  const T* potential;  // U(t)
  T* next;             // U(t+1)
  T* current;          // I(t), then alpha I(t) + arriving + drive
  const T* arriving;   // or null
  const T* drive;      // or null
  T* kept;             // I(t), or null
  T* counts;           // of spikes, to which those of this step are added
  uint64_t* spikes;    // bit set
};

//   U(t+1) = (beta U + g I)(1 - S)  or  beta U + g I - threshold S
template <typename T>
SNN_INLINE void lif_step(const StagePlan<T>& s, const StepForward<T> k) {
  constexpr int64_t L = kLanes<T>;
  const T *const alpha = s.alpha, *const beta = s.beta, *const gain = s.gain;
  const T zero_reset = s.io->reset_zero ? T(1) : T(0);
  const T subtracted = s.io->reset_zero ? T(0) : s.threshold;
  const Vec<T> threshold = broadcast<T>(s.threshold), one = broadcast<T>(T(1));
  const int64_t own = s.own, words = s.words;
  for (int64_t w = 0; w < words; ++w) {
    const int64_t end = std::min(own, 64 * w + 64);
    uint64_t bits = 0;
    for (int64_t j = 64 * w; j < end; j += L) {
      const Vec<T> x = load<T>(k.potential + j), i = load<T>(k.current + j);
      bits |= above(x, threshold) << (j % 64);
      const Vec<T> spike = x > threshold ? one : Vec<T>{};
      const Vec<T> leaked = load<T>(beta + j) * x + load<T>(gain + j) * i;
      store<T>(k.next + j, leaked * (T(1) - zero_reset * spike) - subtracted * spike);
      Vec<T> sum = load<T>(alpha + j) * i;
      if (k.arriving) sum += load<T>(k.arriving + j);
      if (k.drive) sum += load<T>(k.drive + j);
      store<T>(k.current + j, sum);
      if (k.kept) store<T>(k.kept + j, i);
      store<T>(k.counts + j, load<T>(k.counts + j) + spike);
    }
    k.spikes[w] = bits & units_of_word(s, w);
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
  T* counts = scratch.counts.zeros(s.own);
  int64_t total = 0;
  if (plan.steps > 0)  // else there is no room for it
    for (int64_t j = 0; j < s.own; ++j) trace.potential[j] = j < s.units ? s.initial : T(0);

  for (int64_t t = 0; t < plan.steps; ++t) {
    uint64_t* spikes = trace.spikes + t * s.words;
    const T* potential = trace.potential + t * trace.stride;
    lif_step<T>(s, {potential, t + 1 < plan.steps ? trace.potential + (t + 1) * trace.stride : last,
                    current, s.recurrent && s.lag == 2 ? now : nullptr,
                    drive ? drive + t * s.own : nullptr,
                    trace.current ? trace.current + t * trace.stride : nullptr, counts, spikes});

    if (!drive)  // what arrives at the end of this step comes from far away
      for (int64_t k = events.offset[t]; k < events.offset[t + 1]; ++k)
        prefetch_row<T>(plan.input_weight + events.unit[k] * s.own, s.own);

    // S(t) [V | W'], one gather for both
    const int64_t fired = set_bits(spikes, s.words, index);
    write_spikes<T>(s, b, t, plan.steps, index, fired);
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
  write_counts<T>(s, b, counts);
  if (plan.problem->loss) plan.problem->loss->spikes[b] += static_cast<double>(total);
}

}  // namespace snn

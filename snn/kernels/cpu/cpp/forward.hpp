// Forward pass of one layer of neurons for one sample.
#pragma once

#include "delays.hpp"
#include "input.hpp"
#include "plan.hpp"
#include "rows.hpp"

namespace snn {

// Where a sample's trace lies: the k-th kept value of step t at kept + k * value + t * stride.
template <typename T>
struct SampleTrace {
  T* kept;           // null: nothing is kept
  int64_t value, stride;
  uint64_t* spikes;  // [steps, words]
};

template <typename T>
struct ForwardScratch {
  Buffer<T> states, arriving, nothing, rows, value, spare, counts, delays;
  std::vector<T*> kept;  // of one step
  Buffer<int32_t> index;
  Buffer<T> input;     // [count, steps, own]: the drive of the first stage, see drive_by_plane
  Buffer<T> drive[2];  // [steps, own]: from stage to stage
  Buffer<T> trace;     // [steps + 1, classes]
  std::vector<Buffer<T>> traces;  // that nobody keeps
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

// Input is the drive that the stage before left, or else events with the weights of their units.
// The drive of the next stage goes to `down`, [steps, down_own]. `keep` is what a backward pass will
// want, 0 if there is none.
template <typename T>
void neurons_forward(const Plan<T>& plan, const StagePlan<T>& s, int64_t b, SampleTrace<T> trace,
                     int64_t keep, const T* drive, const SampleEvents<T>& events, T* down,
                     ForwardScratch<T>& scratch) {
  const int64_t own = s.own;
  const bool sum_events = drive == nullptr, current = s.recurrent && s.lag == 1;
  // S(t) [V | W'] of the last step: its first part arrives in this one.
  T* now = scratch.rows.zeros(std::max<int64_t>(s.width, 1));
  T* arriving = s.recurrent && !current && !s.taps ? now : scratch.arriving.zeros(own);
  DelayLine<T> delays(s, scratch.delays);
  const T* nothing = scratch.nothing.zeros(own);
  T* states = scratch.states.need(s.nb_states * own);
  int32_t* index = scratch.index.need(s.units + kSpareIndices);
  T* value = scratch.value.need(s.units);
  T* counts = scratch.counts.zeros(own);
  int64_t total = 0;
  for (int64_t k = 0; k < s.nb_states; ++k)
    for (int64_t j = 0; j < own; ++j)
      states[k * own + j] = j < s.units ? static_cast<T>(s.io->initial[k]) : T(0);
  const int64_t nb_kept = keep ? s.nb_kept : 0;
  scratch.kept.resize(static_cast<size_t>(nb_kept));
  for (int64_t k = 0; k < nb_kept; ++k) scratch.kept[k] = trace.kept + k * trace.value;
  ForwardRows<T> rows{own, s.units, s.threshold, s.rows, states, arriving, nothing,
                      scratch.kept.data(), counts, nullptr};

  const auto sum = [&](int64_t t) {  // the events of step t, onto what arrives already
    const int64_t first = events.offset[t], count = events.offset[t + 1] - first;
    add_rows<T>(arriving, plan.input_weight, own, events.unit + first,
                events.value ? events.value + first : nullptr, count, own);
  };
  for (int64_t t = 0; t < plan.steps; ++t) {
    rows.spikes = trace.spikes + t * s.words;
    if (!sum_events) rows.drive = drive + t * own;
    if (current) {
      s.neuron->compare(rows);
    } else {
      if (s.taps) {
        const int64_t late = delays.arriving(t, index, value);
        add_rows<T, true>(arriving, s.out, s.stride, index, value, late, own);
      }
      if (sum_events) sum(t);
      s.neuron->forward[keep](rows);
    }
    if (sum_events && t + 1 < plan.steps)  // what arrives in the next step comes from far away
      for (int64_t k = events.offset[t + 1]; k < events.offset[t + 2]; ++k)
        prefetch_row<T>(plan.input_weight + events.unit[k] * own, own);

    // S(t) [V | W'], one gather for both
    const int64_t fired = set_bits(rows.spikes, s.words, index);
    write_spikes<T>(s, b, t, plan.steps, index, fired);
    total += fired;
    const Sent<T> sent = apply_mask<T>(s, b, t, index, value, fired);
    if (s.taps) {
      delays.send(t, sent.index, sent.value, sent.count);
      add_rows<T, true>(down + t * s.down_own, s.out + s.recurrent, s.stride, sent.index,
                        sent.value, sent.count, s.down_own);
    } else {
      add_rows<T, true>(now, s.out, s.stride, sent.index, sent.value, sent.count, s.width);
      copy_row<T>(down + t * s.down_own, now + s.recurrent, s.down_own);
    }
    if (current) {
      copy_row<T>(arriving, now, own);
      if (sum_events) sum(t);
      s.neuron->forward[keep](rows);
    } else if (!s.recurrent && sum_events) {
      std::memset(arriving, 0, sizeof(T) * own);
    }
    for (T*& kept : scratch.kept) kept += trace.stride;
  }
  write_counts<T>(s, b, counts);
  if (plan.problem->loss) plan.problem->loss->spikes[b] += static_cast<double>(total);
}

}  // namespace snn

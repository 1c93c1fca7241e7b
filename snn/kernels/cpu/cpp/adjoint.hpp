// Backward pass of one stage for a block of samples, all steps.
//
// An adjoint row holds, side by side, the adjoint dh of the stage's drive and the adjoint d' of the
// drive of its targets. A spike at t reaches its own layer's drive `lag - 1` steps later and its
// targets' in its own step, so row tau = t + lag holds dh(tau - 1) and d'(t): exactly what meets the
// weights [V | W'] of that spike. The rows of a block are kept in planes. Some steps of dh are known
// before the first of them is needed, and share one product with the transposed weights: those
// between a spike and its drive, and those that a neuron's adjoint is ahead.
#pragma once

#include "encoder.hpp"
#include "groups.hpp"
#include "surrogate.hpp"

namespace snn {

// Samples first .. first + count of the batch; their traces are [steps, count, own].
template <typename T>
struct Block {
  int64_t first, count;
};

template <typename T>
struct StageTrace {
  T* kept;
  int64_t value;           // from one kept value to the next
  const uint64_t* spikes;  // [count, steps, words]
};

// Sums over the samples of one thread.
template <typename T>
struct StageGradients {
  Buffer<T> out;        // [V | W'], [H, width] in planes of plane_size(H)
  Buffer<T> rows;       // [R, own]
  Buffer<T> taps;       // [nb_taps, own]
};

// Delayed spikes as they arrive: events with values, see BlockEvents.
template <typename T>
struct Arrivals {
  std::vector<int32_t> unit;
  std::vector<T> value;
  std::vector<int64_t> offset;
};

template <typename T>
struct BackwardScratch {
  Buffer<T> incoming, slope, states, counts, channels, trace;
  std::vector<const T*> kept;  // of one step and sample
  Buffer<T> delayed, value, ring;
  Buffer<int32_t> index;
  Arrivals<T> arrivals;
  GroupScratch<T> groups;
  typename Factor<T>::Scratch product;
  std::vector<Buffer<T>> rows;  // of each stage: [steps + lag, count] rows in planes
};

// What the loss wants of each spike whatever its step: [count, own].
template <typename T>
void count_gradients(const Plan<T>& plan, const StagePlan<T>& s, Block<T> block, T* out) {
  const T* grad = static_cast<const T*>(s.io->grad_counts);
  const Loss* loss = plan.problem->loss;
  const T rate = loss && s.io->kind == kNeurons ? static_cast<T>(loss->spike_rate) : T(0);
  for (int64_t i = 0; i < block.count; ++i)
    for (int64_t j = 0; j < s.own; ++j)
      out[i * s.own + j] =
          j >= s.units ? T(0) : grad ? grad[(block.first + i) * s.units + j] : rate;
}

// incoming = mask * incoming + gradient of the dense spikes, for step t.
template <typename T>
void mask_and_add(const Plan<T>& plan, const StagePlan<T>& s, Block<T> block, int64_t t,
                  T* incoming) {
  const T* mask = static_cast<const T*>(s.io->mask);
  const T* dense = static_cast<const T*>(s.io->grad_dense);
  for (int64_t i = 0; i < block.count; ++i, incoming += s.own) {
    const int64_t b = block.first + i;
    if (mask) {
      const int64_t row = b * s.io->mask_steps + (s.io->mask_steps == 1 ? 0 : t);
      for (int64_t j = 0; j < s.units; ++j) incoming[j] *= mask[row * s.units + j];
    }
    if (dense) {
      const T* add = dense + (b * plan.steps + t) * s.units;
      for (int64_t j = 0; j < s.units; ++j) incoming[j] += add[j];
    }
  }
}

// dV and dW' of a block: each spike up to step `last` adds its adjoint row.
template <typename T>
void accumulate_out(const StagePlan<T>& s, Block<T> block, const uint64_t* spikes, int64_t steps,
                    int64_t last, Planes<T> rows, T* out, GroupScratch<T>& scratch) {
  const int64_t recurrent = s.taps ? 0 : s.recurrent, width = recurrent + s.down_own;
  if (width == 0) return;
  // where a spike at t = 0 meets its row, without dh if not recurrent
  rows = rows.from(s.own - recurrent);
  rows.data = rows.row(s.lag, 0);
  if (s.taps) out += s.recurrent / kLanes<T> * plane_size<T>(s.units);
  const T* mask = static_cast<const T*>(s.io->mask);
  if (mask) mask += block.first * s.io->mask_steps * s.units;
  for_windows<T>(last + 1, block.count, [&](Window window) {
    ByUnit<T> groups(s.units, block.count, window, scratch);
    groups.transpose(spikes, s.words, steps, mask, s.io->mask_steps);
    groups.add_rows_to(out, plane_size<T>(s.units), width, rows);
  });
}

// The spikes of a block as they arrive after their delays, up to step `end`.
template <typename T>
BlockEvents<T> arrivals(const StagePlan<T>& s, Block<T> block, const uint64_t* spikes,
                        int64_t steps, int64_t end, BackwardScratch<T>& scratch) {
  Arrivals<T>& found = scratch.arrivals;
  found.unit.clear();
  found.value.clear();
  found.offset.clear();
  int32_t* index = scratch.index.need(s.units + kSpareIndices);
  T* value = scratch.value.need(s.units);
  for (int64_t i = 0; i < block.count; ++i) {
    DelayLine<T> line(s, scratch.ring);
    for (int64_t t = 0; t < steps; ++t) {
      found.offset.push_back(static_cast<int64_t>(found.unit.size()));
      if (t >= end) continue;
      const int64_t late = line.arriving(t, index, value);
      found.unit.insert(found.unit.end(), index, index + late);
      found.value.insert(found.value.end(), value, value + late);
      const int64_t fired = set_bits(spikes + (i * steps + t) * s.words, s.words, index);
      const Sent<T> sent = apply_mask<T>(s, block.first + i, t, index, value, fired);
      line.send(t, sent.index, sent.value, sent.count);
    }
    found.offset.push_back(static_cast<int64_t>(found.unit.size()));
  }
  found.unit.push_back(0);  // so that there is an address
  found.value.push_back(0);
  return {found.unit.data(), found.value.data(), found.offset.data(), steps, nullptr};
}

// dV where spikes are delayed: what arrives at t meets dh(t), known for t < end.
template <typename T>
void accumulate_delayed(const StagePlan<T>& s, Block<T> block, const uint64_t* spikes,
                        int64_t steps, int64_t end, Planes<T> rows, T* out,
                        BackwardScratch<T>& scratch) {
  const BlockEvents<T> events = arrivals(s, block, spikes, steps, end, scratch);
  rows.data = rows.row(1, 0);
  for_windows<T>(end, block.count, [&](Window window) {
    ByUnit<T> groups(s.units, block.count, window, scratch.groups);
    groups.sort(events);
    groups.add_rows_to(out, plane_size<T>(s.units), s.own, rows);
  });
}

// incoming of step t += what the arrivals of its spikes want, and the gradient of the taps.
// wanted(t) = dh(t) V^T for all steps, [steps + 1, count, own].
template <typename T>
void through_delays(const StagePlan<T>& s, Block<T> block, int64_t t, int64_t steps,
                    const uint64_t* spikes, const T* wanted, T* incoming, T* grad_taps,
                    BackwardScratch<T>& scratch) {
  const int64_t step = block.count * s.own, most = std::min(s.nb_taps, steps - t);
  for (int64_t tau = 1; tau <= most; ++tau) {
    const T* taps = s.taps + (tau - 1) * s.own;
    const T* from = wanted + (t + tau) * step;
    for (int64_t i = 0; i < block.count; ++i)
      for (int64_t j = 0; j < s.own; j += kLanes<T>) {
        T* to = incoming + i * s.own + j;
        store<T>(to, load<T>(to) + load<T>(taps + j) * load<T>(from + i * s.own + j));
      }
  }
  if (!s.io->grad_taps) return;
  int32_t* index = scratch.index.need(s.units + kSpareIndices);
  T* value = scratch.value.need(s.units);
  for (int64_t i = 0; i < block.count; ++i) {
    const int64_t fired = set_bits(spikes + (i * steps + t) * s.words, s.words, index);
    const Sent<T> sent = apply_mask<T>(s, block.first + i, t, index, value, fired);
    for (int64_t tau = 1; tau <= most; ++tau) {
      const T* from = wanted + (t + tau) * step + i * s.own;
      T* to = grad_taps + (tau - 1) * s.own;
      for (int64_t k = 0; k < sent.count; ++k)
        to[sent.index[k]] += from[sent.index[k]] * (sent.value ? sent.value[k] : T(1));
    }
  }
}

// The whole block back in time from `last`, the last step whose spikes have a gradient. The d' part
// of `rows` holds its values for all t; the dh part is written here, for tau <= last + lag.
template <typename T>
void stage_backward(const Plan<T>& plan, int64_t stage, Block<T> block, const StageTrace<T>& trace,
                    int64_t last, Planes<T> rows, StageGradients<T>& grads,
                    BackwardScratch<T>& scratch) {
  const StagePlan<T>& s = plan.stages[stage];
  const Factor<T>& transposed = plan.memory->stages[stage].transposed;
  const int64_t n = block.count, own = s.own, step = n * own;
  // steps that share a product, which takes kSamples * kSteps rows at most
  const int64_t fit = std::max<int64_t>(Factor<T>::kSamples * kSteps / n, 1);
  const int64_t chunk = std::min(s.recurrent ? s.lag - 1 + s.ahead : kSteps, fit);
  const bool encoder = s.io->kind == kEncoder;
  const int64_t nb_states = encoder ? 1 : s.nb_states;
  T* incoming = scratch.incoming.need(chunk * step);
  T* slope = scratch.slope.need(step);
  T* states = scratch.states.zeros(n * nb_states * own);
  T* counts = scratch.counts.need(step);
  T* x = scratch.channels.zeros(own);
  T* grad_rows = grads.rows.data();
  scratch.kept.resize(static_cast<size_t>(s.nb_kept));
  count_gradients(plan, s, block, counts);
  const int64_t zero = std::max<int64_t>(last + 2 - s.ahead, 0);  // from here on dh is 0
  for (int64_t j = 0; j < own; j += kLanes<T>)
    std::memset(rows.from(j).row(zero, 0), 0,
                sizeof(T) * (last + s.lag + 1 - zero) * n * kLanes<T>);

  T* wanted = s.taps ? scratch.delayed.zeros((plan.steps + 1) * step) : nullptr;

  for (int64_t top = last; top >= 0; top -= chunk) {
    const int64_t bottom = std::max<int64_t>(top - chunk + 1, 0);
    if (transposed.depth() > 0)
      multiply(Planes<T>{rows.row(bottom + s.lag, 0), rows.plane, n}, incoming,
               (top - bottom + 1) * n, s.segments, transposed, scratch.product);
    else
      std::memset(incoming, 0, sizeof(T) * (top - bottom + 1) * step);
    if (s.taps) {
      const Segment own_part[2] = {{0, s.units}, {own, 0}};
      multiply(Planes<T>{rows.row(bottom + s.lag, 0), rows.plane, n}, wanted + (bottom + 1) * step,
               (top - bottom + 1) * n, own_part, plan.memory->stages[stage].delayed,
               scratch.product);
    }
    for (int64_t t = top; t >= bottom; --t) {
      const T* compared = trace.kept + t * step;
      T* in = incoming + (t - bottom) * step;
      surrogate_derivatives<T>(s.io->surrogate, compared, slope, step, s.threshold, s.scale);
      if (s.taps)
        through_delays(s, block, t, plan.steps, trace.spikes, wanted, in, grads.taps.data(),
                       scratch);
      if (s.io->mask || s.io->grad_dense) mask_and_add(plan, s, block, t, in);
      for (int64_t i = 0; i < n; ++i) {
        const int64_t o = i * own;
        T* carried = states + i * nb_states * own;
        if (encoder) {
          for (int64_t j = 0; j < own; ++j) in[o + j] += counts[o + j];
          tile_channels<T>(plan.problem->input, s, block.first + i, t, plan.steps, x);
          encoder_adjoint<T>(s, compared + o, t > 1 ? compared - 2 * step + o : nullptr, x, in + o,
                             slope + o, carried, grad_rows);
          continue;
        }
        for (int64_t k = 0; k < s.nb_kept; ++k)
          scratch.kept[k] = compared + k * trace.value + o;
        T* drive = t >= s.ahead ? rows.row(t - s.ahead + 1, i) : nullptr;
        s.neuron->adjoint[s.io->keep]({own, s.threshold, s.rows, s.io->initial,
                                       scratch.kept.data(), step, t, in + o, counts + o, slope + o,
                                       carried, drive, rows.plane, grad_rows});
      }
    }
  }
  accumulate_out<T>(s, block, trace.spikes, plan.steps, last, rows, grads.out.data(),
                    scratch.groups);
  if (s.taps)
    accumulate_delayed<T>(s, block, trace.spikes, plan.steps,
                          std::min(std::max<int64_t>(last + 1 - s.ahead, 0), plan.steps), rows,
                          grads.out.data(), scratch);
}

}  // namespace snn

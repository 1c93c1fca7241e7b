// Backward pass of one stage for a block of samples, all steps.
//
// An adjoint row holds, side by side, the adjoint dI of the stage's synaptic current and the
// adjoint d' of the drive of its targets. A spike at t reaches its own layer's current `lag` steps
// later and its targets one step later, so row tau = t + lag holds dI(tau) and d'(t): exactly what
// meets the weights [V | W'] of that spike. The rows of a block are kept in planes. Because of the
// lag, lag + 1 steps of dI are known before the first of them is needed, and share one product with
// the transposed weights.
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
  T* potential;
  T* current;
  const uint64_t* spikes;  // [count, steps, words]
};

// Sums over the samples of one thread.
template <typename T>
struct StageGradients {
  Buffer<T> out;        // [V | W'], [H, width] in planes of plane_size(H)
  Buffer<T> constants;  // alpha, beta, gain, bias: [4, own]
};

template <typename T>
struct BackwardScratch {
  Buffer<T> incoming, slope, carry, potential, counts, channels, trace;
  GroupScratch<T> groups;
  typename Factor<T>::Scratch product;
  std::vector<Buffer<T>> rows;  // of each stage: [steps + lag, count] rows in planes
};

// What the loss wants of each spike whatever its step: [count, own].
template <typename T>
void count_gradients(const Plan<T>& plan, const StagePlan<T>& s, Block<T> block, T* out) {
  const T* grad = static_cast<const T*>(s.io->grad_counts);
  const Loss* loss = plan.problem->loss;
  const T rate = loss && s.io->kind == kLif ? static_cast<T>(loss->spike_rate) : T(0);
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

template <typename T>
struct StepBack {
  int64_t t;
  const T *potential, *current;  // U(t), I(t)
  const T* potential_before;     // U(t-1); null at t = 0
  const T *incoming, *slope, *counts;
  T *carry, *d_potential;        // dU(t+1)(1 - S(t)) of the last step; dU(t+1)
  T* row;                        // dI(t) in planes, between dI(t-1), written, and dI(t+1)
  int64_t plane, step;           // from one plane to the next, from one step to the next
};

// One sample's step back from t.
//   D(t) = dU(t+1) (1 - S(t)), or dU(t+1) if the reset subtracts
//   dU(t) = beta D(t) + slope (incoming + counts [- dU(t+1) (beta U + g I) or threshold])
//   dI(t) = alpha dI(t+1) + g D(t)
template <typename T, bool Extra>
SNN_INLINE void lif_adjoint(const StagePlan<T>& s, const StepBack<T> k, T* d_alpha, T* d_beta,
                            T* d_gain) {
  const Vec<T> threshold = broadcast<T>(s.threshold), one = broadcast<T>(T(1));
  const Vec<T> kept = broadcast<T>(s.io->reset_zero ? T(0) : T(1));
  const T *const alpha = s.alpha, *const beta = s.beta, *const gain = s.gain;
  const int64_t own = s.own;
  T* row = k.row;
  for (int64_t j = 0; j < own; j += kLanes<T>, row += k.plane) {
    const Vec<T> b = load<T>(beta + j), g = load<T>(gain + j), d = load<T>(k.carry + j);
    Vec<T> spike = load<T>(k.incoming + j) + load<T>(k.counts + j);
    if constexpr (Extra) {
      const Vec<T> u = load<T>(k.potential + j), i = load<T>(k.current + j);
      if (s.io->attached) {
        const Vec<T> du = load<T>(k.d_potential + j);
        spike -= du * (s.io->reset_zero ? b * u + g * i : threshold);
      }
      store<T>(d_alpha + j, load<T>(d_alpha + j) + load<T>(row + k.step) * i);
      store<T>(d_beta + j, load<T>(d_beta + j) + d * u);
      store<T>(d_gain + j, load<T>(d_gain + j) + d * i);
    }
    const Vec<T> du = b * d + load<T>(k.slope + j) * spike;
    if constexpr (Extra) store<T>(k.d_potential + j, du);
    if (!k.potential_before) continue;
    const Vec<T> before = du * (load<T>(k.potential_before + j) > threshold ? kept : one);
    store<T>(k.carry + j, before);
    store<T>(row - k.step, load<T>(alpha + j) * load<T>(row) + g * before);
  }
}

// dV and dW' of a block: each spike up to step `last` adds its adjoint row.
template <typename T>
void accumulate_out(const StagePlan<T>& s, Block<T> block, const uint64_t* spikes, int64_t steps,
                    int64_t last, Planes<T> rows, T* out, GroupScratch<T>& scratch) {
  if (s.width == 0) return;
  // where a spike at t = 0 meets its row, without dI if not recurrent
  rows = rows.from(s.own - s.recurrent);
  rows.data = rows.row(s.lag, 0);
  const T* mask = static_cast<const T*>(s.io->mask);
  if (mask) mask += block.first * s.io->mask_steps * s.units;
  for_windows<T>(last + 1, block.count, [&](Window window) {
    ByUnit<T> groups(s.units, block.count, window, scratch);
    groups.transpose(spikes, s.words, steps, mask, s.io->mask_steps);
    groups.add_rows_to(out, plane_size<T>(s.units), s.width, rows);
  });
}

// The whole block back in time from `last`, the last step whose spikes have a gradient. The d' part
// of `rows` holds its values for all t; the dI part is written here, dI(tau) for tau <= last.
template <typename T>
void stage_backward(const Plan<T>& plan, int64_t stage, Block<T> block, const StageTrace<T>& trace,
                    int64_t last, Planes<T> rows, StageGradients<T>& grads,
                    BackwardScratch<T>& scratch) {
  const StagePlan<T>& s = plan.stages[stage];
  const Factor<T>& transposed = plan.memory->stages[stage].transposed;
  const int64_t n = block.count, step = n * s.own;
  const int64_t chunk = s.recurrent ? s.lag + 1 : kSteps;
  const bool encoder = s.io->kind == kEncoder;
  T* incoming = scratch.incoming.need(chunk * step);
  T* slope = scratch.slope.need(step);
  T* carry = scratch.carry.zeros(step);
  T* d_potential = scratch.potential.zeros(step);
  T* counts = scratch.counts.need(step);
  T* x = scratch.channels.zeros(s.own);
  T* constants = grads.constants.data();
  count_gradients(plan, s, block, counts);
  for (int64_t j = 0; j < s.own; j += kLanes<T>)
    std::memset(rows.from(j).row(last, 0), 0, sizeof(T) * (s.lag + 1) * n * kLanes<T>);

  for (int64_t top = last; top >= 0; top -= chunk) {
    const int64_t bottom = std::max<int64_t>(top - chunk + 1, 0);
    if (transposed.depth() > 0)
      multiply(Planes<T>{rows.row(bottom + s.lag, 0), rows.plane, n}, incoming,
               (top - bottom + 1) * n, s.segments, transposed, scratch.product);
    else
      std::memset(incoming, 0, sizeof(T) * (top - bottom + 1) * step);
    for (int64_t t = top; t >= bottom; --t) {
      const T* u = trace.potential + t * step;
      T* in = incoming + (t - bottom) * step;
      surrogate_derivatives<T>(s.io->surrogate, u, slope, step, s.threshold, s.scale);
      if (s.io->mask || s.io->grad_dense) mask_and_add(plan, s, block, t, in);
      for (int64_t i = 0; i < n; ++i) {
        const int64_t o = i * s.own;
        if (encoder) {
          for (int64_t j = 0; j < s.own; ++j) in[o + j] += counts[o + j];
          tile_channels<T>(plan.problem->input, s, block.first + i, t, plan.steps, x);
          encoder_adjoint<T>(s, t > 1 ? u - 2 * step + o : nullptr, x, in + o, slope + o,
                             carry + o, constants + 2 * s.own, constants + 3 * s.own);
          continue;
        }
        const StepBack<T> k{t, u + o, trace.current + t * step + o,
                            t > 0 ? u - step + o : nullptr, in + o, slope + o, counts + o,
                            carry + o, d_potential + o, rows.row(t, i), rows.plane,
                            n * kLanes<T>};
        if (s.extra)
          lif_adjoint<T, true>(s, k, constants, constants + s.own, constants + 2 * s.own);
        else
          lif_adjoint<T, false>(s, k, nullptr, nullptr, nullptr);
      }
    }
  }
  accumulate_out<T>(s, block, trace.spikes, plan.steps, last, rows, grads.out.data(),
                    scratch.groups);
}

}  // namespace snn

// A problem made ready: weights padded to whole vectors, or packed and transposed.
#pragma once

#include <algorithm>
#include <vector>

#include "abi.hpp"
#include "gemm_amx.hpp"
#include "input.hpp"
#include "neuron.hpp"
#include "planes.hpp"

namespace snn {

// Copy a [rows, columns] matrix into rows of `stride` values from `column` on.
template <typename T>
void copy_padded(const T* from, int64_t rows, int64_t columns, T* to, int64_t stride,
                 int64_t column) {
  for (int64_t r = 0; r < rows; ++r)
    std::memcpy(to + r * stride + column, from + r * columns, sizeof(T) * columns);
}

// What leaves a stage: its own recurrent weights V and the weights W' of the next stage, side by
// side. One gather of a row [V | W'] serves recurrence and next stage, one product with its
// transpose both adjoints, one accumulation both gradients.
template <typename T>
struct StagePlan {
  const Stage* io = nullptr;
  int64_t units = 0, own = 0;           // H; H padded
  int64_t down = 0, down_own = 0;       // O, units of the next stage or classes; O padded
  int64_t recurrent = 0;                // width of the V part: own or 0
  int64_t width = 0;                    // of a row [V | W'], = recurrent + down_own
  int64_t stride = 0;                   // of such rows: whole cache lines
  int64_t row = 0;                      // of an adjoint row [dI | d'], = own + down_own
  int64_t lag = 1;                      // 1 if there is no recurrence
  int64_t words = 0;                    // of a bit set of spikes
  T threshold = 0, scale = 0;
  const Neuron<T>* neuron = nullptr;    // null: an encoder
  int64_t nb_rows = 0, nb_states = 0, nb_kept = 0;
  int64_t latency = 2, ahead = 0;       // see Neuron
  const T* rows = nullptr;              // [R, own]
  const T* taps = nullptr;              // [nb_taps, own] or null: delays
  int64_t nb_taps = 0;
  const T* out = nullptr;               // [V | W'], [H, stride]
  Segment segments[2] = {};             // of an adjoint row, that the product takes
};

// Memory of a plan and of its results; one per calling thread, kept between calls.
template <typename T>
struct PlanMemory {
  struct OfStage {
    Buffer<T> out, rows, taps;
    Factor<T> transposed;  // of [V | W'], or of W' alone where V has delays
    Factor<T> delayed;     // of V then
  };
  std::vector<OfStage> stages;
  Buffer<T> input, readout;
};

template <typename T>
struct Plan {
  const Problem* problem = nullptr;
  PlanMemory<T>* memory = nullptr;
  int64_t batch = 0, steps = 0;
  std::vector<StagePlan<T>> stages;
  T* input_weight = nullptr;  // [I, own of stage 0], see copy_input; null before an encoder
  bool by_plane = false;      // the layout of input_weight: in planes of `input_plane`, or rows
  int64_t input_plane = 0;    // of the first layer's weights and of their gradient
  const T *readout_alpha = nullptr, *readout_beta = nullptr, *readout_gain = nullptr;

  const StagePlan<T>& last() const { return stages.back(); }
};

template <typename T>
void plan_stage(const Problem& p, int64_t s, bool backward, StagePlan<T>& plan,
                typename PlanMemory<T>::OfStage& memory) {
  const Stage& io = p.stages[s];
  const bool final_stage = s + 1 == p.nb_stages;
  plan.io = &io;
  plan.units = io.units;
  plan.own = padded<T>(io.units);
  plan.down = !final_stage ? p.stages[s + 1].units : p.readout ? p.readout->classes : 0;
  plan.down_own = padded<T>(plan.down);
  plan.recurrent = io.recurrent ? plan.own : 0;
  plan.width = plan.recurrent + plan.down_own;
  plan.stride = plan.width + (-plan.width & (64 / static_cast<int64_t>(sizeof(T)) - 1));
  plan.row = plan.own + plan.down_own;
  plan.lag = io.recurrent ? io.lag : 1;
  plan.words = (io.units + 63) / 64;
  plan.threshold = static_cast<T>(io.threshold);
  plan.scale = static_cast<T>(io.scale);
  if (io.kind == kEncoder) {
    plan.nb_rows = 3;
    plan.nb_kept = 1;
  } else {
    const Neuron<T>& neuron = *static_cast<const Neuron<T>*>(io.neuron);
    plan.neuron = &neuron;
    plan.nb_rows = neuron.rows;
    plan.nb_states = neuron.states;
    plan.nb_kept = neuron.kept[io.keep];
    plan.latency = neuron.latency;
    plan.ahead = neuron.ahead;
  }
  // Neurons of the padding are like the first, so that nothing unusual happens to them.
  T* rows = memory.rows.need(std::max<int64_t>(plan.nb_rows * plan.own, 1));
  for (int64_t r = 0; r < plan.nb_rows; ++r) {
    const T* given = static_cast<const T*>(io.rows) + r * io.units;
    std::memcpy(rows + r * plan.own, given, sizeof(T) * io.units);
    for (int64_t j = io.units; j < plan.own; ++j) rows[r * plan.own + j] = given[0];
  }
  plan.rows = rows;

  const T* v = static_cast<const T*>(io.recurrent);
  const T* w = static_cast<const T*>(p.weights[s + 1]);
  const int64_t h = io.units, o = plan.down;
  T* out = memory.out.zeros(std::max<int64_t>(h * plan.stride, 1));
  if (v) copy_padded(v, h, h, out, plan.stride, 0);
  if (o) copy_padded(w, h, o, out, plan.stride, plan.recurrent);
  plan.out = out;
  if (io.taps) {
    plan.nb_taps = io.nb_taps;
    T* taps = memory.taps.zeros(io.nb_taps * plan.own);
    copy_padded(static_cast<const T*>(io.taps), io.nb_taps, h, taps, plan.own, 0);
    plan.taps = taps;
  }
  plan.segments[0] = {0, v && !plan.taps ? h : 0};
  plan.segments[1] = {plan.own, o};
  if (!backward) return;
  const int64_t first = plan.segments[0].length, recurrent = plan.recurrent;
  const int64_t stride = plan.stride;
  memory.transposed.pack(first + o, plan.own, [=](int64_t k, int64_t j) {
    return j < h ? out[j * stride + (k < first ? k : recurrent + k - first)] : T(0);
  });
  if (plan.taps)
    memory.delayed.pack(h, plan.own,
                        [=](int64_t k, int64_t j) { return j < h ? out[j * stride + k] : T(0); });
}

template <typename T>
Plan<T> make_plan(const Problem& p, bool backward, PlanMemory<T>& memory) {
  Plan<T> plan;
  plan.problem = &p;
  plan.memory = &memory;
  plan.batch = p.batch;
  plan.steps = p.steps;
  plan.stages.resize(p.nb_stages);
  if (memory.stages.size() < plan.stages.size())
    memory.stages = std::vector<typename PlanMemory<T>::OfStage>(plan.stages.size());
  for (int64_t s = 0; s < p.nb_stages; ++s)
    plan_stage<T>(p, s, backward, plan.stages[s], memory.stages[s]);
  if (p.stages[0].kind == kNeurons) {
    const bool many = p.input.kind == kDense || p.input.events_per_step >= kManyEvents;
    plan.by_plane = many && p.input.units <= kMostVectors;
    plan.input_plane = plane_size<T>(p.input.units);
    plan.input_weight = memory.input.need(planes_of<T>(p.input.units, plan.stages[0].own));
  }
  if (p.readout) {
    const int64_t width = plan.last().down_own;
    T* constants = memory.readout.zeros(3 * width);
    const void* given[] = {p.readout->alpha, p.readout->beta, p.readout->gain};
    for (int k = 0; k < 3; ++k)
      std::memcpy(constants + k * width, given[k], sizeof(T) * p.readout->classes);
    plan.readout_alpha = constants;
    plan.readout_beta = constants + width;
    plan.readout_gain = constants + 2 * width;
  }
  return plan;
}

// One thread's share of the copy of the first layer's weights, the largest of all: padded rows, or
// planes, see Planes.
template <typename T>
void copy_input(const Plan<T>& plan, int64_t thread, int64_t threads) {
  if (!plan.input_weight) return;
  constexpr int64_t L = kLanes<T>;
  const Problem& p = *plan.problem;
  const int64_t own = plan.stages[0].own, units = plan.stages[0].units;
  const T* w = static_cast<const T*>(p.weights[0]);
  for (int64_t r = p.input.units * thread / threads; r < p.input.units * (thread + 1) / threads;
       ++r)
    for (int64_t j = 0; j < own; j += L) {
      T* to = plan.input_weight + (plan.by_plane ? j / L * plan.input_plane + r * L : r * own + j);
      for (int64_t c = 0; c < L; ++c) to[c] = j + c < units ? w[r * units + j + c] : T(0);
    }
}

}  // namespace snn

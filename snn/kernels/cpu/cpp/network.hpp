// Forward and backward pass of all stages for one block of samples.
#pragma once

#include "adjoint.hpp"
#include "readout.hpp"

namespace snn {

// Everything that one thread needs; kept between calls.
template <typename T>
struct Worker {
  ForwardScratch<T> forward;
  BackwardScratch<T> backward;
  std::vector<StageGradients<T>> grads;
  EventScratch<T> events;                // of the block
  Buffer<T> grad_input;                  // [I, own of stage 0] in planes
  Buffer<T> grad_logits;                 // [count, classes], fused only

  void resize(size_t stages) {
    if (grads.size() >= stages) return;
    forward.traces = std::vector<Buffer<T>>(stages);
    forward.spikes = std::vector<Buffer<uint64_t>>(stages);
    backward.rows = std::vector<Buffer<T>>(stages);
    grads = std::vector<StageGradients<T>>(stages);  // last: it says that the others are there
  }

  void clear_gradients(const Plan<T>& plan) {
    for (size_t s = 0; s < plan.stages.size(); ++s) {
      const StagePlan<T>& stage = plan.stages[s];
      grads[s].out.zeros(std::max<int64_t>(planes_of<T>(stage.units, stage.width), 1));
      grads[s].taps.zeros(std::max<int64_t>(stage.nb_taps * stage.own, 1));
      grads[s].rows.zeros(std::max<int64_t>(stage.nb_rows * stage.own, 1));
    }
    if (plan.input_weight) grad_input.zeros(planes_of<T>(plan.problem->input.units, plan.stages[0].own));
  }
};

// The caller's traces, or this thread's own if the caller keeps none but they are needed.
template <typename T>
struct TracePointers {
  T* kept;
  int64_t value;  // from one kept value to the next
  uint64_t* spikes;
};

template <typename T>
TracePointers<T> traces_of(const Plan<T>& plan, int64_t s, Block<T> block, bool fused,
                           Worker<T>& worker) {
  const StagePlan<T>& stage = plan.stages[s];
  const int64_t before = block.first * plan.steps, size = block.count * plan.steps;
  TracePointers<T> p{};
  if (stage.io->kept) {
    p.value = plan.batch * plan.steps * stage.own;
    p.kept = static_cast<T*>(stage.io->kept) + before * stage.own;
  } else if (fused || stage.io->kind == kEncoder) {
    p.value = size * stage.own;
    p.kept = worker.forward.traces[s].need(stage.nb_kept * p.value);
  }
  p.spikes = stage.io->spikes ? stage.io->spikes + before * stage.words
                              : worker.forward.spikes[s].need(size * stage.words);
  return p;
}

template <typename T>
void forward_block(const Plan<T>& plan, Block<T> block, const BlockEvents<T>& events, bool fused,
                   Worker<T>& worker) {
  const Problem& p = *plan.problem;
  ForwardScratch<T>& scratch = worker.forward;
  T* input = nullptr;
  if (plan.by_plane) {
    const int64_t own = plan.stages[0].own;
    input = scratch.input.need(block.count * plan.steps * own);
    const auto drive = events.value ? drive_by_plane<T, true> : drive_by_plane<T, false>;
    drive(events, block.count, plan.input_weight, plan.input_plane, own, input);
  }
  T* grad_logits = fused ? worker.grad_logits.need(block.count * plan.last().down) : nullptr;
  for (int64_t i = 0; i < block.count; ++i) {
    const int64_t b = block.first + i;
    if (p.loss) p.loss->spikes[b] = 0;
    const T* drive = input ? input + i * plan.steps * plan.stages[0].own : nullptr;
    for (int64_t s = 0; s < p.nb_stages; ++s) {
      const StagePlan<T>& stage = plan.stages[s];
      const TracePointers<T> t = traces_of(plan, s, block, fused, worker);
      const SampleTrace<T> trace{t.kept ? t.kept + i * stage.own : nullptr, t.value,
                                 block.count * stage.own, t.spikes + i * plan.steps * stage.words};
      T* down = scratch.drive[s % 2].need(std::max<int64_t>(plan.steps * stage.down_own, 1));
      if (stage.io->kind == kEncoder)
        encoder_forward<T>(plan, stage, b, trace, down, scratch);
      else
        neurons_forward<T>(plan, stage, b, trace, t.kept ? stage.io->keep : 0, drive,
                           events.sample(i), down, scratch);
      drive = down;
    }
    if (!p.readout) continue;
    const int64_t width = plan.last().down_own, classes = plan.last().down;
    T* trace = scratch.trace.need((plan.steps + 1) * width);
    readout_forward<T>(plan, drive, trace);
    if (T* out = static_cast<T*>(p.readout->trace))
      for (int64_t t = 0; t <= plan.steps; ++t)
        std::memcpy(out + (b * (plan.steps + 1) + t) * classes, trace + t * width,
                    sizeof(T) * classes);
    if (!p.readout->logits) continue;
    T* logits = static_cast<T*>(p.readout->logits) + b * classes;
    readout_maximum<T>(plan, trace, logits, p.readout->argmax + b * classes);
    if (!fused) continue;
    require(p.loss->labels[b] >= 0 && p.loss->labels[b] < classes, kUnknownLabel);
    p.loss->nll[b] = negative_log_likelihood<T>(
          logits, classes, p.loss->labels[b], static_cast<const T*>(p.loss->sample_weight)[b],
          static_cast<T>(p.loss->smoothing), grad_logits + i * classes);
  }
}

// Adjoint of the readout's drive into the last stage's rows; returns the last step with one.
template <typename T>
int64_t readout_backward(const Plan<T>& plan, Block<T> block, Planes<T> rows, Worker<T>& worker) {
  const Readout& r = *plan.problem->readout;
  const StagePlan<T>& s = plan.last();
  const int64_t width = s.down_own, steps = plan.steps;
  int64_t latest = 0;  // with a gradient of the trace
  for (int64_t i = 0; i < block.count; ++i) {
    const int64_t b = block.first + i;
    T* grad = worker.backward.trace.zeros((steps + 1) * width);
    for (int64_t c = 0; c < s.down; ++c) {
      if (plan.problem->loss) {
        const int64_t t = r.argmax[b * s.down + c];
        grad[t * width + c] = worker.grad_logits.data()[i * s.down + c];
        latest = std::max(latest, t);
        continue;
      }
      const T* given = static_cast<const T*>(r.grad_trace) + b * (steps + 1) * s.down + c;
      for (int64_t t = 0; t <= steps; ++t)
        if (const T g = given[t * s.down]; g != 0) {
          grad[t * width + c] = g;
          latest = std::max(latest, t);
        }
    }
    readout_adjoint<T>(plan, grad, rows.from(s.own), s.lag, i);
  }
  return latest - 2;  // a spike at t reaches the trace at t + 2
}

// How many steps, from the first on, have an adjoint of the drive where spikes have one up to `last`.
template <typename T>
int64_t driven_steps(const Plan<T>& plan, const StagePlan<T>& s, int64_t last) {
  return std::min(std::max<int64_t>(last + 1 - s.ahead, 0), plan.steps);
}

// dh(t) of a stage is what the stage before it gets as d'(t).
template <typename T>
void pass_down(const Plan<T>& plan, int64_t s, int64_t last, Planes<T> from, Planes<T> to) {
  const StagePlan<T>&stage = plan.stages[s], &before = plan.stages[s - 1];
  const int64_t step = from.samples * kLanes<T>;
  const int64_t given = driven_steps(plan, stage, last);
  for (int64_t j = 0; j < stage.own; j += kLanes<T>) {
    T* target = to.from(before.own + j).row(before.lag, 0);
    std::memcpy(target, from.from(j).row(1, 0), sizeof(T) * given * step);
    std::memset(target + given * step, 0, sizeof(T) * (plan.steps - given) * step);
  }
}

// dW of the first layer.
template <typename T>
void accumulate_input(const Plan<T>& plan, Block<T> block, const BlockEvents<T>& events,
                      int64_t last, Planes<T> rows, Worker<T>& worker) {
  rows.data = rows.row(1, 0);  // an event at t meets dh(t)
  for_windows<T>(driven_steps(plan, plan.stages[0], last), block.count, [&](Window window) {
    ByUnit<T> groups(plan.problem->input.units, block.count, window,
                     worker.backward.groups);
    groups.sort(events);
    groups.add_rows_to(worker.grad_input.data(), plan.input_plane, plan.stages[0].own, rows);
  });
}

// dh(t) of one block in the caller's [batch, steps, H].
template <typename T>
void write_grad_drive(const Plan<T>& plan, const StagePlan<T>& s, Block<T> block, int64_t last,
                      Planes<T> rows) {
  constexpr int64_t L = kLanes<T>;
  const int64_t given = driven_steps(plan, s, last);
  T* out = static_cast<T*>(s.io->grad_drive) + block.first * plan.steps * s.units;
  for (int64_t i = 0; i < block.count; ++i)
    for (int64_t t = 0; t < plan.steps; ++t, out += s.units)
      for (int64_t j = 0; j < s.units; j += L)
        if (const size_t bytes = sizeof(T) * std::min(L, s.units - j); t < given)
          std::memcpy(out + j, rows.from(j).row(t + 1, i), bytes);
        else
          std::memset(out + j, 0, bytes);
}

template <typename T>
void backward_block(const Plan<T>& plan, Block<T> block, const BlockEvents<T>& events, bool fused,
                    Worker<T>& worker) {
  const Problem& p = *plan.problem;
  const auto rows_of = [&](int64_t s) {
    const StagePlan<T>& stage = plan.stages[s];
    const int64_t rows = (plan.steps + stage.lag) * block.count;
    return Planes<T>{worker.backward.rows[s].need(planes_of<T>(rows, stage.row)),
                     plane_size<T>(rows), block.count};
  };
  int64_t last = -1;
  if (p.readout) last = readout_backward(plan, block, rows_of(p.nb_stages - 1), worker);
  for (int64_t s = p.nb_stages - 1; s >= 0; --s) {
    const StagePlan<T>& stage = plan.stages[s];
    const Planes<T> rows = rows_of(s);
    if (stage.io->grad_counts || stage.io->grad_dense || (p.loss && p.loss->spike_rate != 0))
      last = plan.steps - 1;
    const TracePointers<T> t = traces_of(plan, s, block, fused, worker);
    if (last >= 0)
      stage_backward<T>(plan, s, block, {t.kept, t.value, t.spikes}, last, rows,
                        worker.grads[s], worker.backward);
    if (stage.io->grad_drive) write_grad_drive(plan, stage, block, last, rows);
    if (s > 0) {
      pass_down(plan, s, last, rows, rows_of(s - 1));
      last -= stage.ahead;
    }
  }
  if (plan.input_weight && p.grad_weights[0])
    accumulate_input(plan, block, events, last, rows_of(0), worker);
}

}  // namespace snn

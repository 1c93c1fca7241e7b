// The parallel loop over blocks, the sum of the threads' gradients, and the C entry points.
#pragma once

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "arrival.hpp"
#include "layout.hpp"
#include "network.hpp"

namespace snn {

// Rows first .. end of a matrix in planes, summed over the workers in their order, into those of a
// plain one.
template <typename T, typename Source>
void sum_rows(const std::vector<Worker<T>*>& workers, Source source, int64_t plane, int64_t first,
              int64_t end, int64_t columns, void* target) {
  if (!target) return;
  constexpr int64_t L = kLanes<T>;
  T* out = static_cast<T*>(target);
  for (int64_t j = 0; j < columns; j += L) {
    const size_t bytes = sizeof(T) * std::min(L, columns - j);
    for (int64_t r = first; r < end; ++r) {
      Vec<T> sum{};
      for (Worker<T>* worker : workers) sum += load<T>(source(*worker) + j / L * plane + r * L);
      std::memcpy(out + r * columns + j, &sum, bytes);
    }
  }
}

// This thread's share of all sums.
template <typename T>
void sum_gradients(const Plan<T>& plan, const std::vector<Worker<T>*>& workers, int64_t thread) {
  constexpr int64_t kRows = 16;  // at once: some cache lines of a plane, and of the result
  const Problem& p = *plan.problem;
  const int64_t threads = static_cast<int64_t>(workers.size());
  const auto share = [&](int64_t rows, auto&& body) {
    const int64_t end = rows * (thread + 1) / threads;
    for (int64_t r = rows * thread / threads; r < end; r += kRows)
      body(r, std::min(r + kRows, end));
  };
  if (plan.input_weight)
    share(p.input.units, [&](int64_t first, int64_t end) {
      sum_rows<T>(
          workers, [](Worker<T>& w) { return w.grad_input.data(); }, plan.input_plane, first, end,
          plan.stages[0].units, p.grad_weights[0]);
    });
  for (int64_t s = 0; s < p.nb_stages; ++s) {
    const StagePlan<T>& stage = plan.stages[s];
    const int64_t plane = plane_size<T>(stage.units);
    const auto out = [s](Worker<T>& w) { return w.grads[s].out.data(); };
    const auto down = [&](Worker<T>& w) { return out(w) + stage.recurrent / kLanes<T> * plane; };
    share(stage.units, [&](int64_t first, int64_t end) {
      if (stage.recurrent)
        sum_rows<T>(workers, out, plane, first, end, stage.units, stage.io->grad_recurrent);
      if (stage.down)
        sum_rows<T>(workers, down, plane, first, end, stage.down, p.grad_weights[s + 1]);
    });
    if (thread != 0) continue;
    for (int64_t r = 0; stage.io->grad_rows && r < stage.nb_rows; ++r)
      sum_rows<T>(
          workers, [&](Worker<T>& w) { return w.grads[s].rows.data() + r * stage.own; }, kLanes<T>,
          0, 1, stage.units, static_cast<T*>(stage.io->grad_rows) + r * stage.units);
    for (int64_t r = 0; stage.io->grad_taps && r < stage.nb_taps; ++r)
      sum_rows<T>(
          workers, [&](Worker<T>& w) { return w.grads[s].taps.data() + r * stage.own; }, kLanes<T>,
          0, 1, stage.units, static_cast<T*>(stage.io->grad_taps) + r * stage.units);
  }
}

// Numbers that stand for something, before anything is looked up by them.
template <typename T>
void require_known(const Problem& p) {
  for (int64_t s = 0; s < p.nb_stages; ++s) {
    const Stage& stage = p.stages[s];
    const bool encoder = stage.kind == kEncoder;
    require(stage.surrogate >= 0 && stage.surrogate < kSurrogates, kUnknownCode);
    require(encoder ? s == 0 && p.input.kind == kDense : stage.kind == kNeurons, kUnknownCode);
    require(stage.keep == 1 || stage.keep == 2, kUnknownCode);
    require(stage.lag == 1 || stage.lag == 2, kUnknownCode);
    if (!encoder) {
      const Neuron<T>* neuron = static_cast<const Neuron<T>*>(stage.neuron);
      require(neuron && neuron->version == kNeuronVersion, kUnknownCode);
      require(stage.lag == 2 || !stage.recurrent || neuron->latency > 0, kUnknownCode);
      const bool delayed = stage.taps != nullptr;
      require(!delayed || (stage.recurrent && stage.lag == 2 && stage.nb_taps > 0), kUnknownCode);
    }
    require(!stage.mask || stage.mask_steps == 1 || stage.mask_steps == p.steps, kUnknownCode);
  }
}

template <typename T>
void run_block(const Plan<T>& plan, Block<T> block, int64_t mode, Worker<T>& worker) {
  const Problem& p = *plan.problem;
  const bool forward = mode & kForward, backward = mode & kBackward;
  BlockEvents<T> events;
  if (plan.input_weight) {
    events = events_of<T>(p.input, block.first, block.count, plan.steps, worker.events);
    require_units(p.input, events, block.count);
  }
  if (forward && plan.by_plane) pack_units(events, block.count, worker.events);
  if (forward) forward_block<T>(plan, block, events, backward, worker);
  if (backward) backward_block<T>(plan, block, events, forward && backward, worker);
}

// So many that a product has the rows it was made for: kSamples where kSteps steps share it, more
// where fewer do.
template <typename T>
int64_t samples_of_block(const Plan<T>& plan) {
  int64_t steps = kSteps;
  for (const StagePlan<T>& s : plan.stages)
    if (s.recurrent) steps = std::min(steps, s.lag - 1 + s.ahead);
  return Factor<T>::kSamples * kSteps / std::max<int64_t>(steps, 1);
}

template <typename T>
void run_blocks(const Problem& p, int64_t mode, Outcome& outcome) {
  require_known<T>(p);
  static thread_local PlanMemory<T> memory;
  const bool backward = mode & kBackward;
  const Plan<T> plan = make_plan<T>(p, backward, memory);
  const int64_t wanted = std::max<int64_t>(1, std::min(p.threads, p.batch));
  const int64_t samples = samples_of_block(plan);
  const int64_t rounds = (p.batch + wanted * samples - 1) / (wanted * samples);
  const int64_t blocks = std::min(wanted * rounds, p.batch);
  std::vector<Worker<T>*> workers(wanted);

#if defined(_OPENMP)
#pragma omp parallel num_threads(static_cast<int>(wanted))
#endif
  {
    // Every thread reaches every barrier: what it attempts in between throws nothing.
    static thread_local Worker<T> own;
    Worker<T>& worker = own;
#if defined(_OPENMP)
    const int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads();
#else
    const int64_t thread = 0, threads = 1;
#endif
#if defined(_OPENMP)
#pragma omp single
#endif
    workers.resize(threads);  // no more than there is room for
    workers[thread] = &worker;
    outcome.attempt([&] {
      worker.resize(plan.stages.size());
      copy_input(plan, thread, threads);
      if (backward) worker.clear_gradients(plan);
    });
#if defined(_OPENMP)
#pragma omp barrier
#endif
    // A fixed share for each thread: the order of every sum is the same in every run.
    const int64_t end = blocks * (thread + 1) / threads;
    for (int64_t k = blocks * thread / threads; k < end && outcome.good(); ++k)
      outcome.attempt([&] {
        const int64_t first = p.batch * k / blocks;
        run_block<T>(plan, {first, p.batch * (k + 1) / blocks - first}, mode, worker);
      });
    if (backward) {
#if defined(_OPENMP)
#pragma omp barrier
#endif
      if (outcome.good()) sum_gradients<T>(plan, workers, thread);
    }
  }
}

// A Status.
template <typename T>
int run(const Problem& p, int64_t mode) {
  Outcome outcome;
  outcome.attempt([&] { run_blocks<T>(p, mode, outcome); });
  return outcome.status();
}

}  // namespace snn

SNN_EXPORT int snn_run_f32(const snn::Problem* p, int64_t mode) {
  return snn::run<float>(*p, mode);
}
SNN_EXPORT int snn_run_f64(const snn::Problem* p, int64_t mode) {
  return snn::run<double>(*p, mode);
}
// Lives as long as the library.
SNN_EXPORT const char* snn_describe() {
  static const std::string text = snn::layout();
  return text.c_str();
}
SNN_EXPORT int64_t snn_vector_bytes() { return SNN_VECTOR_BYTES; }

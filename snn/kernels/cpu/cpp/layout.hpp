// How this build lays out the structs of abi.hpp, as text: Python compares it with its mirrors
// before anything is called.
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>

#include "abi.hpp"

namespace snn {

// i: int64, d: double, p: pointer, s: struct by value.
template <typename Member>
constexpr char kind_of() {
  if (std::is_pointer<Member>::value) return 'p';
  if (std::is_floating_point<Member>::value) return 'd';
  return std::is_integral<Member>::value || std::is_enum<Member>::value ? 'i' : 's';
}

template <typename Member>
std::string field(const char* name, size_t offset) {
  return std::string(" ") + name + ':' + kind_of<Member>() + std::to_string(sizeof(Member)) + '@' +
         std::to_string(offset);
}

#define SNN_FIELD(name) +field<decltype(S::name)>(#name, offsetof(S, name))

// "Struct size name:kindsize@offset ...", one line each, and the version of their meaning.
inline std::string layout() {
  std::string text;
  {
    using S = Input;
    text += "Input " + std::to_string(sizeof(S)) SNN_FIELD(kind) SNN_FIELD(units)
        SNN_FIELD(nb_samples) SNN_FIELD(nb_events) SNN_FIELD(indptr) SNN_FIELD(events)
        SNN_FIELD(index) SNN_FIELD(dense)
        SNN_FIELD(events_per_step);
  }
  {
    using S = Stage;
    text += "\nStage " + std::to_string(sizeof(S)) SNN_FIELD(kind) SNN_FIELD(units)
        SNN_FIELD(neuron) SNN_FIELD(recurrent) SNN_FIELD(rows) SNN_FIELD(initial)
        SNN_FIELD(taps) SNN_FIELD(nb_taps)
        SNN_FIELD(threshold) SNN_FIELD(scale) SNN_FIELD(surrogate) SNN_FIELD(lag) SNN_FIELD(keep)
        SNN_FIELD(mask) SNN_FIELD(mask_steps) SNN_FIELD(kept) SNN_FIELD(spikes) SNN_FIELD(counts)
        SNN_FIELD(dense_spikes) SNN_FIELD(grad_counts) SNN_FIELD(grad_dense)
        SNN_FIELD(grad_recurrent) SNN_FIELD(grad_rows) SNN_FIELD(grad_taps)
        SNN_FIELD(grad_drive);
  }
  {
    using S = Readout;
    text += "\nReadout " + std::to_string(sizeof(S)) SNN_FIELD(classes) SNN_FIELD(alpha)
        SNN_FIELD(beta) SNN_FIELD(gain) SNN_FIELD(trace) SNN_FIELD(grad_trace) SNN_FIELD(logits)
        SNN_FIELD(argmax);
  }
  {
    using S = Loss;
    text += "\nLoss " + std::to_string(sizeof(S)) SNN_FIELD(labels) SNN_FIELD(sample_weight)
        SNN_FIELD(nll) SNN_FIELD(spikes) SNN_FIELD(spike_rate) SNN_FIELD(smoothing);
  }
  {
    using S = Problem;
    text += "\nProblem " + std::to_string(sizeof(S)) SNN_FIELD(batch) SNN_FIELD(steps)
        SNN_FIELD(threads) SNN_FIELD(input) SNN_FIELD(nb_stages) SNN_FIELD(stages)
        SNN_FIELD(weights) SNN_FIELD(grad_weights) SNN_FIELD(readout) SNN_FIELD(loss);
  }
  return text + "\nmeaning " + std::to_string(kMeaning);
}

#undef SNN_FIELD

}  // namespace snn

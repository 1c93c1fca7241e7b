// Axonal delays of recurrent connections: a spike of neuron i at step t reaches its own layer at
// t + tau with the weight taps[tau - 1][i], tau = 1 .. nb_taps.
#pragma once

#include "plan.hpp"

namespace snn {

// Spikes on their way, for one sample: a ring of as many steps as there are taps.
template <typename T>
class DelayLine {
 public:
  DelayLine(const StagePlan<T>& s, Buffer<T>& memory)
      : s_(s), ring_(s.taps ? memory.zeros(s.nb_taps * s.own) : nullptr) {}

  // The neurons whose spikes arrive at step t, with what is left of them; they are forgotten then.
  int64_t arriving(int64_t t, int32_t* index, T* value) {
    T* row = ring_ + t % s_.nb_taps * s_.own;
    int64_t count = 0;
    for (int64_t j = 0; j < s_.units; ++j) {
      index[count] = static_cast<int32_t>(j);
      value[count] = row[j];
      count += row[j] != 0;
    }
    std::memset(row, 0, sizeof(T) * s_.own);
    return count;
  }

  // Spikes of step t, with factors value[k] or 1, after what arrives at t has been taken.
  void send(int64_t t, const int32_t* index, const T* value, int64_t count) {
    for (int64_t tau = 1; tau <= s_.nb_taps; ++tau) {
      T* row = ring_ + (t + tau) % s_.nb_taps * s_.own;
      const T* taps = s_.taps + (tau - 1) * s_.own;
      for (int64_t k = 0; k < count; ++k)
        row[index[k]] += taps[index[k]] * (value ? value[k] : T(1));
    }
  }

 private:
  const StagePlan<T>& s_;
  T* ring_;
};

}  // namespace snn

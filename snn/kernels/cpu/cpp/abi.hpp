// What crosses the border between Python and the kernels: plain C structs, mirrored field by field
// in snn/kernels/cpu/library.py. T is float or double, the same for all arrays of a problem. All arrays
// are contiguous; a null pointer means "absent" for an input and "not wanted" for an output.
#pragma once

#include <cstdint>

namespace snn {

// To be raised, here and there, when a field or a number comes to mean something else: a new order
// of surrogates, another unit. Names, kinds and places of the fields guard themselves (layout.hpp).
constexpr int64_t kMeaning = 2;

enum InputKind : int64_t { kEvents16, kEvents32, kDense };
enum StageKind : int64_t { kNeurons, kEncoder };

// Input of the first stage. Events: row sample * steps + t of a store in compressed sparse rows.
struct Input {
  int64_t kind;
  int64_t units;          // I; for an encoder: channels
  int64_t nb_samples;     // of the store
  int64_t nb_events;
  const int64_t* indptr;  // [nb_samples * steps + 1]
  const void* events;     // int16 or int32 unit ids, [events]
  const int64_t* index;   // [batch]: which samples of the store
  const void* dense;      // [batch, steps, I]
  double events_per_step; // of a sample, on average over the store: chooses a way, not a result
};

// A layer of spiking units. Its incoming weights belong to the stage before, or to the input.
struct Stage {
  int64_t kind;
  int64_t units;          // H
  const void* neuron;     // a Neuron<T>, see neuron.hpp; null for an encoder
  const void* recurrent;  // V [H, H]
  const void* rows;       // [R, H]: what the neuron computes with; of an encoder: beta, gain, bias
  const double* initial;  // [K]: states before the first step
  const void* taps;       // [nb_taps, H]: what a spike is worth 1, 2, ... steps later, see delays.hpp
  int64_t nb_taps;
  double threshold, scale;
  int64_t surrogate;      // an enum Surrogate
  int64_t lag;            // 1 + steps from a spike to the recurrent drive: 2 "previous", 1 "current"
  int64_t keep;           // what backward is for: 1 weights, 2 rows too
  const void* mask;       // [batch, mask_steps, H] factors on the outgoing spikes
  int64_t mask_steps;     // 1 or steps
  // Written forward, read backward.
  void* kept;             // what the neuron keeps: batch * steps * H each, rows padded to padding()
  uint64_t* spikes;       // [batch, steps, (H + 63) / 64] bit sets
  void* counts;           // [batch, H]
  void* dense_spikes;     // [batch, steps, H]
  // Gradients that come in.
  const void* grad_counts;  // [batch, H]
  const void* grad_dense;   // [batch, steps, H]
  // Gradients that go out.
  void* grad_recurrent;   // [H, H]
  void* grad_rows;        // [R, H]
  void* grad_taps;        // [nb_taps, H]
  void* grad_drive;       // [batch, steps, H]: of the stage's feed-forward drive x W
};

// Non-spiking leaky readout after the last stage.
struct Readout {
  int64_t classes;        // C
  const void* alpha;      // [C]
  const void* beta;       // [C]
  const void* gain;       // [C]
  void* trace;            // [batch, steps + 1, C]
  const void* grad_trace; // [batch, steps + 1, C]
  void* logits;           // [batch, C]: maximum over time
  int64_t* argmax;        // [batch, C]: where it is first reached
};

// Loss of the fused step: weighted NLL of the maxima, and a rate on every hidden spike.
struct Loss {
  const int64_t* labels;      // [batch]
  const void* sample_weight;  // [batch]: class weight over the sum of class weights
  double* nll;                // [batch]: weighted contributions
  double* spikes;             // [batch]: hidden spikes of each sample
  double spike_rate;          // gradient of the penalty with respect to each count
  double smoothing;           // share of each label that is spread over all classes
};

struct Problem {
  int64_t batch, steps, threads;
  Input input;
  int64_t nb_stages;
  Stage* stages;
  const void** weights;   // [nb_stages + 1]: into stage s, [inputs of s, H_s]; the last: readout
  void** grad_weights;    // [nb_stages + 1]
  Readout* readout;       // null: the network ends with spikes
  Loss* loss;             // null unless forward and backward are fused
};

enum Mode : int64_t { kForward = 1, kBackward = 2, kFused = 3 };

// What a call returns; snn/kernels/cpu/call.py makes exceptions of it.
enum Status : int {
  kDone,
  kUnknownUnit,    // an event names a unit that the first layer has no weights for
  kUnknownCode,    // a number that stands for a kind, a surrogate or a time is none of those known
  kNoMemory,
  kFailed,         // anything else that was thrown
  kDamagedRows,    // the row bounds of a sample descend, or leave the store
  kUnknownSample,  // the index names a sample that the store does not have
  kUnknownLabel,   // a label is no class
};

}  // namespace snn

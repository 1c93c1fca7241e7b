// The events of one sample, whatever form the input has.
#pragma once

#include <algorithm>

#include "abi.hpp"
#include "simd.hpp"

namespace snn {

// Step t has events unit[offset[t] .. offset[t + 1]), with values or 1 each.
template <typename T>
struct SampleEvents {
  const int32_t* unit;
  const T* value;
  const int64_t* offset;
};

// Scratch for events that the store does not hold in this form.
template <typename T>
struct EventScratch {
  Buffer<int32_t> unit;
  Buffer<T> value;
  Buffer<int64_t> offset;
};

template <typename T>
SampleEvents<T> events_of_dense(const Input& in, int64_t b, int64_t steps, EventScratch<T>& s) {
  const T* x = static_cast<const T*>(in.dense) + b * steps * in.units;
  int32_t* unit = s.unit.need(steps * in.units);
  T* value = s.value.need(steps * in.units);
  int64_t* offset = s.offset.need(steps + 1);
  int64_t n = 0;
  for (int64_t t = 0; t < steps; ++t, x += in.units) {
    offset[t] = n;
    for (int64_t i = 0; i < in.units; ++i) {
      unit[n] = static_cast<int32_t>(i);
      value[n] = x[i];
      n += x[i] != 0;
    }
  }
  offset[steps] = n;
  return {unit, value, offset};
}

template <typename T>
SampleEvents<T> events_of(const Input& in, int64_t b, int64_t steps, EventScratch<T>& s) {
  if (in.kind == kDense) return events_of_dense<T>(in, b, steps, s);
  const int64_t* rows = in.indptr + in.index[b] * steps;
  if (in.kind == kEvents32) return {static_cast<const int32_t*>(in.events), nullptr, rows};
  const int64_t first = rows[0], count = rows[steps] - first;
  const int16_t* from = static_cast<const int16_t*>(in.events) + first;
  int32_t* unit = s.unit.need(count);
  for (int64_t k = 0; k < count; ++k) unit[k] = from[k];
  int64_t* offset = s.offset.need(steps + 1);
  for (int64_t t = 0; t <= steps; ++t) offset[t] = rows[t] - first;
  return {unit, nullptr, offset};
}

// Unit ids index weight rows: one out of range must not be followed.
template <typename T>
bool in_range(const Input& in, const SampleEvents<T>& e, int64_t steps) {
  uint32_t largest = 0;  // a negative id is a large unsigned one
  for (int64_t k = e.offset[0]; k < e.offset[steps]; ++k)
    largest = std::max(largest, static_cast<uint32_t>(e.unit[k]));
  return e.offset[0] == e.offset[steps] || largest < in.units;
}

}  // namespace snn

// The events of a block of samples, whatever form the input has, and what they make arrive.
#pragma once

#include <algorithm>

#include "abi.hpp"
#include "planes.hpp"
#include "status.hpp"

namespace snn {

// From how many events per sample and step on, on average over the data set, the weights are read
// vector by vector (plan.hpp).
constexpr double kManyEvents = 8;

// Step t has events unit[offset[t] .. offset[t + 1]), with values or 1 each.
template <typename T>
struct SampleEvents {
  const int32_t* unit;
  const T* value;
  const int64_t* offset;
};

template <typename T>
struct BlockEvents {
  const int32_t* unit = nullptr;
  const T* value = nullptr;
  const int64_t* offset = nullptr;  // [count, steps + 1]
  int64_t steps = 0;
  const Packed* packed = nullptr;   // the units as vectors of a plane, if they are wanted so

  SampleEvents<T> sample(int64_t i) const { return {unit, value, offset + i * (steps + 1)}; }
};

template <typename T>
struct EventScratch {
  Buffer<int32_t> unit;
  Buffer<T> value;
  Buffer<int64_t> offset;
  Buffer<Packed> packed;
};

template <typename T>
BlockEvents<T> events_of_dense(const Input& in, int64_t first, int64_t count, int64_t steps,
                               EventScratch<T>& s) {
  const T* x = static_cast<const T*>(in.dense) + first * steps * in.units;
  int64_t total = 0;
  for (int64_t k = 0; k < count * steps * in.units; ++k) total += x[k] != 0;
  int32_t* unit = s.unit.need(total + 1);  // one is written past the last
  T* value = s.value.need(total + 1);
  int64_t* offset = s.offset.need(count * (steps + 1));
  int64_t n = 0;
  for (int64_t i = 0; i < count; ++i, ++offset) {
    for (int64_t t = 0; t < steps; ++t, x += in.units, ++offset) {
      *offset = n;
      for (int64_t j = 0; j < in.units; ++j) {
        unit[n] = static_cast<int32_t>(j);
        value[n] = x[j];
        n += x[j] != 0;
      }
    }
    *offset = n;
  }
  return {unit, value, s.offset.data(), steps, nullptr};
}

template <typename T, typename Unit>
BlockEvents<T> events_of_store(const Input& in, int64_t first, int64_t count, int64_t steps,
                               EventScratch<T>& s) {
  const auto rows = [&](int64_t i) { return in.indptr + in.index[first + i] * steps; };
  int64_t total = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t sample = in.index[first + i];
    require(sample >= 0 && sample < in.nb_samples, kUnknownSample);
    const int64_t *row = rows(i), begin = row[0], end = row[steps];
    require(begin >= 0 && begin <= end && end <= in.nb_events, kDamagedRows);
    bool descends = false;
    for (int64_t t = 0; t < steps; ++t) descends |= row[t + 1] < row[t];
    require(!descends, kDamagedRows);
    total += end - begin;
  }
  int32_t* unit = s.unit.need(total);
  int64_t* offset = s.offset.need(count * (steps + 1));
  int64_t n = 0;
  for (int64_t i = 0; i < count; ++i, offset += steps + 1) {
    const int64_t* row = rows(i);
    const Unit* from = static_cast<const Unit*>(in.events) + row[0];
    for (int64_t t = 0; t <= steps; ++t) offset[t] = n + row[t] - row[0];
    for (int64_t k = 0; k < row[steps] - row[0]; ++k) unit[n + k] = from[k];
    n = offset[steps];
  }
  return {unit, nullptr, s.offset.data(), steps, nullptr};
}

template <typename T>
BlockEvents<T> events_of(const Input& in, int64_t first, int64_t count, int64_t steps,
                         EventScratch<T>& s) {
  if (in.kind == kDense) return events_of_dense<T>(in, first, count, steps, s);
  if (in.kind == kEvents32) return events_of_store<T, int32_t>(in, first, count, steps, s);
  return events_of_store<T, int16_t>(in, first, count, steps, s);
}

// Unit ids index weight rows: one out of range must not be followed.
template <typename T>
void require_units(const Input& in, const BlockEvents<T>& e, int64_t count) {
  uint32_t largest = 0;  // a negative id is a large unsigned one
  const int64_t total = e.offset[count * (e.steps + 1) - 1];
  for (int64_t k = 0; k < total; ++k)
    largest = std::max(largest, static_cast<uint32_t>(e.unit[k]));
  require(total == 0 || largest < in.units, kUnknownUnit);
}

template <typename T>
void pack_units(BlockEvents<T>& e, int64_t count, EventScratch<T>& s) {
  const int64_t total = e.offset[count * (e.steps + 1) - 1];
  Packed* packed = s.packed.need(total);
  for (int64_t k = 0; k < total; ++k) packed[k] = static_cast<Packed>(e.unit[k] * kStride);
  e.packed = packed;
}

// Feed-forward drive of a block, [count, steps, own], from weights in planes: what is read again
// and again lies in the first-level cache.
template <typename T, bool Weighted>
void drive_by_plane(const BlockEvents<T>& e, int64_t count, const T* planes, int64_t plane,
                    int64_t own, T* drive) {
  for (int64_t j = 0; j < own; j += kLanes<T>, planes += plane)
    for (int64_t i = 0; i < count; ++i) {
      const int64_t* offset = e.offset + i * (e.steps + 1);
      T* out = drive + i * e.steps * own + j;
      for (int64_t t = 0; t < e.steps; ++t, out += own) {
        Vec<T> sum[1];
        sum_packed<T, 1, Weighted>(planes, 0, e.packed + offset[t],
                                   Weighted ? e.value + offset[t] : nullptr,
                                   offset[t + 1] - offset[t], sum);
        store<T>(out, sum[0]);
      }
    }
}

}  // namespace snn

// Events of one sample sorted by unit, so that each unit's adjoint rows are summed in registers.
#pragma once

#include "rows.hpp"

namespace snn {

// From how many events per unit on the sort pays (below, each event adds its row in memory).
constexpr int64_t kEventsPerUnit = 2;

template <typename T>
struct GroupScratch {
  Buffer<int32_t> start, step;
  Buffer<T> value;
};

// A counting sort: count() every step, begin(), append() every step in the same order.
template <typename T>
class ByUnit {
 public:
  ByUnit(int64_t units, int64_t events, bool weighted, GroupScratch<T>& scratch)
      : units_(units),
        start_(scratch.start.zeros(units + 2)),
        step_(scratch.step.need(events)),
        value_(weighted ? scratch.value.need(events) : nullptr) {}

  void count(const int32_t* unit, int64_t n) {
    for (int64_t k = 0; k < n; ++k) ++start_[unit[k] + 2];
  }

  // start_[u + 1] becomes where unit u begins; append() moves it to where it ends.
  void begin() {
    for (int64_t u = 0; u < units_; ++u) start_[u + 2] += start_[u + 1];
  }

  void append(const int32_t* unit, const T* value, int64_t n, int32_t step) {
    for (int64_t k = 0; k < n; ++k) {
      const int32_t at = start_[unit[k] + 1]++;
      step_[at] = step;
      if (value_) value_[at] = value[k];
    }
  }

  // out[u][0..width) += the rows of unit u's steps.
  void add_rows_to(T* out, int64_t width, const T* rows, int64_t stride) const {
    for (int64_t u = 0; u < units_; ++u)
      add_rows<T>(out + u * width, rows, stride, step_ + start_[u],
                  value_ ? value_ + start_[u] : nullptr, start_[u + 1] - start_[u], width);
  }

 private:
  int64_t units_;
  int32_t* start_;
  int32_t* step_;
  T* value_;
};

}  // namespace snn

// Events of one sample sorted by unit, so that each unit's adjoint rows are summed in registers.
#pragma once

#include "rows.hpp"

namespace snn {

// From how many events per unit on the sort pays (below, each event adds its row in memory).
constexpr int64_t kEventsPerUnit = 2;

// What the rows of one sample may take of the first-level cache.
constexpr int64_t kCacheBytes = 48 * 1024;

template <typename T>
struct GroupScratch {
  Buffer<int32_t> start, step;
  Buffer<T> value;
  Buffer<uint64_t> turned;
};

// Bit c of word r becomes bit r of word c.
SNN_INLINE void transpose_bits(uint64_t (&words)[64]) {
  uint64_t low = 0xFFFFFFFF;
  for (int j = 32; j > 0; j >>= 1, low ^= low << j)
    for (int k = 0; k < 64; k = ((k | j) + 1) & ~j) {
      const uint64_t swap = ((words[k] >> j) ^ words[k | j]) & low;
      words[k] ^= swap << j;
      words[k | j] ^= swap;
    }
}

// The steps of unit u: step[start[u] .. start[u + 1]), with values or 1 each.
template <typename T>
class ByUnit {
 public:
  ByUnit(int64_t units, int64_t events, bool weighted, GroupScratch<T>& scratch)
      : units_(units),
        start_(scratch.start.zeros(units + 2)),
        step_(scratch.step.need(events + kSpareIndices)),
        value_(weighted ? scratch.value.need(events) : nullptr),
        turned_(scratch.turned) {}

  // A counting sort of events that are ordered by step: offset[t] .. offset[t + 1] are those of t.
  void sort(const int32_t* unit, const T* value, const int64_t* offset, int64_t steps) {
    int32_t* end = start_ + 1;  // first where unit u begins, in the end where it ends
    for (int64_t k = offset[0]; k < offset[steps]; ++k) ++end[unit[k] + 1];
    for (int64_t u = 0; u < units_; ++u) end[u + 1] += end[u];
    for (int64_t t = 0; t < steps; ++t)
      for (int64_t k = offset[t]; k < offset[t + 1]; ++k) {
        const int32_t at = end[unit[k]]++;
        step_[at] = static_cast<int32_t>(t);
        if (value_) value_[at] = value[k];
      }
  }

  // From bit sets [steps, words]; mask [steps, units], or with a stride of 0 [units], or null.
  void transpose(const uint64_t* bits, int64_t words, int64_t steps, const T* mask,
                 int64_t mask_stride) {
    int32_t n = 0;
    for (int64_t w = 0; w < words; ++w) {
      const int64_t units = std::min<int64_t>(64, units_ - 64 * w);
      const int64_t pieces = (steps + 63) / 64;
      uint64_t* turned = turned_.need(64 * pieces);
      for (int64_t p = 0; p < pieces; ++p) {
        uint64_t block[64] = {};
        for (int64_t t = 0; t < std::min<int64_t>(64, steps - 64 * p); ++t)
          block[t] = bits[(64 * p + t) * words + w];
        transpose_bits(block);
        for (int64_t u = 0; u < units; ++u) turned[u * pieces + p] = block[u];
      }
      for (int64_t u = 0; u < units; ++u) {
        const int64_t count = set_bits(turned + u * pieces, pieces, step_ + n);
        if (mask)
          for (int64_t k = n; k < n + count; ++k)
            value_[k] = mask[step_[k] * mask_stride + 64 * w + u];
        n += static_cast<int32_t>(count);
        start_[64 * w + u + 1] = n;
      }
    }
  }

  // out[u][0..width) += the rows of unit u's steps, a piece of all rows after the other: of each
  // piece, the `steps` rows that are added again and again fit into the first-level cache.
  void add_rows_to(T* out, int64_t width, const T* rows, int64_t stride, int64_t steps) const {
    const int64_t fits = kCacheBytes / (steps * SNN_VECTOR_BYTES);
    const int64_t vectors = std::min<int64_t>(std::max<int64_t>(fits, 4), kRowVectors);
    const int64_t pieces = (width / kLanes<T> + vectors - 1) / vectors;
    int64_t column = 0;
    for (int64_t p = pieces; p > 0; --p) {  // pieces of equal size: 25 vectors are 13 + 12
      const int64_t now = ((width - column) / kLanes<T> + p - 1) / p * kLanes<T>;
      for (int64_t u = 0; u < units_; ++u)
        add_rows<T>(out + u * width + column, rows + column, stride, step_ + start_[u],
                    value_ ? value_ + start_[u] : nullptr, start_[u + 1] - start_[u], now);
      column += now;
    }
  }

 private:
  int64_t units_;
  int32_t* start_;
  int32_t* step_;
  T* value_;
  Buffer<uint64_t>& turned_;
};

}  // namespace snn

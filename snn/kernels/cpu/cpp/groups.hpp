// Events of a block sorted by unit, so that each unit's adjoint rows are summed in registers.
#pragma once

#include <algorithm>

#include "input.hpp"
#include "planes.hpp"
#include "rows.hpp"

namespace snn {

// What the rows of a block may take of the first-level cache, a plane of them.
constexpr int64_t kCacheBytes = 32 * 1024;

// Planes that are summed at once and share the cost of finding an event's row.
constexpr int kSharedPlanes = 2;

template <typename T>
struct GroupScratch {
  Buffer<int32_t> unit, start, row;
  Buffer<int64_t> bits, mask;
  Buffer<Packed> at;
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

// Steps first .. end of all samples.
struct Window {
  int64_t first, end;
};

// The windows that `steps` steps are cut into, as equal as can be: of each, a plane fits the cache.
template <typename T, typename Body>
void for_windows(int64_t steps, int64_t samples, Body body) {
  static_assert(kCacheBytes / SNN_VECTOR_BYTES <= kMostVectors);
  const int64_t fits = std::max<int64_t>(kCacheBytes / (samples * SNN_VECTOR_BYTES), 1);
  const int64_t windows = (steps + fits - 1) / fits;
  for (int64_t k = 0; k < windows; ++k)
    body(Window{steps * k / windows, steps * (k + 1) / windows});
}

// The events of a window, unit by unit. The k-th unit that has any is unit[k]; its rows are
// at[start[k] .. start[k + 1]), counted from the first of the window, with values or 1 each.
template <typename T>
class ByUnit {
 public:
  ByUnit(int64_t units, int64_t samples, Window window, GroupScratch<T>& scratch)
      : units_(units), samples_(samples), window_(window), scratch_(scratch) {}

  // From the events of a block, by a counting sort.
  void sort(const BlockEvents<T>& e) {
    const auto for_events = [&](auto&& body) {
      for (int64_t i = 0; i < samples_; ++i) {
        const int64_t* offset = e.offset + i * (e.steps + 1);
        for (int64_t t = window_.first; t < window_.end; ++t) {
          const auto row = static_cast<Packed>(((t - window_.first) * samples_ + i) * kStride);
          for (int64_t k = offset[t]; k < offset[t + 1]; ++k) body(row, k);
        }
      }
    };
    int32_t* end = scratch_.start.zeros(units_ + 2) + 1;  // where a unit begins, later where it ends
    const int32_t* const unit = e.unit;
    int64_t total = 0;
    for (int64_t i = 0; i < samples_; ++i) {
      const int64_t* offset = e.offset + i * (e.steps + 1);
      total += offset[window_.end] - offset[window_.first];
    }
    require(total <= INT32_MAX, kNoMemory);  // more than places are counted with
    for_events([&](Packed, int64_t k) { ++end[unit[k] + 1]; });
    for (int64_t u = 0; u < units_; ++u) end[u + 1] += end[u];
    Packed* at = scratch_.at.need(end[units_] + 1);
    if (e.value) {
      T* value = scratch_.value.need(end[units_] + 1);
      for_events([&](Packed row, int64_t k) {
        const int32_t to = end[unit[k]]++;
        at[to] = row;
        value[to] = e.value[k];
      });
      value_ = value;
    } else {
      for_events([&](Packed row, int64_t k) { at[end[unit[k]]++] = row; });
    }
    leave_out_silent();
  }

  // From bit sets [samples, steps, words]; mask [samples, mask_steps, units] or null.
  void transpose(const uint64_t* bits, int64_t words, int64_t steps, const T* mask,
                 int64_t mask_steps) {
    const int64_t rows = (window_.end - window_.first) * samples_, pieces = (rows + 63) / 64;
    int64_t* const bits_of = scratch_.bits.need(rows);  // where a row's bits and mask begin
    int64_t* const mask_of = scratch_.mask.need(rows);
    int64_t total = 0;
    for (int64_t t = window_.first, row = 0; t < window_.end; ++t)
      for (int64_t i = 0; i < samples_; ++i, ++row) {
        bits_of[row] = (i * steps + t) * words;
        mask_of[row] = (i * mask_steps + (mask_steps == 1 ? 0 : t)) * units_;
        for (int64_t w = 0; w < words; ++w) total += __builtin_popcountll(bits[bits_of[row] + w]);
      }
    require(total <= INT32_MAX, kNoMemory);
    Packed* const at = scratch_.at.need(total + 1);
    T* const value = mask ? scratch_.value.need(total + 1) : nullptr;
    int32_t* const start = scratch_.start.need(units_ + 2);
    uint64_t* const turned = scratch_.turned.need(64 * pieces);
    int32_t* const row_of = scratch_.row.need(rows + kSpareIndices);
    int32_t n = 0;
    start[0] = 0;
    for (int64_t w = 0; w < words; ++w) {
      for (int64_t p = 0; p < pieces; ++p) {
        uint64_t block[64] = {};
        for (int64_t r = 0; r < std::min<int64_t>(64, rows - 64 * p); ++r)
          block[r] = bits[bits_of[64 * p + r] + w];
        transpose_bits(block);
        for (int64_t u = 0; u < 64; ++u) turned[u * pieces + p] = block[u];
      }
      for (int64_t u = 64 * w; u < std::min(64 * w + 64, units_); ++u) {
        const int64_t found = set_bits(turned + (u - 64 * w) * pieces, pieces, row_of);
        if (mask) {
          for (int64_t k = 0; k < found; ++k) {
            at[n] = static_cast<Packed>(row_of[k] * kStride);
            value[n] = mask[mask_of[row_of[k]] + u];
            n += value[n] != 0;
          }
        } else {
          for (int64_t k = 0; k < found; ++k) at[n + k] = static_cast<Packed>(row_of[k] * kStride);
          n += static_cast<int32_t>(found);
        }
        start[u + 1] = n;
      }
    }
    value_ = value;
    leave_out_silent();
  }

  // out[u] += the rows of unit u's events, [units, width] in planes of its own. `rows` begins with
  // what an event at step 0 meets.
  void add_rows_to(T* out, int64_t out_plane, int64_t width, Planes<T> rows) const {
    const T* const first = rows.row(window_.first, 0);
    const int64_t vectors = width / kLanes<T>;
    const int64_t pieces = (vectors + kSharedPlanes - 1) / kSharedPlanes;
    constexpr std::make_integer_sequence<int, kSharedPlanes> sizes{};
    for (int64_t p = 0; p < pieces; ++p) {
      const int64_t v = vectors * p / pieces, now = vectors * (p + 1) / pieces - v;
      const Add add = value_ ? function<true>(now, sizes) : function<false>(now, sizes);
      (this->*add)(out + v * out_plane, out_plane, first + v * rows.plane, rows.plane);
    }
  }

 private:
  using Add = void (ByUnit::*)(T*, int64_t, const T*, int64_t) const;

  void leave_out_silent() {
    int32_t* start = scratch_.start.data();
    int32_t* unit = scratch_.unit.need(units_ + 1);
    active_ = 0;
    for (int64_t u = 0; u < units_; ++u)
      if (start[u + 1] > start[u]) {
        unit[active_] = static_cast<int32_t>(u);
        start[++active_] = start[u + 1];  // never ahead of what is still to be read
      }
  }

  template <bool Weighted, int... NV>
  static Add function(int64_t vectors, std::integer_sequence<int, NV...>) {
    static constexpr Add table[] = {&ByUnit::add<NV + 1, Weighted>...};
    return table[vectors - 1];
  }

  // NV planes at once.
  template <int NV, bool Weighted>
  void add(T* out, int64_t out_plane, const T* rows, int64_t plane) const {
    const Packed* const at = scratch_.at.data();
    const int32_t *const start = scratch_.start.data(), *const unit = scratch_.unit.data();
    const T* const value = value_;
    for (int64_t a = 0; a < active_; ++a) {
      Vec<T> sum[NV];
      sum_packed<T, NV, Weighted>(rows, plane, at + start[a],
                                  Weighted ? value + start[a] : nullptr, start[a + 1] - start[a],
                                  sum);
      for (int v = 0; v < NV; ++v) {
        T* to = out + v * out_plane + unit[a] * kLanes<T>;
        store<T>(to, load<T>(to) + sum[v]);
      }
    }
  }

  int64_t units_, samples_, active_ = 0;
  Window window_;
  GroupScratch<T>& scratch_;
  const T* value_ = nullptr;
};

}  // namespace snn

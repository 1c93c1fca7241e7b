// Sums of matrix rows: what a product with a sparse spike vector comes down to.
#pragma once

#include <algorithm>
#include <utility>

#include "simd.hpp"

namespace snn {

// Vectors of one row that are kept in registers while rows are added up.
constexpr int kRowVectors = SNN_MANY_REGISTERS ? 16 : 8;

template <typename T, int NV, bool Weighted>
void add_rows_of(T* acc, const T* rows, int64_t stride, const int32_t* index, const T* value,
                 int64_t count) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> sum[NV];
  for (int v = 0; v < NV; ++v) sum[v] = load<T>(acc + v * L);
  for (int64_t k = 0; k < count; ++k) {
    const T* row = rows + index[k] * stride;
    for (int v = 0; v < NV; ++v) {
      if constexpr (Weighted)
        sum[v] += value[k] * load<T>(row + v * L);
      else
        sum[v] += load<T>(row + v * L);
    }
  }
  for (int v = 0; v < NV; ++v) store<T>(acc + v * L, sum[v]);
}

template <typename T>
using AddRows = void (*)(T*, const T*, int64_t, const int32_t*, const T*, int64_t);

template <typename T, bool Weighted, int... NV>
AddRows<T> add_rows_function(int vectors, std::integer_sequence<int, NV...>) {
  static constexpr AddRows<T> table[] = {add_rows_of<T, NV + 1, Weighted>...};
  return table[vectors - 1];
}

// acc[0..width) += sum over k of value[k] * rows[index[k] * stride + 0..width); value null: all 1.
// width is a multiple of the vector width.
template <typename T>
void add_rows(T* acc, const T* rows, int64_t stride, const int32_t* index, const T* value,
              int64_t count, int64_t width) {
  if (count == 0) return;
  constexpr std::make_integer_sequence<int, kRowVectors> sizes{};
  int64_t left = width / kLanes<T>;
  int64_t pieces = (left + kRowVectors - 1) / kRowVectors;
  for (; pieces > 0; --pieces) {  // pieces of equal size: 25 vectors are 13 + 12
    const int64_t now = (left + pieces - 1) / pieces;
    const AddRows<T> add = value ? add_rows_function<T, true>(static_cast<int>(now), sizes)
                                 : add_rows_function<T, false>(static_cast<int>(now), sizes);
    add(acc, rows, stride, index, value, count);
    acc += now * kLanes<T>;
    rows += now * kLanes<T>;
    left -= now;
  }
}

// target[0..width) += weight * row[0..width)
template <typename T>
SNN_INLINE void add_row(T* target, const T* row, T weight, int64_t width) {
  for (int64_t j = 0; j < width; j += kLanes<T>)
    store<T>(target + j, load<T>(target + j) + weight * load<T>(row + j));
}

// Positions of the bits that are set in words[0..n), ascending; returns how many.
SNN_INLINE int64_t set_bits(const uint64_t* words, int64_t n, int32_t* out) {
  int64_t count = 0;
  for (int64_t w = 0; w < n; ++w)
    for (uint64_t bits = words[w]; bits != 0; bits &= bits - 1)
      out[count++] = static_cast<int32_t>(64 * w + __builtin_ctzll(bits));
  return count;
}

}  // namespace snn

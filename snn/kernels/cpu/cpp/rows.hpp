// Sums of matrix rows: what a product with a sparse spike vector comes down to.
#pragma once

#include <algorithm>
#include <utility>

#include "simd.hpp"

namespace snn {

// Vectors of one row that are kept in registers while rows are added up.
constexpr int kRowVectors = SNN_MANY_REGISTERS ? 16 : 8;

template <typename T, int NV, bool Weighted, bool Fresh>
void add_rows_of(T* acc, const T* rows, int64_t stride, const int32_t* index, const T* value,
                 int64_t count) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> sum[NV];
  for (int v = 0; v < NV; ++v) sum[v] = Fresh ? Vec<T>{} : load<T>(acc + v * L);
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

template <typename T, bool Weighted, bool Fresh, int... NV>
AddRows<T> add_rows_function(int vectors, std::integer_sequence<int, NV...>) {
  static constexpr AddRows<T> table[] = {add_rows_of<T, NV + 1, Weighted, Fresh>...};
  return table[vectors - 1];
}

// acc[0..width) += sum over k of value[k] * rows[index[k] * stride + 0..width); value null: all 1.
// Fresh: = instead of +=. width is a multiple of the vector width.
template <typename T, bool Fresh = false>
void add_rows(T* acc, const T* rows, int64_t stride, const int32_t* index, const T* value,
              int64_t count, int64_t width) {
  if (count == 0 && !Fresh) return;
  constexpr std::make_integer_sequence<int, kRowVectors> sizes{};
  int64_t left = width / kLanes<T>;
  int64_t pieces = (left + kRowVectors - 1) / kRowVectors;
  for (; pieces > 0; --pieces) {  // pieces of equal size: 25 vectors are 13 + 12
    const int64_t now = (left + pieces - 1) / pieces;
    const AddRows<T> add = value
                               ? add_rows_function<T, true, Fresh>(static_cast<int>(now), sizes)
                               : add_rows_function<T, false, Fresh>(static_cast<int>(now), sizes);
    add(acc, rows, stride, index, value, count);
    acc += now * kLanes<T>;
    rows += now * kLanes<T>;
    left -= now;
  }
}

// target[0..width) += row[0..width)
template <typename T>
SNN_INLINE void add_row(T* target, const T* row, int64_t width) {
  for (int64_t j = 0; j < width; j += kLanes<T>)
    store<T>(target + j, load<T>(target + j) + load<T>(row + j));
}

// target[0..width) = row[0..width)
template <typename T>
SNN_INLINE void copy_row(T* target, const T* row, int64_t width) {
  for (int64_t j = 0; j < width; j += kLanes<T>) store<T>(target + j, load<T>(row + j));
}

// Asks for a row before it is needed, as long as one is being added up elsewhere.
template <typename T>
SNN_INLINE void prefetch_row(const T* row, int64_t width) {
  for (int64_t j = 0; j < width; j += 64 / static_cast<int64_t>(sizeof(T)))
    __builtin_prefetch(row + j);
}

// Positions of the bits that are set in words[0..n), ascending; returns how many. May write up to
// kSpareIndices values past the last one.
constexpr int64_t kSpareIndices = 16;

#if defined(__AVX2__) && !defined(__AVX512F__)
// The bits that are set in each byte, ascending.
struct BitsOfBytes {
  uint8_t positions[256][8] = {};
  constexpr BitsOfBytes() {
    for (int byte = 0; byte < 256; ++byte)
      for (int bit = 0, n = 0; bit < 8; ++bit)
        if (byte >> bit & 1) positions[byte][n++] = static_cast<uint8_t>(bit);
  }
};
inline constexpr BitsOfBytes kBitsOfBytes;
#endif

SNN_INLINE int64_t set_bits(const uint64_t* words, int64_t n, int32_t* out) {
  int64_t count = 0;
  for (int64_t w = 0; w < n; ++w) {
#if defined(__AVX512F__)
    __m512i position = _mm512_add_epi32(
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
        _mm512_set1_epi32(static_cast<int32_t>(64 * w)));
    for (uint64_t bits = words[w]; bits != 0; bits >>= 16) {
      const __mmask16 mask = static_cast<__mmask16>(bits);
      _mm512_storeu_si512(out + count, _mm512_maskz_compress_epi32(mask, position));
      count += __builtin_popcount(mask);
      position = _mm512_add_epi32(position, _mm512_set1_epi32(16));
    }
#elif defined(__AVX2__)
    __m256i first = _mm256_set1_epi32(static_cast<int32_t>(64 * w));
    for (uint64_t bits = words[w]; bits != 0; bits >>= 8) {  // no branch on how many there are
      const auto* found = kBitsOfBytes.positions[bits & 0xFF];
      const __m256i position = _mm256_cvtepu8_epi32(
          _mm_loadl_epi64(reinterpret_cast<const __m128i*>(found)));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + count),
                          _mm256_add_epi32(position, first));
      count += __builtin_popcountll(bits & 0xFF);
      first = _mm256_add_epi32(first, _mm256_set1_epi32(8));
    }
#else
    for (uint64_t bits = words[w]; bits != 0; bits &= bits - 1)
      out[count++] = static_cast<int32_t>(64 * w + __builtin_ctzll(bits));
#endif
  }
  return count;
}

}  // namespace snn

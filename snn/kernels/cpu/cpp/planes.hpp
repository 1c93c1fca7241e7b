// Matrices that are laid out vector by vector.
#pragma once

#include "simd.hpp"

namespace snn {

// Rows of a block, one for each position: step * samples + sample. The first vectors of all rows
// lie together, then all second ones: a plane each. Sums over many rows go plane by plane, as a
// plane fits the first-level cache where whole rows do not, and a few steps of all samples are one
// contiguous piece.
template <typename T>
struct Planes {
  T* data = nullptr;
  int64_t plane = 0;  // from one plane to the next
  int64_t samples = 0;

  // The first vector of the row of sample i at step t; the others follow at distance `plane`.
  T* row(int64_t t, int64_t i) const { return data + (t * samples + i) * kLanes<T>; }

  // The planes from that of `column` on, a multiple of the vector width.
  Planes from(int64_t column) const {
    return {data + column / kLanes<T> * plane, plane, samples};
  }
};

// Size of a plane of n vectors: an odd number of cache lines, so that the vectors of one row do not
// compete for the same places of the cache.
template <typename T>
constexpr int64_t plane_size(int64_t n) {
  constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(T));
  return ((n * kLanes<T> + line - 1) / line | 1) * line;
}

// Numbers in the planes of n rows of a width that is a multiple of the vector width.
template <typename T>
constexpr int64_t planes_of(int64_t n, int64_t width) {
  return plane_size<T>(n) * (width / kLanes<T>);
}

// Which vectors of a plane are meant: the k-th as k * kStride, in units of eight bytes, so that an
// address is found in one instruction, and in so few bits that four come with one load. Two loads
// at a time are what a processor does at best, and the vectors themselves take one each.
using Packed = uint16_t;
constexpr int64_t kStride = SNN_VECTOR_BYTES / 8;
constexpr int64_t kMostVectors = 65535 / kStride + 1;
constexpr bool kLittleEndian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

template <typename T>
SNN_INLINE Vec<T> packed_vector(const T* plane, uint64_t k) {
  return load<T>(plane + k * (8 / sizeof(T)));
}

// sum[v] = the vectors at[0 .. count) of plane v, added up, with factors value[k] or 1. Each plane has
// as many partial sums as hide the latency of an addition.
template <typename T, int NV, bool Weighted>
SNN_INLINE void sum_packed(const T* planes, int64_t plane, const Packed* at, const T* value,
                           int64_t count, Vec<T> (&sum)[NV]) {
  constexpr int kSums = NV == 1 ? 4 : NV == 2 ? 2 : 1;
  Vec<T> part[NV][kSums] = {};
  const auto add = [&](uint64_t k, T factor, int c) {
    for (int v = 0; v < NV; ++v) {
      const Vec<T> x = packed_vector<T>(planes + v * plane, k);
      part[v][c] += Weighted ? factor * x : x;
    }
  };
  int64_t k = 0;
  for (; k + 4 <= count; k += 4) {
    uint64_t four;
    std::memcpy(&four, at + k, sizeof four);
    for (int c = 0; c < 4; ++c)
      add(four >> (kLittleEndian ? 16 * c : 48 - 16 * c) & 0xFFFF, Weighted ? value[k + c] : T(1),
          c % kSums);
  }
  for (; k < count; ++k) add(at[k], Weighted ? value[k] : T(1), 0);
  for (int v = 0; v < NV; ++v) {
    for (int c = 1; c < kSums; ++c) part[v][0] += part[v][c];
    sum[v] = part[v][0];
  }
}

// target[0..width), a plain row, from planes.
template <typename T>
SNN_INLINE void gather_row(T* target, const T* from, int64_t plane, int64_t width) {
  for (int64_t j = 0; j < width; j += kLanes<T>, from += plane)
    store<T>(target + j, load<T>(from));
}

}  // namespace snn

// The one dense product of the backward pass: adjoint rows times packed, transposed weights.
#pragma once

#include <algorithm>
#include <utility>

#include "planes.hpp"

namespace snn {

// Tile of the result that stays in registers: rows by vectors. Rows come by the dozen.
constexpr int kTileRows = SNN_MANY_REGISTERS ? 8 : 4;
constexpr int kTileVectors = 3;

// Time steps of each sample that share one product, at most.
constexpr int64_t kSteps = 3;

// Width of the first of the panels that cover `columns`. They are as equal as can be: one vector
// alone leaves too few sums to hide the latency of an addition.
template <typename T>
SNN_INLINE int64_t panel_width(int64_t columns) {
  const int64_t vectors = columns / kLanes<T>;
  const int64_t panels = (vectors + kTileVectors - 1) / kTileVectors;
  return (vectors + panels - 1) / panels * kLanes<T>;
}

// B, [depth, columns], in panels of at most kTileVectors vectors: each is read front to back.
template <typename T>
class PackedMatrix {
 public:
  // Samples that go through time together: enough rows for the product, few enough for their traces
  // to stay in the cache.
  static constexpr int64_t kSamples = SNN_MANY_REGISTERS ? 8 : 4;

  struct Scratch {};  // the first factor is taken as it is

  // B[k][j] = element(k, j), columns a multiple of the vector width.
  template <typename Element>
  void pack(int64_t depth, int64_t columns, Element element) {
    depth_ = depth;
    columns_ = columns;
    T* out = data_.need(depth * columns);
    for (int64_t j0 = 0, width; j0 < columns; j0 += width) {
      width = panel_width<T>(columns - j0);
      for (int64_t k0 = 0; k0 < depth; k0 += 16)  // blocks, as one side of a transpose has strides
        for (int64_t j = 0; j < width; ++j)
          for (int64_t k = k0; k < std::min<int64_t>(k0 + 16, depth); ++k)
            out[k * width + j] = element(k, j0 + j);
      out += depth * width;
    }
  }

  int64_t depth() const { return depth_; }
  int64_t columns() const { return columns_; }
  const T* data() const { return data_.data(); }

 private:
  Buffer<T> data_;
  int64_t depth_ = 0, columns_ = 0;
};

// Part of a row of A that takes part in the product; begins with a whole vector.
struct Segment {
  int64_t start, length;
};

// `a` is the first vector of the first row; rows follow each other, vectors at distance `plane`.
template <typename T, int Rows, int Vectors>
void multiply_tile(const T* a, int64_t plane, const Segment* segments, const T* b, T* c,
                   int64_t c_stride) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> sum[Rows][Vectors] = {};
  const auto add_column = [&](const T* column) {
    Vec<T> row[Vectors];
    for (int v = 0; v < Vectors; ++v) row[v] = load<T>(b + v * L);
    for (int r = 0; r < Rows; ++r)
      for (int v = 0; v < Vectors; ++v) sum[r][v] += column[r * L] * row[v];
    b += Vectors * L;
  };
  for (int s = 0; s < 2; ++s) {
    const T* vectors = a + segments[s].start / L * plane;
    int64_t left = segments[s].length;
    for (; left >= L; left -= L, vectors += plane)
      for (int64_t k = 0; k < L; ++k) add_column(vectors + k);
    for (int64_t k = 0; k < left; ++k) add_column(vectors + k);
  }
  for (int r = 0; r < Rows; ++r)
    for (int v = 0; v < Vectors; ++v) store<T>(c + r * c_stride + v * L, sum[r][v]);
}

template <typename T>
using Tile = void (*)(const T*, int64_t, const Segment*, const T*, T*, int64_t);

template <typename T, int... I>
Tile<T> tile_function(int rows, int vectors, std::integer_sequence<int, I...>) {
  static constexpr Tile<T> table[] = {
      multiply_tile<T, I / kTileVectors + 1, I % kTileVectors + 1>...};
  return table[(rows - 1) * kTileVectors + vectors - 1];
}

// C[r][:] = [A[r][segment 0] | A[r][segment 1]] * B for r < rows; A in planes, C in plain rows as
// wide as B.
template <typename T>
void multiply(Planes<T> a, T* c, int64_t rows, const Segment segments[2], const PackedMatrix<T>& b,
              typename PackedMatrix<T>::Scratch&) {
  constexpr std::make_integer_sequence<int, kTileRows * kTileVectors> tiles{};
  const int64_t stride = b.columns();
  for (int64_t j0 = 0, width; j0 < stride; j0 += width) {
    width = panel_width<T>(stride - j0);
    const T* b_panel = b.data() + b.depth() * j0;
    const int vectors = static_cast<int>(width / kLanes<T>);
    for (int64_t r = 0; r < rows; r += kTileRows) {
      const int now = static_cast<int>(std::min<int64_t>(rows - r, kTileRows));
      tile_function<T>(now, vectors, tiles)(a.data + r * kLanes<T>, a.plane, segments, b_panel,
                                            c + r * stride + j0, stride);
    }
  }
}

}  // namespace snn

// The dense product of the backward pass on matrix units (AMX), which multiply bfloat16 and add up
// in float32.
//
// A float32 is the sum of three bfloat16 to within 2^-26 of its size. Of the nine products of two
// such sums the six largest are taken: what is left out is below 2^-24 of each term, less than what
// float32 itself rounds off. Six such products still take less time than one of float32 vectors.
#pragma once

#include "gemm.hpp"

#if !defined(__AMX_BF16__)

namespace snn {

// The second factor of the backward product, made ready.
template <typename T>
using Factor = PackedMatrix<T>;

}  // namespace snn

#else

#include <type_traits>

namespace snn {

constexpr int kParts = 3;
constexpr int64_t kTileSide = 16;                      // rows of a tile; floats in one of its rows
constexpr int64_t kTileDepth = 32;                     // bfloat16 in one of its rows
constexpr int64_t kTilePairs = kTileSide * kTileSide;  // of bfloat16 in a tile

// 32 floats as three rows of 16 pairs each; part p goes to out + p * stride.
SNN_INLINE void split(const float* from, uint32_t* out, int64_t stride) {
  typedef uint16_t Half __attribute__((vector_size(32)));
  typedef uint32_t Whole __attribute__((vector_size(64)));
  Vec<float> rest[2] = {load(from), load(from + kTileSide)};
  for (int p = 0; p < kParts; ++p, out += stride) {
    const __m512bh rounded = _mm512_cvtne2ps_pbh(rest[1], rest[0]);
    Half halves[2];
    std::memcpy(halves, &rounded, sizeof halves);
    std::memcpy(out, &rounded, sizeof rounded);
    for (int h = 0; h < 2; ++h)
      rest[h] -= (Vec<float>)(__builtin_convertvector(halves[h], Whole) << 16);
  }
}

// B, [depth, columns], as tiles. Two columns of tiles go through the depth side by side; for each
// block of it come the tiles of part 0, of part 1, of part 2. A tile's row holds pairs (k, k + 1).
class SplitMatrix {
 public:
  static constexpr int64_t kSamples = 10;  // with three rows each, nearly two tiles

  // The first factor's rows: joined to one piece, and split, [part, row, depth].
  struct Scratch {
    Buffer<float> row;
    Buffer<uint32_t> parts;
  };

  // B[k][j] = element(k, j), columns a multiple of the vector width.
  template <typename Element>
  void pack(int64_t depth, int64_t columns, Element element) {
    depth_ = depth;
    columns_ = columns;
    uint32_t* out = data_.need(kParts * blocks() * columns * kTileSide);
    for (int64_t j0 = 0; j0 < columns; j0 += 2 * kTileSide) {
      const int64_t tiles = std::min<int64_t>(2, (columns - j0) / kTileSide);
      for (int64_t k0 = 0; k0 < depth; k0 += kTileDepth, out += kParts * tiles * kTilePairs)
        for (int64_t j = 0; j < tiles * kTileSide; ++j) {
          float column[kTileDepth] = {};
          for (int64_t k = 0; k < std::min(kTileDepth, depth - k0); ++k)
            column[k] = element(k0 + k, j0 + j);
          uint32_t pairs[kParts][kTileSide];
          split(column, pairs[0], kTileSide);
          for (int p = 0; p < kParts; ++p)
            for (int64_t k = 0; k < kTileSide; ++k)
              out[(p * tiles + j / kTileSide) * kTilePairs + k * kTileSide + j % kTileSide] =
                  pairs[p][k];
        }
    }
  }

  int64_t depth() const { return depth_; }
  int64_t columns() const { return columns_; }
  int64_t blocks() const { return (depth_ + kTileDepth - 1) / kTileDepth; }
  const uint32_t* data() const { return data_.data(); }

 private:
  Buffer<uint32_t> data_;
  int64_t depth_ = 0, columns_ = 0;
};

template <typename T>
using Factor = std::conditional_t<std::is_same<T, float>::value, SplitMatrix, PackedMatrix<T>>;

// Tiles 0 to 3 add up two by two tiles of the result, 4 and 5 hold rows of A, 6 and 7 of B.
// `rows` of the result, at most two tiles of them.
SNN_INLINE void configure_tiles(int64_t rows) {
  struct alignas(64) {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};
  } config;
  const uint8_t first = static_cast<uint8_t>(std::min(rows, kTileSide));
  const uint8_t second = static_cast<uint8_t>(std::max<int64_t>(rows - kTileSide, 1));
  const uint8_t of_tile[8] = {first, first, second, second, first, second, kTileSide, kTileSide};
  for (int k = 0; k < 8; ++k) {
    config.row_bytes[k] = 64;
    config.rows[k] = of_tile[k];
  }
  _tile_loadconfig(&config);
}

// One or two columns of tiles of the result, all of the depth. `a`: parts `a_part` pairs apart, rows
// `a_stride` pairs; `b`: as SplitMatrix says. Small products come before large ones, and each step
// of the chain of products exchanges one factor only.
template <int RowTiles, int ColumnTiles>
void multiply_tiles(const uint32_t* a, int64_t a_part, int64_t a_stride, const uint32_t* b,
                    int64_t blocks, float* c, int64_t c_stride) {
  const int64_t row_bytes = a_stride * static_cast<int64_t>(sizeof(uint32_t));
  const auto load_a = [&](int part) {
    _tile_loadd(4, a + part * a_part, row_bytes);
    if constexpr (RowTiles == 2) _tile_loadd(5, a + part * a_part + kTileSide * a_stride, row_bytes);
  };
  const auto load_b = [&](int part) {
    const uint32_t* tile = b + part * ColumnTiles * kTilePairs;
    _tile_loadd(6, tile, 64);
    if constexpr (ColumnTiles == 2) _tile_loadd(7, tile + kTilePairs, 64);
  };
  const auto add_product = []() {
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (ColumnTiles == 2) _tile_dpbf16ps(1, 4, 7);
    if constexpr (RowTiles == 2) _tile_dpbf16ps(2, 5, 6);
    if constexpr (RowTiles == 2 && ColumnTiles == 2) _tile_dpbf16ps(3, 5, 7);
  };
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t k = 0; k < blocks; ++k) {
    load_a(0), load_b(2), add_product();
    load_b(1), add_product();
    load_a(1), add_product();
    load_b(0), add_product();
    load_a(2), add_product();
    load_a(0), add_product();
    a += kTileSide;
    b += kParts * ColumnTiles * kTilePairs;
  }
  const int64_t c_bytes = c_stride * static_cast<int64_t>(sizeof(float));
  _tile_stored(0, c, c_bytes);
  if constexpr (ColumnTiles == 2) _tile_stored(1, c + kTileSide, c_bytes);
  if constexpr (RowTiles == 2) _tile_stored(2, c + kTileSide * c_stride, c_bytes);
  if constexpr (RowTiles == 2 && ColumnTiles == 2)
    _tile_stored(3, c + kTileSide * c_stride + kTileSide, c_bytes);
}

// The intrinsics do not tell the compiler which memory they touch.
SNN_INLINE void settle_memory() { asm volatile("" ::: "memory"); }

// As multiply() of gemm.hpp; the groups of C follow each other without a gap.
inline void multiply(Rows<const float> a, Rows<float> c, int64_t groups, int64_t rows,
                     const Segment segments[2], const SplitMatrix& b, SplitMatrix::Scratch& scratch) {
  const int64_t blocks = b.blocks(), total = groups * rows;
  const int64_t stride = blocks * kTileSide, part = total * stride;  // in pairs
  float* row = scratch.row.zeros(blocks * kTileDepth);
  uint32_t* parts = scratch.parts.need(kParts * part);
  for (int64_t r = 0; r < total; ++r) {
    const float* from = a.data + r / rows * a.group_stride + r % rows * a.stride;
    std::memcpy(row, from + segments[0].start, sizeof(float) * segments[0].length);
    std::memcpy(row + segments[0].length, from + segments[1].start,
                sizeof(float) * segments[1].length);
    for (int64_t k = 0; k < blocks; ++k)
      split(row + k * kTileDepth, parts + r * stride + k * kTileSide, part);
  }
  settle_memory();
  for (int64_t r = 0; r < total; r += 2 * kTileSide) {
    const int64_t now = std::min(total - r, 2 * kTileSide);
    configure_tiles(now);
    const uint32_t* tiles = b.data();
    for (int64_t j = 0; j < b.columns(); j += 2 * kTileSide) {
      const bool two = b.columns() - j >= 2 * kTileSide;
      const auto kernel = now > kTileSide ? (two ? multiply_tiles<2, 2> : multiply_tiles<2, 1>)
                                          : (two ? multiply_tiles<1, 2> : multiply_tiles<1, 1>);
      kernel(parts + r * stride, part, stride, tiles, blocks, c.data + r * c.stride + j, c.stride);
      tiles += (two ? 2 : 1) * kParts * blocks * kTilePairs;
    }
  }
  _tile_release();
  settle_memory();
}

}  // namespace snn

#endif

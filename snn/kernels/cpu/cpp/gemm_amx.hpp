// The dense product of the backward pass on matrix units (AMX), which multiply bfloat16 and add up
// in float32.
//
// A float32 is the sum of three bfloat16. Of the nine products of two such sums the six largest are
// taken: what is left out is below 2^-24 of each term, no more than what float32 itself rounds off.
// Six such products still take less time than one of float32 vectors. Numbers below 1e-33 lose
// digits, as the units take subnormal parts for zero.
#pragma once

#include "gemm.hpp"

#if !defined(__AMX_BF16__)

namespace snn {

// The second factor of the backward product, made ready.
template <typename T>
using Factor = PackedMatrix<T>;

}  // namespace snn

#else

#include <limits>
#include <type_traits>

namespace snn {

constexpr int kParts = 3;
constexpr int64_t kTileSide = 16;                      // rows of a tile; floats in one of its rows
constexpr int64_t kTileDepth = 32;                     // bfloat16 in one of its rows
constexpr int64_t kTilePairs = kTileSide * kTileSide;  // of bfloat16 in a tile
constexpr int64_t kCachedBlocks = 4;                   // of two rows of tiles of A: 24 KiB

// 32 floats as three rows of 16 pairs (k, k + 16); part p goes to out + p * stride. What a part
// leaves over is exact. Infinity becomes NaN.
SNN_INLINE void split(const float* from, uint32_t* out, int64_t stride) {
  typedef uint32_t Bits __attribute__((vector_size(64)));
  constexpr uint32_t kHalf = 0x8000, kUpper = 0xFFFF0000;
  Vec<float> low = load(from), high = load(from + kTileSide);
  for (int p = 0; p < kParts; ++p, out += stride) {
    const Bits l = ((Bits)low + kHalf) & kUpper, h = ((Bits)high + kHalf) & kUpper;
    const Bits pairs = h | l >> 16;
    std::memcpy(out, &pairs, sizeof pairs);
    low -= (Vec<float>)l;
    high -= (Vec<float>)h;
  }
}

// B, [depth, columns], as tiles. Two columns of tiles go through the depth side by side; for each
// block of it come the tiles of part 0, of part 1, of part 2.
class SplitMatrix {
 public:
  static constexpr int64_t kSamples = 5;  // times kSteps: nearly a tile of rows

  // The first factor: one row joined to one piece; all as tiles, ordered as two columns of B are.
  struct Scratch {
    Buffer<float> row;
    Buffer<uint32_t> tiles;
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
            if (column[k] = element(k0 + k, j0 + j); column[k] != column[k])
              column[k] = std::numeric_limits<float>::quiet_NaN();  // rounding others may end at 0
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

// The intrinsics do not tell the compiler which memory they touch.
SNN_INLINE void settle_memory(const void* used) { asm volatile("" ::"r"(used) : "memory"); }

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
  settle_memory(&config);
  _tile_loadconfig(&config);
}

// One or two rows by one or two columns of tiles of the result, `blocks` of the depth, from tiles
// of A and of B as SplitMatrix orders them; added to what C holds, unless they are the first. From
// each product to the next one factor is exchanged, and the largest product comes last.
template <int RowTiles, int ColumnTiles>
void multiply_tiles(const uint32_t* a, const uint32_t* b, int64_t blocks, bool first, float* c,
                    int64_t c_stride) {
  const int64_t c_bytes = c_stride * static_cast<int64_t>(sizeof(float));
  float* const c_below = c + kTileSide * c_stride;
  const auto load_a = [&](int part) {
    const uint32_t* tile = a + part * RowTiles * kTilePairs;
    _tile_loadd(4, tile, 64);
    if constexpr (RowTiles == 2) _tile_loadd(5, tile + kTilePairs, 64);
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
  if (first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, c, c_bytes);
    if constexpr (ColumnTiles == 2) _tile_loadd(1, c + kTileSide, c_bytes);
    if constexpr (RowTiles == 2) _tile_loadd(2, c_below, c_bytes);
    if constexpr (RowTiles == 2 && ColumnTiles == 2) _tile_loadd(3, c_below + kTileSide, c_bytes);
  }
  for (int64_t k = 0; k < blocks; ++k) {
    load_a(0), load_b(2), add_product();
    load_b(1), add_product();
    load_a(1), add_product();
    load_b(0), add_product();
    load_a(2), add_product();
    load_a(0), add_product();
    a += kParts * RowTiles * kTilePairs;
    b += kParts * ColumnTiles * kTilePairs;
  }
  _tile_stored(0, c, c_bytes);
  if constexpr (ColumnTiles == 2) _tile_stored(1, c + kTileSide, c_bytes);
  if constexpr (RowTiles == 2) _tile_stored(2, c_below, c_bytes);
  if constexpr (RowTiles == 2 && ColumnTiles == 2) _tile_stored(3, c_below + kTileSide, c_bytes);
}

// One row of A, its two segments joined; whole vectors are copied, with what follows a segment.
SNN_INLINE void join(const float* from, int64_t plane, const Segment segments[2], float* row) {
  static_assert(kLanes<float> == kTileSide, "a vector of a plane is a row of a tile");
  for (int s = 0; s < 2; row += segments[s++].length)
    gather_row<float>(row, from + segments[s].start / kTileSide * plane, plane, segments[s].length);
  store<float>(row, Vec<float>{});
  store<float>(row + kTileSide, Vec<float>{});
}

// As multiply() of gemm.hpp, for at most two tiles of rows. The segments of A are followed by
// numbers up to a whole vector.
inline void multiply(Planes<float> a, float* c, int64_t rows, const Segment segments[2],
                     const SplitMatrix& b, SplitMatrix::Scratch& scratch) {
  static_assert(SplitMatrix::kSamples * kSteps <= 2 * kTileSide, "more rows than tiles have");
  const int64_t blocks = b.blocks(), row_tiles = rows > kTileSide ? 2 : 1;
  const int64_t pieces = (blocks + kCachedBlocks - 1) / kCachedBlocks;
  float* row = scratch.row.need((blocks + 2) * kTileDepth);
  uint32_t* a_tiles = scratch.tiles.need(row_tiles * kParts * blocks * kTilePairs);
  for (int64_t r = 0; r < rows; ++r) {
    join(a.data + r * kTileSide, a.plane, segments, row);
    uint32_t* to = a_tiles + r / kTileSide * kTilePairs + r % kTileSide * kTileSide;
    for (int64_t k = 0; k < blocks; ++k, to += kParts * row_tiles * kTilePairs)
      split(row + k * kTileDepth, to, row_tiles * kTilePairs);
  }
  configure_tiles(rows);
  for (int64_t p = 0; p < pieces; ++p) {  // of the depth: A's tiles stay in the first-level cache
    const int64_t k0 = blocks * p / pieces, depth = blocks * (p + 1) / pieces - k0;
    const uint32_t* a_piece = a_tiles + k0 * row_tiles * kParts * kTilePairs;
    for (int64_t j = 0; j < b.columns(); j += 2 * kTileSide) {
      const int64_t tiles = std::min<int64_t>(2, (b.columns() - j) / kTileSide);
      const auto kernel = row_tiles == 2
                              ? (tiles == 2 ? multiply_tiles<2, 2> : multiply_tiles<2, 1>)
                              : (tiles == 2 ? multiply_tiles<1, 2> : multiply_tiles<1, 1>);
      const int64_t at = (j * blocks + k0 * tiles * kTileSide) * kParts * kTileSide;
      kernel(a_piece, b.data() + at, depth, p == 0, c + j, b.columns());
    }
  }
  settle_memory(c);
  _tile_release();
}

}  // namespace snn

#endif

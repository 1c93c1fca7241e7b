// Vectors of the widest kind that this translation unit may use, in the compiler's own
// vector extension (GCC and clang, any architecture), and buffers aligned for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define SNN_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define SNN_VECTOR_BYTES 32
#else
#define SNN_VECTOR_BYTES 16
#endif

// Vector registers that are left for accumulators.
#if defined(__AVX512F__) || defined(__aarch64__)
#define SNN_MANY_REGISTERS 1
#else
#define SNN_MANY_REGISTERS 0
#endif

#if defined(_WIN32)
#define SNN_EXPORT extern "C" __declspec(dllexport)
#else
#define SNN_EXPORT extern "C" __attribute__((visibility("default")))
#endif

#define SNN_INLINE static inline __attribute__((always_inline))

namespace snn {

template <typename T>
struct Simd;

template <>
struct Simd<float> {
  typedef float Vec __attribute__((vector_size(SNN_VECTOR_BYTES)));
  typedef uint32_t Bits __attribute__((vector_size(SNN_VECTOR_BYTES)));
};

template <>
struct Simd<double> {
  typedef double Vec __attribute__((vector_size(SNN_VECTOR_BYTES)));
  typedef uint64_t Bits __attribute__((vector_size(SNN_VECTOR_BYTES)));
};

template <typename T>
using Vec = typename Simd<T>::Vec;

template <typename T>
constexpr int64_t kLanes = SNN_VECTOR_BYTES / sizeof(T);

// The next multiple of the vector width: rows are padded to it, with zeros.
template <typename T>
constexpr int64_t padded(int64_t n) {
  return (n + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
}

template <typename T>
SNN_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

template <typename T>
SNN_INLINE void store(T* p, Vec<T> v) {
  std::memcpy(p, &v, sizeof v);
}

template <typename T>
SNN_INLINE Vec<T> broadcast(T x) {
  return x - Vec<T>{};  // x - 0 keeps the sign of a zero
}

// Bit j is set where lane j of x exceeds that of y; NaN exceeds nothing.
SNN_INLINE uint64_t above(Vec<float> x, Vec<float> y) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(x, y, _CMP_GT_OQ);
#elif defined(__AVX2__)
  return static_cast<uint64_t>(_mm256_movemask_ps(_mm256_cmp_ps(x, y, _CMP_GT_OQ)));
#else
  uint64_t bits = 0;
  for (int j = 0; j < kLanes<float>; ++j) bits |= static_cast<uint64_t>(x[j] > y[j]) << j;
  return bits;
#endif
}

SNN_INLINE uint64_t above(Vec<double> x, Vec<double> y) {
#if defined(__AVX512F__)
  return _mm512_cmp_pd_mask(x, y, _CMP_GT_OQ);
#elif defined(__AVX2__)
  return static_cast<uint64_t>(_mm256_movemask_pd(_mm256_cmp_pd(x, y, _CMP_GT_OQ)));
#else
  uint64_t bits = 0;
  for (int j = 0; j < kLanes<double>; ++j) bits |= static_cast<uint64_t>(x[j] > y[j]) << j;
  return bits;
#endif
}

// Memory that grows and is kept, so that a training step faults no fresh pages in: as much as the
// largest call of this thread needed, and no more.
template <typename T>
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data_); }

  // Room for n elements; what it held before is lost when it has to grow. When there is no memory
  // it is empty, and may be asked again.
  T* need(int64_t n) {
    if (n > capacity_) {
      if (n > kMost) throw std::bad_alloc();
      std::free(data_);
      data_ = nullptr;
      capacity_ = 0;
      const size_t bytes = (static_cast<size_t>(n) * sizeof(T) + 63) / 64 * 64;
      data_ = static_cast<T*>(std::aligned_alloc(64, bytes));
      if (data_ == nullptr) throw std::bad_alloc();
      capacity_ = n;
    }
    return data_;
  }

  T* zeros(int64_t n) {
    T* data = need(n);
    if (n > 0) std::memset(static_cast<void*>(data), 0, static_cast<size_t>(n) * sizeof(T));
    return data;
  }

  T* data() const { return data_; }

 private:
  static constexpr int64_t kMost = INT64_MAX / 2 / static_cast<int64_t>(sizeof(T));

  T* data_ = nullptr;
  int64_t capacity_ = 0;
};

}  // namespace snn

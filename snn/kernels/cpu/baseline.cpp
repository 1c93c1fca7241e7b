// Compiled with the flags of this instruction set (setup.py); one shared library each, so that no
// inline function of one set can be linked into another.
#include "entry.hpp"

// The best instruction set of this machine: 2 AVX-512, 1 AVX2, 0 neither.
SNN_EXPORT int snn_instruction_set() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return 2;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#endif
  return 0;
}

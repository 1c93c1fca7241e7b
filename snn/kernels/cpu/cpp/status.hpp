// What can go wrong, and how it gets out: as a number, never as an exception through C or through the
// end of a parallel region, either of which would end the process.
#pragma once

#include <atomic>
#include <new>

#include "abi.hpp"

namespace snn {

// Thrown wherever an input turns out to be unusable.
struct Refusal {
  Status status;
};

inline void require(bool holds, Status otherwise) {
  if (!holds) throw Refusal{otherwise};
}

// The first problem of any thread.
class Outcome {
 public:
  template <typename Body>
  void attempt(Body&& body) noexcept {
    try {
      body();
    } catch (const Refusal& refusal) {
      remember(refusal.status);
    } catch (const std::bad_alloc&) {
      remember(kNoMemory);
    } catch (...) {
      remember(kFailed);
    }
  }

  bool good() const { return status() == kDone; }
  int status() const { return status_.load(std::memory_order_relaxed); }

 private:
  void remember(Status status) noexcept {
    int none = kDone;
    status_.compare_exchange_strong(none, status);
  }

  std::atomic<int> status_{kDone};
};

}  // namespace snn

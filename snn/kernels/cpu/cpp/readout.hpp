// Leaky readout of one sample, its loss and its adjoint (snn/neurons/readout.py).
#pragma once

#include <cmath>

#include "plan.hpp"

namespace snn {

// o(0..T) into trace, [steps + 1, width], from the drive [steps, width].
template <typename T>
void readout_forward(const Plan<T>& plan, const T* drive, T* trace) {
  const int64_t width = plan.last().down_own;
  for (int64_t j = 0; j < width; j += kLanes<T>) {
    const Vec<T> alpha = load<T>(plan.readout_alpha + j), beta = load<T>(plan.readout_beta + j);
    const Vec<T> gain = load<T>(plan.readout_gain + j);
    Vec<T> f{}, o{};
    store<T>(trace + j, o);
    for (int64_t t = 0; t < plan.steps; ++t) {
      o = beta * o + gain * f;
      f = alpha * f + load<T>(drive + t * width + j);
      store<T>(trace + (t + 1) * width + j, o);
    }
  }
}

// Maximum over time and where it is first reached; NaN is the largest, as in torch.max.
template <typename T>
void readout_maximum(const Plan<T>& plan, const T* trace, T* logits, int64_t* argmax) {
  const int64_t width = plan.last().down_own;
  for (int64_t c = 0; c < plan.last().down; ++c) {
    T best = trace[c];
    int64_t where = 0;
    for (int64_t t = 1; t <= plan.steps && best == best; ++t)
      if (!(trace[t * width + c] <= best)) {
        best = trace[t * width + c];
        where = t;
      }
    logits[c] = best;
    argmax[c] = where;
  }
}

// Weighted negative log-likelihood of the label, of which the share `smoothing` goes to all classes
// alike; `grad` receives its gradient, [classes].
template <typename T>
double negative_log_likelihood(const T* logits, int64_t classes, int64_t label, T weight,
                               T smoothing, T* grad) {
  T top = logits[0], sum = 0;
  for (int64_t c = 1; c < classes; ++c) top = logits[c] > top ? logits[c] : top;
  for (int64_t c = 0; c < classes; ++c) sum += grad[c] = std::exp(logits[c] - top);
  const T other = smoothing / static_cast<T>(classes), target = T(1) - smoothing + other;
  for (int64_t c = 0; c < classes; ++c)
    grad[c] = weight * (grad[c] / sum - (c == label ? target : other));
  T likelihood = logits[label] - top;
  if (smoothing != 0) {  // else an infinite logit of another class would count
    T mean = 0;
    for (int64_t c = 0; c < classes; ++c) mean += logits[c] - top;
    likelihood += smoothing * (mean / static_cast<T>(classes) - likelihood);
  }
  return static_cast<double>(weight * (std::log(sum) - likelihood));
}

// Adjoint d(t) of the drive of sample i for t < steps, written to its row at t + lag; the gradient
// of the trace comes in as grad, [steps + 1, width].
//   do(t) = grad(t) + beta do(t+1),  df(t) = alpha df(t+1) + g do(t+1),  d(t) = df(t+1)
template <typename T>
void readout_adjoint(const Plan<T>& plan, const T* grad, Planes<T> rows, int64_t lag, int64_t i) {
  const int64_t width = plan.last().down_own;
  for (int64_t j = 0; j < width; j += kLanes<T>) {
    const Vec<T> alpha = load<T>(plan.readout_alpha + j), beta = load<T>(plan.readout_beta + j);
    const Vec<T> gain = load<T>(plan.readout_gain + j);
    Vec<T> f{}, o = load<T>(grad + plan.steps * width + j);
    for (int64_t t = plan.steps - 1; t >= 0; --t) {
      store<T>(rows.from(j).row(t + lag, i), f);
      f = alpha * f + gain * o;
      o = load<T>(grad + t * width + j) + beta * o;
    }
  }
}

}  // namespace snn

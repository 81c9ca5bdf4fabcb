#include "quality/probability.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace quality {
namespace {

constexpr int kSteps = 500;
constexpr double kSmall = 1e-300;
constexpr double kExact = 1e-15;

double gamma_series(double a, double x) {
  double term = 1 / a;
  double sum = term;
  for (int n = 1; n < kSteps * 20; ++n) {
    term *= x / (a + n);
    sum += term;
    if (std::abs(term) < std::abs(sum) * kExact) break;
  }
  return sum * std::exp(-x + a * std::log(x) - std::lgamma(a));
}

double gamma_fraction(double a, double x) {  // the upper one
  double b = x + 1 - a;
  double c = 1 / kSmall;
  double d = 1 / b;
  double h = d;
  for (int i = 1; i < kSteps * 20; ++i) {
    const double an = -i * (i - a);
    b += 2;
    d = an * d + b;
    if (std::abs(d) < kSmall) d = kSmall;
    c = b + an / c;
    if (std::abs(c) < kSmall) c = kSmall;
    d = 1 / d;
    const double step = d * c;
    h *= step;
    if (std::abs(step - 1) < kExact) break;
  }
  return std::exp(-x + a * std::log(x) - std::lgamma(a)) * h;
}

double beta_fraction(double a, double b, double x) {
  double c = 1;
  double d = 1 - (a + b) * x / (a + 1);
  if (std::abs(d) < kSmall) d = kSmall;
  d = 1 / d;
  double h = d;
  for (int m = 1; m < kSteps; ++m) {
    const auto step = [&](double term) {
      d = 1 + term * d;
      if (std::abs(d) < kSmall) d = kSmall;
      c = 1 + term / c;
      if (std::abs(c) < kSmall) c = kSmall;
      d = 1 / d;
      h *= d * c;
      return std::abs(d * c - 1) < kExact;
    };
    step(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)));
    if (step(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)))) break;
  }
  return h;
}

// The x at which the rising function is p.
template <class F>
double invert(F function, double low, double high, double p) {
  for (int i = 0; i < 200 && high - low > 1e-13 * std::max(1.0, std::abs(high)); ++i) {
    const double middle = (low + high) / 2;
    (function(middle) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

double normal_quantile(double p) { return invert(normal_cdf, -40, 40, p); }

double gamma_cdf(double shape, double x) {
  if (x <= 0) return 0;
  return x < shape + 1 ? gamma_series(shape, x) : 1 - gamma_fraction(shape, x);
}

double beta_cdf(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double chi_square_survival(double x, double degrees) {
  if (x <= 0) return 1;
  const double a = degrees / 2;
  const double half = x / 2;
  return half < a + 1 ? 1 - gamma_series(a, half) : gamma_fraction(a, half);
}

double chi_square_quantile(double p, double degrees) {
  const double high = degrees + 40 * std::sqrt(2 * degrees) + 400;
  return invert([&](double x) { return gamma_cdf(degrees / 2, x / 2); }, 0, high, p);
}

double kolmogorov_survival(double x) {
  if (x < 0.18) return 1;
  double sum = 0;
  for (int k = 1; k < 200; ++k) {
    const double term = std::exp(-2.0 * k * k * x * x);
    sum += k % 2 == 1 ? term : -term;
    if (term < kExact) break;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

double ks_p_value(double distance, double n) {
  const double root = std::sqrt(n);
  return kolmogorov_survival((root + 0.12 + 0.11 / root) * distance);
}

namespace {

double wilson(std::int64_t hits, std::int64_t total, double z, double sign) {
  if (total <= 0) return sign < 0 ? 0 : 1;
  const double n = static_cast<double>(total);
  const double p = static_cast<double>(hits) / n;
  const double middle = p + z * z / (2 * n);
  const double width = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return std::clamp((middle + sign * width) / (1 + z * z / n), 0.0, 1.0);
}

}  // namespace

double wilson_lower(std::int64_t hits, std::int64_t total, double z) {
  return wilson(hits, total, z, -1);
}
double wilson_upper(std::int64_t hits, std::int64_t total, double z) {
  return wilson(hits, total, z, 1);
}

double Distribution::cdf(double x) const {
  const double at = (x - location) / scale;
  if (name == "norm") return normal_cdf(at);
  if (name == "uniform") return std::clamp(at, 0.0, 1.0);
  if (name == "expon") return at <= 0 ? 0 : -std::expm1(-at);
  if (name == "beta") return beta_cdf(shape.at(0), shape.at(1), at);
  if (name == "gamma") return gamma_cdf(shape.at(0), at);
  if (name == "chi2") return gamma_cdf(shape.at(0) / 2, at / 2);
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace quality

// Distribution functions and tests of statistics.
//
// Pure. Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapters 6, 7 and 26.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quality {

double normal_cdf(double x);
double normal_quantile(double p);          // 0 < p < 1
double gamma_cdf(double shape, double x);  // the regularised lower incomplete gamma function
double beta_cdf(double a, double b, double x);
double chi_square_survival(double x, double degrees);
double chi_square_quantile(double p, double degrees);

// The chance that the greatest distance of two distribution functions, times the root of the
// number of values, is at least `x`, if nothing differs (Kolmogorov).
double kolmogorov_survival(double x);
// The p value of the greatest distance between `n` values and a given distribution.
double ks_p_value(double distance, double n);

// The lower and upper end of Wilson's interval for a share, `z` standard deviations wide.
double wilson_lower(std::int64_t hits, std::int64_t total, double z);
double wilson_upper(std::int64_t hits, std::int64_t total, double z);

// A distribution by its name and parameters.
struct Distribution {
  std::string name;  // norm, uniform, expon, beta, gamma, chi2
  std::vector<double> shape;
  double location = 0;
  double scale = 1;
  double cdf(double x) const;
};

}  // namespace quality

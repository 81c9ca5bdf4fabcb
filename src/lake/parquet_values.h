// Values and levels of Parquet's pages as bytes: rows are taken out without knowing what they mean.
// Source: apache/parquet-format Encodings.md.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lake::parquet {

// As numbered in the format.
enum class Physical : std::uint8_t {
  kBoolean = 0,
  kInt32 = 1,
  kInt64 = 2,
  kInt96 = 3,
  kFloat = 4,
  kDouble = 5,
  kBytes = 6,
  kFixedBytes = 7,
};

struct ColumnKind {
  Physical physical = Physical::kInt64;
  std::size_t width = 0;  // bytes of a value; 0 = as long as it says, or a bit
  bool optional = false;
  bool ordered = false;  // its least and greatest value are known how to find
};

using Numbers = std::vector<std::uint32_t>;  // sorted, each once

// The hybrid of runs and packed bits, `count` numbers of `width` bits (up to 32). kCorrupt.
base::Result<> unpack(std::string_view in, int width, std::size_t count, Numbers& out);
void pack(std::string& out, int width, const Numbers& values);
void pack_run(std::string& out, int width, std::uint32_t value, std::size_t count);
// Whether a hybrid of one bit is one run of ones: a column without nulls.
bool is_run_of_ones(std::string_view in, std::size_t count);

// `values` without those at the places `gone`.
void take_out(Numbers& values, const Numbers& gone);

// Where each of `count` plainly written values of a kind with no width starts, and the end.
base::Result<std::vector<std::size_t>> find_starts(std::string_view values, std::size_t count);

// `count` plainly written values without those at the places `gone`. kCorrupt when they are not
// that many.
base::Result<std::string> take_out_plain(const ColumnKind& kind, std::string_view values,
                                         std::size_t count, const Numbers& gone);

// The least and the greatest of the values that it is shown, as Parquet's statistics have them.
class Extremes {
 public:
  explicit Extremes(const ColumnKind& kind) : kind_(kind) {}
  base::Result<> take_plain(std::string_view values, std::size_t count);
  // Those values of a dictionary page that `used` names.
  base::Result<> take_dictionary(std::string_view values, std::size_t count,
                                 const std::vector<bool>& used);
  // Nothing when there is none, or it cannot be told.
  std::optional<std::string> min() const;
  std::optional<std::string> max() const;

 private:
  template <class T>
  void take_numbers(std::string_view values, std::size_t count, const std::vector<bool>* used);
  base::Result<> take(std::string_view values, std::size_t count, const std::vector<bool>* used);
  void take_bytes(std::string_view value);

  const ColumnKind& kind_;
  bool any_ = false;
  bool unknown_ = false;
  std::string min_;
  std::string max_;
};

}  // namespace lake::parquet

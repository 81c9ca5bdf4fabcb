#include "protocol/postgres/decimal.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "protocol/postgres/backend.h"

namespace protocol::postgres {

namespace {

using base::Code;

constexpr std::uint16_t kPositive = 0x0000;
constexpr std::uint16_t kNegative = 0x4000;
constexpr std::uint16_t kNan = 0xC000;
constexpr std::uint16_t kPositiveInfinity = 0xD000;
constexpr std::uint16_t kNegativeInfinity = 0xF000;
constexpr int kExponentMax = 1000;

std::unexpected<base::Error> not_numeric(std::string_view text) {
  return base::fail(Code::kInvalid, "invalid input for type numeric: \"{}\"", text.substr(0, 100));
}

void append_special(std::string& out, std::uint16_t sign) {
  append_u32(out, 8);
  append_u16(out, 0);
  append_u16(out, 0);
  append_u16(out, sign);
  append_u16(out, 0);
}

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

struct Decimal {
  std::string whole;  // digits before and after the point
  std::string fraction;
};

base::Result<Decimal> split_decimal(std::string_view text) {
  const auto all = text;
  int exponent = 0;
  if (const auto e = text.find_first_of("eE"); e != std::string_view::npos) {
    auto digits = text.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (error != std::errc() || end != digits.data() + digits.size()) return not_numeric(all);
    if (exponent > kExponentMax || exponent < -kExponentMax) return not_numeric(all);
    text = text.substr(0, e);
  }
  const auto point = text.find('.');
  Decimal decimal{std::string(text.substr(0, point)),
                  point == std::string_view::npos ? "" : std::string(text.substr(point + 1))};
  if (decimal.whole.empty() && decimal.fraction.empty()) return not_numeric(all);
  if (!all_digits(decimal.whole) || !all_digits(decimal.fraction)) return not_numeric(all);
  for (; exponent > 0; --exponent) {
    decimal.whole.push_back(decimal.fraction.empty() ? '0' : decimal.fraction.front());
    if (!decimal.fraction.empty()) decimal.fraction.erase(0, 1);
  }
  for (; exponent < 0; ++exponent) {
    decimal.fraction.insert(0, 1, decimal.whole.empty() ? '0' : decimal.whole.back());
    if (!decimal.whole.empty()) decimal.whole.pop_back();
  }
  return decimal;
}

}  // namespace

base::Result<> append_binary_numeric(std::string& out, std::string_view text) {
  if (text == "NaN") return append_special(out, kNan), base::Result<>{};
  if (text == "Infinity") return append_special(out, kPositiveInfinity), base::Result<>{};
  if (text == "-Infinity") return append_special(out, kNegativeInfinity), base::Result<>{};
  const bool negative = text.starts_with('-');
  auto decimal = TRY(split_decimal(negative || text.starts_with('+') ? text.substr(1) : text));
  const auto scale = decimal.fraction.size();
  decimal.whole.insert(0, (4 - decimal.whole.size() % 4) % 4, '0');
  decimal.fraction.append((4 - decimal.fraction.size() % 4) % 4, '0');
  const auto digits = decimal.whole + decimal.fraction;
  std::vector<std::uint16_t> groups;
  for (std::size_t i = 0; i < digits.size(); i += 4) {
    unsigned group = 0;
    for (std::size_t k = i; k < i + 4; ++k)
      group = group * 10 + static_cast<unsigned>(digits[k] - '0');
    groups.push_back(static_cast<std::uint16_t>(group));
  }
  auto weight = static_cast<int>(decimal.whole.size() / 4) - 1;
  auto first = groups.begin();
  while (first != groups.end() && *first == 0) {
    ++first;
    --weight;
  }
  auto last = groups.end();
  while (last != first && *(last - 1) == 0) --last;
  const auto count = static_cast<std::size_t>(last - first);
  if (count > kNumericGroupsMax || scale > 16'383) return not_numeric(text);
  if (count == 0) weight = 0;
  append_u32(out, static_cast<std::uint32_t>(8 + 2 * count));
  append_u16(out, static_cast<std::uint16_t>(count));
  append_u16(out, static_cast<std::uint16_t>(weight));
  append_u16(out, negative && count > 0 ? kNegative : kPositive);
  append_u16(out, static_cast<std::uint16_t>(scale));
  for (; first != last; ++first) append_u16(out, *first);
  return {};
}

base::Result<std::string> numeric_to_text(std::string_view bytes) {
  const auto broken = base::fail(Code::kInvalid, "broken binary numeric of {} bytes", bytes.size());
  const auto u16_at = [&](std::size_t index) {
    const auto high = static_cast<unsigned char>(bytes[index * 2]);
    const auto low = static_cast<unsigned char>(bytes[index * 2 + 1]);
    return static_cast<std::uint16_t>(high << 8 | low);
  };
  if (bytes.size() < 8 || bytes.size() % 2 != 0) return broken;
  const std::size_t count = u16_at(0);
  const int weight = static_cast<std::int16_t>(u16_at(1));
  const auto sign = u16_at(2);
  const std::size_t scale = u16_at(3);
  if (sign == kNan) return "NaN";
  if (sign == kPositiveInfinity) return "Infinity";
  if (sign == kNegativeInfinity) return "-Infinity";
  if (bytes.size() != 8 + 2 * count || (sign != kPositive && sign != kNegative)) return broken;
  if (weight > kExponentMax || weight < -5000 || scale > 16'383) return broken;
  // The group of 10000^power, zero where none is stored.
  const auto group = [&](int power) -> std::string {
    const int index = weight - power;
    const bool stored = index >= 0 && index < static_cast<int>(count);
    return fmt::format("{:04}", stored ? u16_at(static_cast<std::size_t>(4 + index)) : 0);
  };
  std::string whole;
  for (int power = std::max(weight, 0); power >= 0; --power) whole += group(power);
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size() - 1));
  std::string fraction;
  for (int power = -1; fraction.size() < scale; --power) fraction += group(power);
  fraction.resize(scale);
  return (sign == kNegative ? "-" : "") + whole + (scale > 0 ? "." + fraction : "");
}

}  // namespace protocol::postgres

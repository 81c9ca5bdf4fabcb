#include "lake/parquet_values.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace lake::parquet {
namespace {

using base::Code;
using base::Result;

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kRunMin = 8;  // equal numbers that are worth a run
constexpr std::size_t kStatisticBytesMax = 10'000;
constexpr std::size_t kLengthBytes = 4;

std::unexpected<base::Error> broken(const char* what) {
  return base::fail(Code::kCorrupt, "a Parquet page is broken: {}", what);
}

std::size_t run_bytes(int width) { return static_cast<std::size_t>(width + 7) / 8; }

void print_varint(std::string& out, std::size_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7FU) | 0x80U);
  out += static_cast<char>(value);
}

std::optional<std::size_t> take_varint(std::string_view& in) {
  std::size_t value = 0;
  for (int shift = 0; shift < 63; shift += 7) {
    if (in.empty()) return std::nullopt;
    const auto next = static_cast<std::uint8_t>(in.front());
    in.remove_prefix(1);
    value |= static_cast<std::size_t>(next & 0x7FU) << shift;
    if (next < 0x80) return value;
  }
  return std::nullopt;
}

void unpack_bits(std::string_view in, int width, std::size_t count, Numbers& out) {
  std::uint64_t bits = 0;
  int have = 0;
  const std::uint64_t mask = (std::uint64_t{1} << width) - 1;
  const auto* at = reinterpret_cast<const std::uint8_t*>(in.data());
  const std::size_t start = out.size();
  out.resize(start + count);
  for (std::size_t i = 0; i < count; ++i) {
    for (; have < width; have += 8) bits |= static_cast<std::uint64_t>(*at++) << have;
    out[start + i] = static_cast<std::uint32_t>(bits & mask);
    bits >>= width;
    have -= width;
  }
}

// Groups of eight; the last one is filled up with zeros.
void pack_bits(std::string& out, int width, const std::uint32_t* values, std::size_t count) {
  if (count == 0) return;
  const std::size_t groups = (count + 7) / 8;
  print_varint(out, groups << 1 | 1);
  const std::size_t start = out.size();
  out.resize(start + groups * static_cast<std::size_t>(width));
  char* at = out.data() + start;
  std::uint64_t bits = 0;
  int have = 0;
  for (std::size_t i = 0; i < count; ++i) {
    bits |= static_cast<std::uint64_t>(values[i]) << have;
    for (have += width; have >= 8; have -= 8, bits >>= 8) *at++ = static_cast<char>(bits);
  }
  if (have > 0) *at = static_cast<char>(bits);
}

}  // namespace

Result<> unpack(std::string_view in, int width, std::size_t count, Numbers& out) {
  if (width < 0 || width > 32) return broken("the width of its numbers");
  out.clear();
  out.reserve(count);
  while (out.size() < count) {
    const auto head = take_varint(in);
    if (!head) return broken("its numbers are cut short");
    const std::size_t left = count - out.size();
    if ((*head & 1) != 0) {
      const std::size_t groups = *head >> 1;
      const std::size_t numbers = groups > left / 8 ? left : groups * 8;
      const std::size_t bytes = (numbers * static_cast<std::size_t>(width) + 7) / 8;
      if (groups == 0 || bytes > in.size()) return broken("its packed numbers are cut short");
      unpack_bits(in, width, numbers, out);
      in.remove_prefix(std::min(in.size(), groups * static_cast<std::size_t>(width)));
      continue;
    }
    const std::size_t bytes = run_bytes(width);
    if (*head < 2 || bytes > in.size()) return broken("a run of its numbers is cut short");
    std::uint32_t value = 0;
    std::memcpy(&value, in.data(), bytes);
    in.remove_prefix(bytes);
    out.insert(out.end(), std::min(left, *head >> 1), value);
  }
  return {};
}

void pack_run(std::string& out, int width, std::uint32_t value, std::size_t count) {
  print_varint(out, count << 1);
  out.append(reinterpret_cast<const char*>(&value), run_bytes(width));
}

bool is_run_of_ones(std::string_view in, std::size_t count) {
  const auto head = take_varint(in);
  return head && (*head & 1) == 0 && *head >> 1 >= count && !in.empty() && in.front() == 1;
}

void pack(std::string& out, int width, const Numbers& values) {
  std::size_t done = 0;  // written
  for (std::size_t at = 0; at < values.size();) {
    std::size_t end = at + 1;
    while (end < values.size() && values[end] == values[at]) ++end;
    // Packed numbers before a run come in whole groups.
    const std::size_t start = done + (at - done + 7) / 8 * 8;
    if (end >= start + kRunMin) {
      pack_bits(out, width, values.data() + done, start - done);
      pack_run(out, width, values[at], end - start);
      done = end;
    }
    at = end;
  }
  pack_bits(out, width, values.data() + done, values.size() - done);
}

void take_out(Numbers& values, const Numbers& gone) {
  if (gone.empty()) return;
  std::size_t to = gone.front();
  for (std::size_t i = 0; i < gone.size(); ++i) {
    const std::size_t from = gone[i] + std::size_t{1};
    const std::size_t end = i + 1 < gone.size() ? gone[i + 1] : values.size();
    std::memmove(values.data() + to, values.data() + from, (end - from) * sizeof(values[0]));
    to += end - from;
  }
  values.resize(to);
}

Result<std::vector<std::size_t>> find_starts(std::string_view values, std::size_t count) {
  if (count > values.size() / kLengthBytes) return broken("its values are cut short");
  std::vector<std::size_t> starts;
  starts.reserve(count + 1);
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    starts.push_back(at);
    if (values.size() - at < kLengthBytes) return broken("its values are cut short");
    std::uint32_t size = 0;
    std::memcpy(&size, values.data() + at, sizeof(size));
    at += kLengthBytes;
    if (size > values.size() - at) return broken("a value is cut short");
    at += size;
  }
  starts.push_back(at);
  return starts;
}

namespace {

std::string take_out_bits(std::string_view values, std::size_t count, const Numbers& gone) {
  std::string out((count - gone.size() + 7) / 8, '\0');
  std::size_t to = 0;
  auto next = gone.begin();
  for (std::size_t i = 0; i < count; ++i) {
    if (next != gone.end() && *next == i) {
      ++next;
      continue;
    }
    const unsigned bit = (static_cast<unsigned char>(values[i / 8]) >> (i % 8)) & 1U;
    out[to / 8] = static_cast<char>(static_cast<unsigned char>(out[to / 8]) | (bit << (to % 8)));
    ++to;
  }
  return out;
}

}  // namespace

Result<std::string> take_out_plain(const ColumnKind& kind, std::string_view values,
                                   std::size_t count, const Numbers& gone) {
  if (kind.physical == Physical::kBoolean) {
    if (count > values.size() * 8) return broken("its values are cut short");
    return take_out_bits(values, count, gone);
  }
  std::vector<std::size_t> starts;
  if (kind.physical == Physical::kBytes) {
    starts = TRY(find_starts(values, count));
  } else if (kind.width == 0 || count > values.size() / kind.width) {
    return broken("its values are cut short");
  }
  const auto start = [&](std::size_t i) { return starts.empty() ? i * kind.width : starts[i]; };
  std::string out;
  out.reserve(start(count));
  std::size_t from = 0;
  for (const std::uint32_t one : gone) {
    out.append(values.substr(start(from), start(one) - start(from)));
    from = one + std::size_t{1};
  }
  out.append(values.substr(start(from), start(count) - start(from)));
  return out;
}

Result<> Extremes::take_plain(std::string_view values, std::size_t count) {
  return take(values, count, nullptr);
}

Result<> Extremes::take_dictionary(std::string_view values, std::size_t count,
                                   const std::vector<bool>& used) {
  return take(values, count, &used);
}

Result<> Extremes::take(std::string_view values, std::size_t count, const std::vector<bool>* used) {
  if (!kind_.ordered || count == 0) return {};
  if (kind_.physical == Physical::kBytes) {
    const auto starts = TRY(find_starts(values, count));
    for (std::size_t i = 0; i < count; ++i) {
      if (used != nullptr && !(*used)[i]) continue;
      const std::size_t at = starts[i] + kLengthBytes;
      take_bytes(values.substr(at, starts[i + 1] - at));
    }
    return {};
  }
  if (kind_.width == 0 || count > values.size() / kind_.width) {
    return broken("its values are cut short");
  }
  switch (kind_.physical) {
    case Physical::kInt32:
      take_numbers<std::int32_t>(values, count, used);
      break;
    case Physical::kInt64:
      take_numbers<std::int64_t>(values, count, used);
      break;
    case Physical::kFloat:
      take_numbers<float>(values, count, used);
      break;
    case Physical::kDouble:
      take_numbers<double>(values, count, used);
      break;
    default:
      unknown_ = true;
  }
  return {};
}

void Extremes::take_bytes(std::string_view value) {
  if (!any_ || value < min_) min_ = value;
  if (!any_ || value > max_) max_ = value;
  any_ = true;
}

template <class T>
void Extremes::take_numbers(std::string_view values, std::size_t count,
                            const std::vector<bool>* used) {
  T min{};
  T max{};
  bool any = any_;
  if (any) {
    std::memcpy(&min, min_.data(), sizeof(T));
    std::memcpy(&max, max_.data(), sizeof(T));
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (used != nullptr && !(*used)[i]) continue;
    T value{};
    std::memcpy(&value, values.data() + i * sizeof(T), sizeof(T));
    if constexpr (std::is_floating_point_v<T>) unknown_ = unknown_ || std::isnan(value);
    if (!any) min = max = value;
    any = true;
    min = std::min(min, value);
    max = std::max(max, value);
  }
  if constexpr (std::is_floating_point_v<T>) {  // the two zeros are one
    if (min == 0) min = -T{0};
    if (max == 0) max = T{0};
  }
  any_ = any;
  min_.assign(reinterpret_cast<const char*>(&min), sizeof(T));
  max_.assign(reinterpret_cast<const char*>(&max), sizeof(T));
}

std::optional<std::string> Extremes::min() const {
  if (!any_ || unknown_ || min_.size() > kStatisticBytesMax) return std::nullopt;
  return min_;
}

std::optional<std::string> Extremes::max() const {
  if (!any_ || unknown_ || max_.size() > kStatisticBytesMax) return std::nullopt;
  return max_;
}

}  // namespace lake::parquet

#include "lake/roaring.h"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstring>
#include <span>

namespace lake {
namespace {

using base::Code;
using base::Result;

static_assert(std::endian::native == std::endian::little,
              "numbers are stored as they lie in memory");

constexpr std::uint32_t kCookie = 12346;          // no run containers
constexpr std::uint32_t kCookieWithRuns = 12347;  // low half; the high half is the count - 1
constexpr std::size_t kContainersMax = 65'536;
constexpr std::size_t kOffsetsFrom = 4;  // with runs, offsets stand there from this many containers
constexpr std::size_t kArrayMax = 4096;
constexpr std::size_t kBitmapBytes = 8192;

std::unexpected<base::Error> broken(std::string_view what) {
  return base::fail(Code::kCorrupt, "the roaring bitmap is broken: {}", what);
}

class Decoder {
 public:
  Decoder(std::string_view bytes, std::int64_t cardinality)
      : bytes_(bytes), most_(static_cast<std::size_t>(cardinality)) {}

  Result<std::vector<std::uint64_t>> run() {
    const auto bitmaps = TRY(take<std::uint64_t>());
    // Each bitmap has at least its key and a header.
    if (bitmaps > bytes_.size() / 8) return broken("more bitmaps than bytes");
    std::int64_t before = -1;
    for (std::uint64_t i = 0; i < bitmaps; ++i) {
      const auto key = TRY(take<std::uint32_t>());
      if (key <= before) return broken("its keys are not in order");
      before = key;
      high_ = std::uint64_t{key} << 32;
      TRY(bitmap());
    }
    if (numbers_.size() != most_) return broken("it has fewer rows than its cardinality says");
    return std::move(numbers_);
  }

 private:
  struct Header {
    std::uint16_t key;
    std::uint16_t last;  // cardinality - 1
  };

  template <std::unsigned_integral T>
  Result<T> take() {
    T value{};
    if (bytes_.size() < sizeof value) return broken("it is cut");
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }

  Result<> skip(std::size_t count) {
    if (bytes_.size() < count) return broken("it is cut");
    bytes_.remove_prefix(count);
    return {};
  }

  Result<> bitmap() {
    const auto cookie = TRY(take<std::uint32_t>());
    std::size_t count = 0;
    std::string_view runs;
    if ((cookie & 0xFFFF) == kCookieWithRuns) {
      count = (cookie >> 16) + 1;
      runs = bytes_.substr(0, (count + 7) / 8);
      TRY(skip((count + 7) / 8));
    } else if (cookie == kCookie) {
      count = TRY(take<std::uint32_t>());
    } else {
      return broken("its cookie is unknown");
    }
    if (count > kContainersMax || count * sizeof(Header) > bytes_.size()) {
      return broken("it has more containers than bytes");
    }
    std::vector<Header> headers(count);
    for (Header& header : headers) {
      header.key = TRY(take<std::uint16_t>());
      header.last = TRY(take<std::uint16_t>());
    }
    if (runs.empty() || count >= kOffsetsFrom) TRY(skip(count * sizeof(std::uint32_t)));
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0 && headers[i].key <= headers[i - 1].key) return broken("keys are not in order");
      const std::size_t cardinality = std::size_t{headers[i].last} + 1;
      if (cardinality > most_ - numbers_.size()) return broken("it has more rows than it says");
      const bool is_run = !runs.empty() && (static_cast<unsigned char>(runs[i / 8]) >> (i % 8) & 1);
      TRY(container(std::uint64_t{headers[i].key} << 16, cardinality, is_run));
    }
    return {};
  }

  Result<> container(std::uint64_t key, std::size_t cardinality, bool is_run) {
    const std::size_t start = numbers_.size();
    if (is_run) {
      TRY(run_container(key, cardinality));
    } else if (cardinality <= kArrayMax) {
      for (std::size_t i = 0; i < cardinality; ++i) {
        numbers_.push_back(high_ | key | TRY(take<std::uint16_t>()));
        if (i > 0 && numbers_.back() <= numbers_[numbers_.size() - 2]) {
          return broken("an array is not in order");
        }
      }
    } else {
      TRY(bits(key, cardinality));
    }
    return numbers_.size() - start == cardinality ? Result<>{}
                                                  : broken("a container's size is wrong");
  }

  Result<> run_container(std::uint64_t key, std::size_t cardinality) {
    const auto runs = TRY(take<std::uint16_t>());
    std::size_t left = cardinality;
    std::int64_t before = -1;
    for (std::uint16_t run = 0; run < runs; ++run) {
      const std::uint32_t first = TRY(take<std::uint16_t>());
      const std::uint32_t last = first + TRY(take<std::uint16_t>());
      if (last > 0xFFFF || first <= before) return broken("its runs are not in order");
      if (last - first + 1 > left) return broken("a container's size is wrong");
      left -= last - first + 1;
      before = last;
      for (std::uint32_t low = first; low <= last; ++low) numbers_.push_back(high_ | key | low);
    }
    return {};
  }

  Result<> bits(std::uint64_t key, std::size_t cardinality) {
    if (bytes_.size() < kBitmapBytes) return broken("it is cut");
    std::size_t left = cardinality;
    for (std::size_t word = 0; word < kBitmapBytes / 8; ++word) {
      auto bits = TRY(take<std::uint64_t>());
      if (std::cmp_greater(std::popcount(bits), left)) return broken("a container's size is wrong");
      left -= static_cast<std::size_t>(std::popcount(bits));
      for (; bits != 0; bits &= bits - 1) {
        numbers_.push_back(high_ | key |
                           (word * 64 + static_cast<std::uint64_t>(std::countr_zero(bits))));
      }
    }
    return {};
  }

  std::string_view bytes_;
  const std::size_t most_;
  std::uint64_t high_ = 0;
  std::vector<std::uint64_t> numbers_;
};

template <std::unsigned_integral T>
void append(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

using Numbers = std::span<const std::uint64_t>;

// The numbers at the front that share all bits above `shift`; taken off `numbers`.
Numbers take_group(Numbers& numbers, int shift) {
  const std::uint64_t key = numbers.front() >> shift;
  const auto end = std::ranges::upper_bound(
      numbers, key, {}, [shift](std::uint64_t number) { return number >> shift; });
  const Numbers group(numbers.begin(), end);
  numbers = numbers.subspan(group.size());
  return group;
}

void append_container(std::string& out, Numbers group) {
  if (group.size() <= kArrayMax) {
    for (const std::uint64_t number : group) append(out, static_cast<std::uint16_t>(number));
    return;
  }
  std::vector<std::uint64_t> words(kBitmapBytes / 8);
  for (const std::uint64_t number : group) {
    words[(number & 0xFFFF) / 64] |= std::uint64_t{1} << (number % 64);
  }
  for (const std::uint64_t word : words) append(out, word);
}

void append_bitmap(std::string& out, Numbers numbers) {
  std::vector<Numbers> groups;
  while (!numbers.empty()) groups.push_back(take_group(numbers, 16));
  append(out, kCookie);
  append(out, static_cast<std::uint32_t>(groups.size()));
  for (const Numbers& group : groups) {
    append(out, static_cast<std::uint16_t>(group.front() >> 16));
    append(out, static_cast<std::uint16_t>(group.size() - 1));
  }
  std::size_t offset = 8 + groups.size() * 8;
  for (const Numbers& group : groups) {
    append(out, static_cast<std::uint32_t>(offset));
    offset += group.size() <= kArrayMax ? group.size() * 2 : kBitmapBytes;
  }
  for (const Numbers& group : groups) append_container(out, group);
}

}  // namespace

Result<std::vector<std::uint64_t>> decode_roaring64(std::string_view bytes,
                                                    std::int64_t cardinality) {
  if (cardinality < 0) return broken("its cardinality is negative");
  return Decoder(bytes, cardinality).run();
}

void append_roaring64(std::string& out, const std::vector<std::uint64_t>& numbers) {
  std::vector<Numbers> bitmaps;
  Numbers rest(numbers);
  while (!rest.empty()) bitmaps.push_back(take_group(rest, 32));
  append(out, static_cast<std::uint64_t>(bitmaps.size()));
  for (const Numbers& bitmap : bitmaps) {
    append(out, static_cast<std::uint32_t>(bitmap.front() >> 32));
    append_bitmap(out, bitmap);
  }
}

}  // namespace lake

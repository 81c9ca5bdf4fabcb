#include "log/segment.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/crc32c.h"

namespace eventlog {
namespace {

constexpr std::size_t kOffsetDigits = 20;
constexpr std::uintptr_t kPageSize = 4096;
// From the place that the sparse index gives to the batch that is looked for.
constexpr std::size_t kReadAheadBytes = 128UL << 10;

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

std::shared_ptr<const void> map_file(int descriptor, std::size_t size) {
  void* const address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  if (address == MAP_FAILED) return nullptr;
  return {address, [size](const void* at) { ::munmap(const_cast<void*>(at), size); }};
}

}  // namespace

std::string SegmentName::with(std::string_view suffix) const {
  return end_offset ? fmt::format("{:020}-{:020}{}", base_offset, *end_offset, suffix)
                    : fmt::format("{:020}{}", base_offset, suffix);
}

std::optional<SegmentName> SegmentName::parse(std::string_view name, std::string_view suffix) {
  const auto number = [](std::string_view digits) -> std::optional<Offset> {
    Offset value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.size() != kOffsetDigits || error != std::errc{} ||
        end != digits.data() + digits.size() || value < 0) {
      return std::nullopt;
    }
    return value;
  };
  if (!name.ends_with(suffix)) return std::nullopt;
  name.remove_suffix(suffix.size());
  const auto base = number(name.substr(0, kOffsetDigits));
  if (!base) return std::nullopt;
  if (name.size() == kOffsetDigits) return SegmentName{.base_offset = *base};
  if (name[kOffsetDigits] != '-') return std::nullopt;
  const auto end = number(name.substr(kOffsetDigits + 1));
  if (!end || *end < *base) return std::nullopt;
  return SegmentName{.base_offset = *base, .end_offset = end};
}

Entry entry_at(std::span<const std::byte> bytes, std::uint64_t position, std::uint32_t salt) {
  if (all_zero(bytes.first(std::min(bytes.size(), kMarkSize)))) return {.kind = Entry::Kind::kNone};
  if (const auto mark = load_mark(bytes, position, salt)) {
    return {.kind = Entry::Kind::kMark, .size = kMarkSize, .mark = *mark};
  }
  const auto header = read_header(bytes);
  if (!header || header->size() > bytes.size()) return {.kind = Entry::Kind::kBad};
  return {.kind = Entry::Kind::kBatch, .size = header->size(), .header = *header};
}

bool Segment::is_read() const {
  const std::scoped_lock lock(mutex_);
  return mapping_.use_count() > 1;
}

std::unexpected<base::Error> Segment::corrupt(std::uint64_t position, std::string_view what) const {
  return base::fail_with(
      base::Code::kCorrupt,
      fmt::format("event log is damaged: {}, byte {}: {}", path_.string(), position, what),
      "restore the file from a backup, or give up the records from that byte on");
}

base::Result<SegmentBytes> Segment::view(std::uint64_t from, std::uint64_t to) const {
  const std::scoped_lock lock(mutex_);
  if (!unmapped_ && (!mapping_ || mapped_bytes_ < to)) {
    auto file = TRY(disk_.open(path_, false));
    const std::uint64_t size = TRY(file->size());
    if (size < to)
      return corrupt(size, fmt::format("the file ends here, {} bytes were written", to));
    if (to == from) return SegmentBytes{};
    mapping_ = file->descriptor() >= 0 ? map_file(file->descriptor(), size) : nullptr;
    mapped_bytes_ = mapping_ ? size : 0;
    if (!mapping_) unmapped_ = std::move(file);
  }
  if (mapping_) {
    const auto* const start = static_cast<const std::byte*>(mapping_.get());
    return SegmentBytes{.span = {start + from, to - from}, .hold = mapping_, .mapped = true};
  }
  const auto copy = std::make_shared<std::vector<std::byte>>(to - from);
  const std::size_t got = TRY(unmapped_->read_at(from, *copy));
  if (got < copy->size())
    return corrupt(from + got, fmt::format("the file ends here, {} bytes were written", to));
  return SegmentBytes{.span = *copy, .hold = copy, .mapped = false};
}

// Brings the first `size` bytes in at one go, which costs much less than a fault per page, and
// tells of a bad sector by an error where a fault would be a SIGBUS.
base::Result<> Segment::populate(const SegmentBytes& bytes, std::size_t size) const {
  if (!bytes.mapped || bytes.span.empty()) return {};
  const auto first = reinterpret_cast<std::uintptr_t>(bytes.span.data());
  const std::uintptr_t start = first & ~(kPageSize - 1);
  const std::size_t length = std::min(size, bytes.span.size()) + (first - start);
  if (::madvise(reinterpret_cast<void*>(start), length, MADV_POPULATE_READ) == 0 ||
      errno != EFAULT) {
    return {};  // an older kernel does not know it
  }
  return base::fail_with(
      base::Code::kIo,
      fmt::format("event log cannot be read: {}: the disk reports an error", path_.string()),
      "check the disk, restore the file from a backup");
}

base::Result<> Segment::verify(std::span<const std::byte> batch, const BatchHeader& header,
                               std::uint64_t position) const {
  const std::uint64_t end = position + batch.size();
  std::uint64_t until = verified_until_.load(std::memory_order_relaxed);
  if (position >= verified_from_ || end <= until) return {};
  if (base::crc32c(batch.subspan(21)) != header.crc) {
    return corrupt(position, fmt::format("the batch of offsets {} to {} fails its checksum",
                                         header.base_offset, header.last_offset()));
  }
  // Between two neighbouring batches stands at most one mark.
  while (position <= until + kMarkSize && until < end &&
         !verified_until_.compare_exchange_weak(until, end, std::memory_order_relaxed)) {
  }
  return {};
}

base::Result<> Segment::collect(std::uint64_t position, std::uint64_t limit, Offset offset_limit,
                                std::size_t& bytes_left, ReadResult& result) const {
  const SegmentBytes bytes = TRY(view(position, limit));
  TRY(populate(bytes, std::min(bytes_left, bytes.span.size()) + kReadAheadBytes));
  bool took = false;
  for (std::size_t at = 0; at < bytes.span.size();) {
    const Entry entry = entry_at(bytes.span.subspan(at), position + at, salt_);
    if (entry.kind == Entry::Kind::kMark) {
      at += entry.size;
      continue;
    }
    if (entry.kind != Entry::Kind::kBatch)
      return corrupt(position + at, "no record batch stands here");
    if (entry.header.base_offset >= offset_limit) break;
    if (entry.header.last_offset() >= result.next_offset) {
      if (!result.batches.empty() && entry.size > bytes_left) break;
      const auto batch = bytes.span.subspan(at, entry.size);
      TRY(verify(batch, entry.header, position + at));
      // With the first one: what stands in front of damage is given out, too.
      if (!took) result.hold.push_back(bytes.hold);
      result.batches.push_back(batch);
      result.next_offset = entry.header.last_offset() + 1;
      bytes_left -= std::min(bytes_left, entry.size);
      took = true;
      if (bytes_left == 0) break;
    }
    at += entry.size;
  }
  return {};
}

base::Result<bool> Segment::has_batch_at(std::uint64_t position, std::uint64_t limit,
                                         Offset offset) const {
  const SegmentBytes bytes = TRY(view(position, limit));
  for (std::size_t at = 0; at < bytes.span.size();) {
    const Entry entry = entry_at(bytes.span.subspan(at), position + at, salt_);
    if (entry.kind == Entry::Kind::kNone || entry.kind == Entry::Kind::kBad) {
      return corrupt(position + at, "no record batch stands here");
    }
    if (entry.kind == Entry::Kind::kBatch && entry.header.last_offset() >= offset) return true;
    at += entry.size;
  }
  return false;
}

base::Result<std::optional<Offset>> Segment::first_at_time(std::uint64_t position,
                                                           std::uint64_t limit,
                                                           std::int64_t time_ms) const {
  const SegmentBytes bytes = TRY(view(position, limit));
  for (std::size_t at = 0; at < bytes.span.size();) {
    const Entry entry = entry_at(bytes.span.subspan(at), position + at, salt_);
    if (entry.kind == Entry::Kind::kNone || entry.kind == Entry::Kind::kBad) {
      return corrupt(position + at, "no record batch stands here");
    }
    if (entry.kind == Entry::Kind::kBatch && entry.header.max_timestamp_ms >= time_ms) {
      return std::optional(entry.header.base_offset);
    }
    at += entry.size;
  }
  return std::optional<Offset>{};
}

}  // namespace eventlog

#include "lake/parquet_filter.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "lake/parquet_chunk.h"

namespace lake {
namespace {

using base::Code;
using base::Result;
using parquet::ColumnKind;
using parquet::Numbers;
using parquet::Physical;
using thrift::Value;
namespace column_field = parquet::column_field;

constexpr std::string_view kMagic = "PAR1";
constexpr std::size_t kTailBytes = 8;
constexpr std::int64_t kFooterBytesMax = 32 << 20;
constexpr std::int64_t kChunkBytesMax = 256 << 20;
constexpr std::size_t kThreadsMax = 8;
constexpr std::uint64_t kWriteBackBytes = 4 << 20;

// Of FileMetaData.
constexpr std::int16_t kSchema = 2, kRows = 3, kRowGroups = 4, kEncryption = 8;
// Of SchemaElement.
constexpr std::int16_t kElementType = 1, kTypeLength = 2, kRepetition = 3, kChildren = 5,
                       kConverted = 6, kLogical = 10;
// Of RowGroup.
constexpr std::int16_t kColumns = 1, kGroupBytes = 2, kGroupRows = 3, kGroupOffset = 5,
                       kGroupCompressed = 6, kOrdinal = 7;
// Of ColumnChunk.
constexpr std::int16_t kOtherFile = 1, kChunkOffset = 2, kMetadata = 3, kPageIndexFirst = 4,
                       kPageIndexLast = 7, kCryptoFirst = 8, kCryptoLast = 9;

std::unexpected<base::Error> broken(const char* what) {
  return base::fail(Code::kCorrupt, "the Parquet file is broken: {}", what);
}

std::unexpected<base::Error> unknown(const char* what) {
  return base::fail(Code::kUnsupported, "Parquet files with {} are not filtered here", what);
}

Result<std::string> read(const base::File& file, std::int64_t offset, std::int64_t bytes) {
  std::string data(static_cast<std::size_t>(bytes), '\0');
  const std::size_t got = TRY(
      file.read_at(static_cast<std::uint64_t>(offset), std::as_writable_bytes(std::span(data))));
  if (got != data.size()) return broken("it is cut short");
  return data;
}

// Text and numbers have an order that is known here; decimals, unsigned numbers and others none.
bool is_ordered(Physical physical, const Value& element) {
  constexpr std::int64_t kUtf8 = 0, kEnum = 4, kDate = 6, kTimeFirst = 7, kTimestampLast = 10,
                         kSignedFirst = 15, kSignedLast = 18;
  const std::int64_t converted = element.integer_or(kConverted, -1);
  const bool logical = element.has(kLogical);
  switch (physical) {
    case Physical::kFloat:
    case Physical::kDouble:
      return converted < 0 && !logical;
    case Physical::kBytes:
      return converted == kUtf8 || converted == kEnum || (converted < 0 && !logical);
    case Physical::kInt32:
    case Physical::kInt64:
      if (converted < 0 && logical) {
        const Value* type = element.find(kLogical);
        constexpr std::int16_t kTimestamp = 8;
        return type->has(kTimestamp);
      }
      return converted < 0 || converted == kDate ||
             (converted >= kTimeFirst && converted <= kTimestampLast) ||
             (converted >= kSignedFirst && converted <= kSignedLast);
    default:
      return false;
  }
}

Result<std::vector<ColumnKind>> kinds_of(const Value& footer) {
  const Value* schema = footer.find(kSchema);
  if (schema == nullptr || schema->items.empty()) return broken("it has no schema");
  std::vector<ColumnKind> kinds;
  for (std::size_t i = 1; i < schema->items.size(); ++i) {
    const Value& element = schema->items[i];
    const std::int64_t repetition = element.integer_or(kRepetition, 0);
    if (element.integer_or(kChildren, 0) != 0 || repetition > 1) return unknown("nested columns");
    const std::int64_t type = element.integer_or(kElementType, -1);
    if (type < 0 || type > 7) return broken("a column has no type");
    ColumnKind kind{.physical = static_cast<Physical>(type), .optional = repetition == 1};
    constexpr std::array<std::size_t, 7> kWidths{0, 4, 8, 12, 4, 8, 0};
    kind.width = kind.physical == Physical::kFixedBytes
                     ? static_cast<std::size_t>(
                           std::max<std::int64_t>(0, element.integer_or(kTypeLength, 0)))
                     : kWidths[static_cast<std::size_t>(type)];
    kind.ordered = is_ordered(kind.physical, element);
    kinds.push_back(kind);
  }
  return kinds;
}

// One column of one row group on its way.
struct Piece {
  Value* chunk = nullptr;
  const ColumnKind* kind = nullptr;
  std::size_t rows = 0;
  const Numbers* gone = nullptr;
};

std::int64_t chunk_start(const Value& metadata) {
  const std::int64_t data = metadata.integer_or(column_field::kDataOffset, -1);
  const std::int64_t dictionary = metadata.integer_or(column_field::kDictionaryOffset, 0);
  return dictionary > 0 ? std::min(data, dictionary) : data;
}

void shift(Value& metadata, std::int64_t by) {
  for (const std::int16_t field : {column_field::kDataOffset, column_field::kDictionaryOffset}) {
    if (Value* offset = metadata.find(field)) offset->integer += by;
  }
}

// The pieces are made side by side and written in their order.
class Filter {
 public:
  Filter(std::unique_ptr<base::File> from, std::unique_ptr<base::File> to, Value footer)
      : from_(std::move(from)), to_(std::move(to)), footer_(std::move(footer)) {}

  Result<FilteredFile> run(const std::vector<std::uint64_t>& gone) {
    TRY(append(kMagic));
    TRY(plan(gone));
    work_all();
    if (!failure_.message.empty()) return std::unexpected(failure_);
    TRY(copy_blooms());
    describe_groups();
    return finish();
  }

 private:
  Result<> plan(const std::vector<std::uint64_t>& gone) {
    if (footer_.has(kEncryption)) return unknown("encryption");
    kinds_ = TRY(kinds_of(footer_));
    if (std::ranges::adjacent_find(gone, std::ranges::greater_equal{}) != gone.end())
      return base::fail(Code::kInvalid, "the rows to take out are not in order, each once");
    Value* groups = footer_.find(kRowGroups);
    if (groups == nullptr) return broken("it has no row groups");
    auto next = gone.begin();
    std::uint64_t first = 0;
    gone_.resize(groups->items.size());
    for (std::size_t i = 0; i < groups->items.size(); ++i) {
      const std::int64_t rows = groups->items[i].integer_or(kGroupRows, -1);
      if (rows < 0 || rows > UINT32_MAX) return broken("a row group's number of rows");
      for (; next != gone.end() && *next < first + static_cast<std::uint64_t>(rows); ++next) {
        gone_[i].push_back(static_cast<std::uint32_t>(*next - first));
      }
      first += static_cast<std::uint64_t>(rows);
      if (std::cmp_equal(gone_[i].size(), rows)) continue;  // nothing of it stays
      TRY(plan_group(groups->items[i], static_cast<std::size_t>(rows), gone_[i]));
      rows_ += rows - static_cast<std::int64_t>(gone_[i].size());
    }
    if (next != gone.end()) return base::fail(Code::kInvalid, "row {} is not in the file", *next);
    return {};
  }

  Result<> plan_group(Value& group, std::size_t rows, const Numbers& gone) {
    Value* columns = group.find(kColumns);
    if (columns == nullptr || columns->items.size() != kinds_.size()) {
      return broken("a row group has other columns than the schema");
    }
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      Value& chunk = columns->items[i];
      for (std::int16_t field = kCryptoFirst; field <= kCryptoLast; ++field) {
        if (chunk.has(field)) return unknown("encryption");
      }
      if (chunk.has(kOtherFile)) return unknown("columns in other files");
      for (std::int16_t field = kPageIndexFirst; field <= kPageIndexLast; ++field) {
        chunk.erase(field);
      }
      const Value* metadata = chunk.find(kMetadata);
      if (metadata == nullptr) return broken("a column has no description");
      const std::int64_t bytes = metadata->integer_or(column_field::kCompressed, -1);
      if (bytes < 0 || chunk_start(*metadata) < 0) return broken("where a column lies");
      if (bytes > kChunkBytesMax) return unknown("columns that large");
      pieces_.push_back({.chunk = &chunk, .kind = &kinds_[i], .rows = rows, .gone = &gone});
    }
    return {};
  }

  void work_all() {
    const std::size_t threads = std::clamp<std::size_t>(
        std::min<std::size_t>(std::thread::hardware_concurrency(), pieces_.size()), 1, kThreadsMax);
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back([this] { work(); });
    work();
  }

  void work() {
    for (std::size_t i = next_++; i < pieces_.size(); i = next_++) {
      auto made = make(pieces_[i]);
      std::unique_lock lock(mutex_);
      turned_.wait(lock, [&] { return turn_ == i || !failure_.message.empty(); });
      if (!failure_.message.empty()) return;
      if (made) {
        shift(*pieces_[i].chunk->find(kMetadata), static_cast<std::int64_t>(end_));
        if (auto done = append(*made); !done) made = std::unexpected(std::move(done).error());
      }
      if (!made) failure_ = std::move(made).error();
      ++turn_;
      turned_.notify_all();
    }
  }

  // The new bytes; the offsets of its description count from their start.
  Result<std::string> make(const Piece& piece) {
    Value& metadata = *piece.chunk->find(kMetadata);
    const std::int64_t start = chunk_start(metadata);
    std::string bytes = TRY(read(*from_, start, metadata.integer_or(column_field::kCompressed, 0)));
    piece.chunk->set_i64(kChunkOffset, 0);
    if (piece.gone->empty()) {
      shift(metadata, -start);
      return bytes;
    }
    return parquet::ChunkFilter(*piece.kind, piece.rows, *piece.gone).run(bytes, metadata);
  }

  // A filter that knows more values than there are tells no lies.
  Result<> copy_blooms() {
    for (const Piece& piece : pieces_) {
      Value& metadata = *piece.chunk->find(kMetadata);
      const std::int64_t offset = metadata.integer_or(column_field::kBloomOffset, -1);
      const std::int64_t bytes = metadata.integer_or(column_field::kBloomLength, -1);
      metadata.erase(column_field::kBloomOffset);
      metadata.erase(column_field::kBloomLength);
      if (offset < 0 || bytes <= 0 || bytes > kFooterBytesMax) continue;
      metadata.set_i64(column_field::kBloomOffset, static_cast<std::int64_t>(end_));
      metadata.set_i32(column_field::kBloomLength, bytes);
      TRY(append(TRY(read(*from_, offset, bytes))));
    }
    return {};
  }

  void describe_groups() {
    auto& groups = footer_.find(kRowGroups)->items;
    std::vector<Value> left;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const std::int64_t rows = groups[i].integer_or(kGroupRows, 0);
      const auto gone = static_cast<std::int64_t>(gone_[i].size());
      if (gone == rows) continue;
      Value group = std::move(groups[i]);
      std::int64_t plain = 0;
      std::int64_t compressed = 0;
      const auto& columns = group.find(kColumns)->items;
      for (const Value& column : columns) {
        const Value& metadata = *column.find(kMetadata);
        plain += metadata.integer_or(column_field::kUncompressed, 0);
        compressed += metadata.integer_or(column_field::kCompressed, 0);
      }
      const std::int64_t start =
          columns.empty() ? 0 : chunk_start(*columns.front().find(kMetadata));
      group.set_i64(kGroupBytes, plain);
      group.set_i64(kGroupRows, rows - gone);
      group.set_i64(kGroupOffset, start);
      group.set_i64(kGroupCompressed, compressed);
      group.erase(kOrdinal);
      left.push_back(std::move(group));
    }
    groups = std::move(left);
    footer_.set_i64(kRows, rows_);
  }

  Result<FilteredFile> finish() {
    std::string footer;
    thrift::print_struct(footer, footer_);
    const auto bytes = static_cast<std::uint32_t>(footer.size());
    footer.append(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
    footer += kMagic;
    TRY(append(footer));
    return FilteredFile{.rows = rows_, .bytes = static_cast<std::int64_t>(end_)};
  }

  Result<> append(std::string_view data) {
    TRY(to_->write_at(end_, std::as_bytes(std::span(data.data(), data.size()))));
    end_ += data.size();
    if (end_ - written_back_ >= kWriteBackBytes) {
      // Begins early what the sync at the end would wait for.
      static_cast<void>(::sync_file_range(to_->descriptor(), static_cast<off64_t>(written_back_),
                                          static_cast<off64_t>(end_ - written_back_),
                                          SYNC_FILE_RANGE_WRITE));
      written_back_ = end_;
    }
    return {};
  }

  const std::unique_ptr<base::File> from_;
  const std::unique_ptr<base::File> to_;
  Value footer_;
  std::vector<ColumnKind> kinds_;
  std::vector<Numbers> gone_;  // by row group
  std::vector<Piece> pieces_;
  std::int64_t rows_ = 0;
  std::atomic<std::size_t> next_{0};

  std::mutex mutex_;  // guards the rest while helpers work
  std::condition_variable turned_;
  std::size_t turn_ = 0;
  base::Error failure_;
  std::uint64_t end_ = 0;
  std::uint64_t written_back_ = 0;
};

Result<Value> read_footer(const base::File& file) {
  const auto size = static_cast<std::int64_t>(TRY(file.size()));
  if (size < static_cast<std::int64_t>(kMagic.size() + kTailBytes))
    return broken("it is too short");
  const std::string tail =
      TRY(read(file, size - static_cast<std::int64_t>(kTailBytes), kTailBytes));
  if (!tail.ends_with(kMagic)) return unknown("another end than PAR1");
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, tail.data(), sizeof(bytes));
  if (bytes > kFooterBytesMax) return unknown("a footer that large");
  const std::int64_t start = size - static_cast<std::int64_t>(kTailBytes) - bytes;
  if (start < 0) return broken("its footer is longer than the file");
  const std::string data = TRY(read(file, start, bytes));
  std::string_view in(data);
  return thrift::take_struct(in);
}

}  // namespace

Result<FilteredFile> filter_parquet(const base::Path& from, const base::Path& to,
                                    const std::vector<std::uint64_t>& gone) {
  base::FileSystem& disk = base::posix_file_system();
  auto file = TRY(disk.open(from, false));
  Value footer = TRY(read_footer(*file));
  auto target = TRY(disk.open(to, true));
  TRY(target->truncate(0));
  return Filter(std::move(file), std::move(target), std::move(footer)).run(gone);
}

}  // namespace lake

#include "lake/parquet_chunk.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/block_compress.h"

namespace lake::parquet {
namespace {

using base::Code;
using base::Result;
using thrift::Value;

enum Codec : std::int64_t { kUncompressed = 0, kSnappy = 1, kGzip = 2, kZstd = 6 };
enum PageType : std::int64_t { kDataPage = 0, kDictionaryPage = 2, kDataPageV2 = 3 };
enum Encoding : std::int64_t { kPlain = 0, kPlainDictionary = 2, kRle = 3, kRleDictionary = 8 };

constexpr std::int16_t kType = 1, kUncompressedSize = 2, kCompressedSize = 3, kCrc = 4, kData = 5,
                       kDictionary = 7, kDataV2 = 8;
// Of DataPageHeader, DictionaryPageHeader.
constexpr std::int16_t kNumValues = 1, kEncoding = 2, kLevelEncoding = 3, kPageStatistics = 5;
// Of DataPageHeaderV2.
constexpr std::int16_t kV2Nulls = 2, kV2Rows = 3, kV2Encoding = 4, kV2LevelBytes = 5,
                       kV2RepetitionBytes = 6, kV2Compressed = 7, kV2Statistics = 8;
// Of Statistics.
constexpr std::int16_t kNullCount = 3, kMax = 5, kMin = 6;

constexpr int kLevel = 1;  // as the rest of the lake writes
constexpr std::size_t kLengthBytes = 4;

std::unexpected<base::Error> broken(const char* what) {
  return base::fail(Code::kCorrupt, "a Parquet page is broken: {}", what);
}

std::unexpected<base::Error> unknown(std::string_view what, std::int64_t number) {
  return base::fail(Code::kUnsupported, "Parquet pages of {} {} are not filtered here", what,
                    number);
}

Result<std::string> to_zstd(std::string_view data) {
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  std::string out(ZSTD_compressBound(data.size()), '\0');
  const std::size_t size =
      ZSTD_compressCCtx(context.get(), out.data(), out.size(), data.data(), data.size(), kLevel);
  if (ZSTD_isError(size) != 0) return base::fail(Code::kIo, "zstd: {}", ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

}  // namespace

Result<std::string_view> ChunkFilter::uncompress(std::string_view body, std::int64_t size,
                                                 bool compressed) {
  if (size < 0 || std::cmp_greater(size, kPageBytesMax)) return unknown("bytes", size);
  if (!compressed || codec_ == kUncompressed) return body;
  const auto bytes = static_cast<std::size_t>(size);
  plain_.clear();
  const auto codec = codec_ == kZstd     ? base::BlockCodec::kZstd
                     : codec_ == kSnappy ? base::BlockCodec::kSnappy
                     : codec_ == kGzip   ? base::BlockCodec::kGzip
                                         : base::BlockCodec::kNone;
  if (codec == base::BlockCodec::kNone) return unknown("codec", codec_);
  if (bytes > 0 && !base::decompress_block(codec, body, bytes, plain_)) return broken("its data");
  if (plain_.size() != bytes) return broken("its size");
  return std::string_view(plain_);
}

Result<ChunkFilter::Page> ChunkFilter::take_page(std::string_view& chunk) const {
  Page page{.header = TRY(thrift::take_struct(chunk)), .body = {}};
  const std::int64_t size = page.header.integer_or(kCompressedSize, -1);
  if (size < 0 || std::cmp_greater(size, chunk.size())) return broken("it is cut short");
  page.body = chunk.substr(0, static_cast<std::size_t>(size));
  chunk.remove_prefix(page.body.size());
  page.header.erase(kCrc);
  return page;
}

// The page with its new body: levels stand before the compressed part in pages of version 2 only.
Result<> ChunkFilter::write(Value header, std::string_view levels, std::string_view values) {
  const std::string body = TRY(to_zstd(values));
  header.set_i32(kUncompressedSize, static_cast<std::int64_t>(levels.size() + values.size()));
  header.set_i32(kCompressedSize, static_cast<std::int64_t>(levels.size() + body.size()));
  const std::size_t before = out_.size();
  thrift::print_struct(out_, header);
  uncompressed_ += static_cast<std::int64_t>(out_.size() - before + levels.size() + values.size());
  out_ += levels;
  out_ += body;
  return {};
}

Result<> ChunkFilter::take_dictionary(const Page& page) {
  const Value* header = page.header.find(kDictionary);
  if (header == nullptr || data_offset_ >= 0 || dictionary_offset_ >= 0) {
    return broken("its dictionary");
  }
  const std::int64_t encoding = header->integer_or(kEncoding, -1);
  if (encoding != kPlain && encoding != kPlainDictionary) return unknown("encoding", encoding);
  const std::int64_t values = header->integer_or(kNumValues, -1);
  if (values < 0 || std::cmp_greater(values, kPageValuesMax)) return unknown("values", values);
  dictionary_values_ = static_cast<std::size_t>(values);
  dictionary_ = TRY(
      uncompress(page.body, page.header.integer_or(kUncompressedSize, -1), /*compressed=*/true));
  used_.assign(dictionary_values_, false);
  dictionary_offset_ = static_cast<std::int64_t>(out_.size());
  return write(page.header, "", dictionary_);
}

Numbers ChunkFilter::gone_in(std::size_t first, std::size_t count) const {
  Numbers found;
  auto it = std::ranges::lower_bound(gone_, first);
  for (; it != gone_.end() && *it < first + count; ++it) {
    found.push_back(static_cast<std::uint32_t>(*it - first));
  }
  return found;
}

// Levels of a flat column are 1 for a value and 0 for null.
Result<ChunkFilter::Levels> ChunkFilter::filter_levels(std::string_view levels, std::size_t count,
                                                       const Numbers& gone) {
  if (!kind_.optional) return Levels{.values = count, .gone = gone, .left = {}};
  if (is_run_of_ones(levels, count)) {
    Levels result{.values = count, .gone = gone, .left = {}};
    pack_run(result.left, 1, 1, count - gone.size());
    return result;
  }
  Numbers here;
  TRY(unpack(levels, 1, count, here));
  Levels result;
  auto next = gone.begin();
  for (std::size_t i = 0; i < count; ++i) {
    const bool goes = next != gone.end() && *next == i;
    if (goes) ++next;
    if (here[i] == 0) {
      if (!goes) ++nulls_;
      continue;
    }
    if (goes) result.gone.push_back(static_cast<std::uint32_t>(result.values));
    ++result.values;
  }
  take_out(here, gone);
  pack(result.left, 1, here);
  return result;
}

Result<std::string> ChunkFilter::filter_values(std::string_view values, std::int64_t encoding,
                                               const Levels& levels) {
  std::string left;
  if (encoding == kPlain) {
    left = TRY(take_out_plain(kind_, values, levels.values, levels.gone));
    TRY(extremes_.take_plain(left, levels.values - levels.gone.size()));
    return left;
  }
  if (encoding != kPlainDictionary && encoding != kRleDictionary) {
    return unknown("encoding", encoding);
  }
  if (levels.values == 0) return std::string(values);
  if (values.empty() || dictionary_offset_ < 0) return broken("it has no dictionary");
  const int width = values.front();
  Numbers indices;
  TRY(unpack(values.substr(1), width, levels.values, indices));
  take_out(indices, levels.gone);
  for (const std::uint32_t index : indices) {
    if (index >= dictionary_values_) return broken("its dictionary is too short");
    used_[index] = true;
  }
  left += static_cast<char>(width);
  pack(left, width, indices);
  return left;
}

Result<> ChunkFilter::take_data(Page& page) {
  const bool second = page.header.integer_or(kType, -1) == kDataPageV2;
  Value* header = page.header.find(second ? kDataV2 : kData);
  if (header == nullptr) return broken("its header");
  const std::int64_t values = header->integer_or(kNumValues, -1);
  if (values < 0 || std::cmp_greater(values, kPageValuesMax)) return unknown("values", values);
  const auto count = static_cast<std::size_t>(values);
  if (row_ + count > rows_) return broken("it has more rows than its row group");
  if (data_offset_ < 0) data_offset_ = static_cast<std::int64_t>(out_.size());
  const Numbers gone = gone_in(row_, count);
  row_ += count;
  const std::int64_t size = page.header.integer_or(kUncompressedSize, -1);
  std::string_view levels;
  std::string_view body;
  if (second) {
    const std::int64_t bytes = header->integer_or(kV2LevelBytes, -1);
    if (header->integer_or(kV2RepetitionBytes, 0) != 0) return unknown("levels", 1);
    if (bytes < 0 || std::cmp_greater(bytes, page.body.size())) return broken("its levels");
    levels = page.body.substr(0, static_cast<std::size_t>(bytes));
    body = TRY(uncompress(page.body.substr(levels.size()), size - bytes,
                          header->integer_or(kV2Compressed, 1) != 0));
  } else {
    body = TRY(uncompress(page.body, size, /*compressed=*/true));
    if (kind_.optional) {
      const std::int64_t encoding = header->integer_or(kLevelEncoding, -1);
      if (encoding != kRle) return unknown("encoding of levels", encoding);
      std::uint32_t bytes = 0;
      if (body.size() < kLengthBytes) return broken("its levels");
      std::memcpy(&bytes, body.data(), sizeof(bytes));
      if (bytes > body.size() - kLengthBytes) return broken("its levels");
      levels = body.substr(kLengthBytes, bytes);
      body.remove_prefix(kLengthBytes + bytes);
    }
  }
  const std::size_t nulls_before = nulls_;
  const Levels filtered = TRY(filter_levels(levels, count, gone));
  const std::string left =
      TRY(filter_values(body, header->integer_or(second ? kV2Encoding : kEncoding, -1), filtered));
  const auto rows = static_cast<std::int64_t>(count - gone.size());
  if (rows == 0) return {};
  header->set_i32(kNumValues, rows);
  header->erase(second ? kV2Statistics : kPageStatistics);
  if (second) {
    header->set_i32(kV2Nulls, static_cast<std::int64_t>(nulls_ - nulls_before));
    header->set_i32(kV2Rows, rows);
    header->set_i32(kV2LevelBytes, static_cast<std::int64_t>(filtered.left.size()));
    header->set(kV2Compressed, Value{.type = thrift::Type::kTrue, .integer = 1});
    return write(page.header, filtered.left, left);
  }
  if (!kind_.optional) return write(page.header, "", left);
  const auto bytes = static_cast<std::uint32_t>(filtered.left.size());
  std::string whole(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
  whole += filtered.left;
  whole += left;
  return write(page.header, "", whole);
}

Result<> ChunkFilter::describe(Value& metadata) const {
  using namespace column_field;
  metadata.set_i32(kCodec, kZstd);
  metadata.set_i64(kValues, static_cast<std::int64_t>(rows_ - gone_.size()));
  metadata.set_i64(column_field::kUncompressed, uncompressed_);
  metadata.set_i64(kCompressed, static_cast<std::int64_t>(out_.size()));
  metadata.set_i64(kDataOffset, data_offset_);
  metadata.erase(kDictionaryOffset);
  if (dictionary_offset_ >= 0) metadata.set_i64(kDictionaryOffset, dictionary_offset_);
  metadata.erase(kIndexOffset);
  metadata.erase(kSizeStatistics);
  Value statistics;
  statistics.set_i64(kNullCount, static_cast<std::int64_t>(nulls_));
  if (const auto max = extremes_.max()) {
    statistics.set(kMax, Value{.type = thrift::Type::kBinary, .bytes = *max});
  }
  if (const auto min = extremes_.min()) {
    statistics.set(kMin, Value{.type = thrift::Type::kBinary, .bytes = *min});
  }
  metadata.set(kStatistics, std::move(statistics));
  return {};
}

Result<std::string> ChunkFilter::run(std::string_view chunk, Value& metadata) {
  codec_ = metadata.integer_or(column_field::kCodec, -1);
  out_.reserve(chunk.size());
  while (row_ < rows_) {
    if (chunk.empty()) return broken("the column has fewer rows than its row group");
    Page page = TRY(take_page(chunk));
    const std::int64_t type = page.header.integer_or(kType, -1);
    if (type == kDictionaryPage) {
      TRY(take_dictionary(page));
    } else if (type == kDataPage || type == kDataPageV2) {
      TRY(take_data(page));
    } else {
      return unknown("type", type);
    }
  }
  if (dictionary_offset_ >= 0) {
    TRY(extremes_.take_dictionary(dictionary_, dictionary_values_, used_));
  }
  TRY(describe(metadata));
  return std::move(out_);
}

}  // namespace lake::parquet

// One column of one row group without some of its rows.
// Source: apache/parquet-format README.md, "Data Pages"; parquet.thrift.
//
// Threads: a ChunkFilter by one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lake/parquet_values.h"
#include "lake/thrift.h"

namespace lake::parquet {

// Ids of the fields that are changed here.
namespace column_field {
inline constexpr std::int16_t kCodec = 4, kValues = 5, kUncompressed = 6, kCompressed = 7,
                              kDataOffset = 9, kIndexOffset = 10, kDictionaryOffset = 11,
                              kStatistics = 12, kBloomOffset = 14, kBloomLength = 15,
                              kSizeStatistics = 16;
}

inline constexpr std::size_t kPageValuesMax = std::size_t{1} << 24;
inline constexpr std::size_t kPageBytesMax = std::size_t{256} << 20;  // uncompressed

class ChunkFilter {
 public:
  // `rows` are those of the row group; `gone` some of them, from its first.
  ChunkFilter(const ColumnKind& kind, std::size_t rows, const Numbers& gone)
      : kind_(kind), rows_(rows), gone_(gone), extremes_(kind) {}

  // `chunk` is what the column's `metadata` (ColumnMetaData) describes; the new one's offsets count
  // from the start of the new chunk. kUnsupported for a layout that is not known here: other
  // engines' encodings.
  base::Result<std::string> run(std::string_view chunk, thrift::Value& metadata);

 private:
  struct Page {
    thrift::Value header;
    std::string_view body;
  };
  struct Levels {
    std::size_t values = 0;  // that are not null
    Numbers gone;            // among the values
    std::string left;        // the levels of what stays
  };

  base::Result<Page> take_page(std::string_view& chunk) const;
  base::Result<> take_dictionary(const Page& page);
  base::Result<> take_data(Page& page);
  base::Result<std::string_view> uncompress(std::string_view body, std::int64_t size,
                                            bool compressed);
  base::Result<Levels> filter_levels(std::string_view levels, std::size_t count,
                                     const Numbers& gone);
  base::Result<std::string> filter_values(std::string_view values, std::int64_t encoding,
                                          const Levels& levels);
  base::Result<> write(thrift::Value header, std::string_view levels, std::string_view values);
  Numbers gone_in(std::size_t first, std::size_t count) const;
  base::Result<> describe(thrift::Value& metadata) const;

  const ColumnKind& kind_;
  const std::size_t rows_;
  const Numbers& gone_;
  std::int64_t codec_ = 0;
  std::string plain_;  // of the current page
  std::string dictionary_;
  std::size_t dictionary_values_ = 0;
  std::vector<bool> used_;  // of the dictionary
  Extremes extremes_;
  std::size_t row_ = 0;    // of the current page, from the chunk's first
  std::size_t nulls_ = 0;  // that stay
  std::int64_t uncompressed_ = 0;
  std::int64_t data_offset_ = -1;
  std::int64_t dictionary_offset_ = -1;
  std::string out_;
};

}  // namespace lake::parquet

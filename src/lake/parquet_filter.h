// A Parquet file without some of its rows: columns are copied byte by byte where no row goes, and
// page by page where one does. Values are never decoded, which takes a fraction of the time of
// reading the rows and writing them.
// Source: apache/parquet-format README.md; parquet.thrift.
//
// Threads: any; a call uses several of its own.
#pragma once

#include <cstdint>
#include <vector>

#include "base/file_system.h"

namespace lake {

struct FilteredFile {
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
};

// Writes `to`, which is not synced: `from` without the rows with these numbers (from 0, sorted,
// each once). Bounds of numbers, text, dates and times stay exact; other types lose theirs. Memory
// is bounded by the columns' largest pieces. kUnsupported for files that are not known how to
// filter (nested columns, encryption, some encodings): read their rows and write them instead.
// kCorrupt, kIo. After an error `to` may be there in part.
base::Result<FilteredFile> filter_parquet(const base::Path& from, const base::Path& to,
                                          const std::vector<std::uint64_t>& gone);

}  // namespace lake

// The records of one partner's file, one after the other, ready for the log.
//
// Threads: one at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/result.h"
#include "schema/topic_schema.h"
#include "sql/database.h"

namespace sources {

struct FileRecord {
  std::string_view text;  // UTF-8; valid until the next call
  std::int64_t line = 0;  // from 1; a row number in Parquet
};

class FileReader {
 public:
  virtual ~FileReader() = default;
  // The next record; false at the end. Errors carry the line.
  virtual base::Result<bool> next(FileRecord& record) = 0;

  // For the records' headers: the columns of CSV records where they are not the schema's ("" where
  // they are), and whether they are JSON where the topic's format is CSV.
  const std::string& columns() const { return columns_; }
  bool is_json() const { return is_json_; }

 protected:
  std::string columns_;
  bool is_json_ = false;
};

// By the file's name: .parquet; .jsonl, .ndjson and .json are lines of JSON; the rest is of the
// topic's format. .gz and .zst on top of the text formats. `database` reads Parquet.
base::Result<std::unique_ptr<FileReader>> open_file_reader(base::FileSystem& disk,
                                                           sql::Database& database,
                                                           const base::Path& path,
                                                           const schema::TopicSchema& topic);

// SHA-256 over the topic and the file's content (unpacked): 64 hex digits.
base::Result<std::string> content_id(base::FileSystem& disk, const base::Path& path,
                                     const std::string& topic);

}  // namespace sources

// Paths of data files as the log writes them: URI references by RFC 2396.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace lake {

// "p=a b/x%.parquet" to "p=a%20b/x%25.parquet". Bytes outside ASCII are escaped.
std::string encode_path(std::string_view path);
// Decodes once; "file:///a" and "file:/a" become "/a", so that one file has one spelling. kCorrupt
// for a broken escape, a path with a ".." part, a zero byte or nothing in it.
base::Result<std::string> decode_path(std::string_view text);

// A value as part of a folder name "column=value", as Hive escapes it; null and "" become
// "__HIVE_DEFAULT_PARTITION__".
std::string hive_escape(std::string_view value);

}  // namespace lake

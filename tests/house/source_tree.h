// The source tree as the house rules see it: files, what they include, tables of the documents.
//
// Threads: values; the functions that take a path read the disk.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace house {

struct SourceFile {
  std::string path;  // from the root of the checkout: "src/log/segment.h"
  std::string text;
  std::string stem() const { return std::filesystem::path(path).stem().string(); }
  int lines() const;
};

// All files with one of these extensions (".h") below these folders of `root`, sorted by path.
std::vector<SourceFile> read_sources(const std::filesystem::path& root,
                                     const std::vector<std::string>& folders,
                                     const std::vector<std::string>& extensions);
std::string read_text(const std::filesystem::path& path);  // "" when there is none

struct Include {
  std::string file;
  int line = 0;
  std::string header;
  bool quoted = false;  // "room/x.h" rather than <x.h>
};
std::vector<Include> includes_of(const SourceFile& file);

// A Markdown table's rows under the header whose first cells are these; code marks are left out.
using Row = std::vector<std::string>;
std::vector<Row> table_rows(std::string_view markdown, const Row& header);
// "a, `b`" as {"a", "b"}; "–" as none.
std::vector<std::string> list_in(std::string_view cell);

// "src/log/segment.h" as "log"; "" outside of src/.
std::string room_of(std::string_view path);

}  // namespace house

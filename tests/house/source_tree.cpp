#include "house/source_tree.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>

namespace house {
namespace {

std::string trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t\r");
  if (from == std::string_view::npos) return "";
  return std::string(text.substr(from, text.find_last_not_of(" \t\r") + 1 - from));
}

Row cells_of(const std::string& line) {
  Row cells;
  if (line.empty() || line.front() != '|') return cells;
  std::istringstream parts(line.substr(1));
  for (std::string cell; std::getline(parts, cell, '|');) {
    std::erase(cell, '`');
    cells.push_back(trimmed(cell));
  }
  if (!cells.empty() && cells.back().empty()) cells.pop_back();
  return cells;
}

}  // namespace

int SourceFile::lines() const {
  const auto ends = std::count(text.begin(), text.end(), '\n');
  return static_cast<int>(ends) + (text.empty() || text.back() == '\n' ? 0 : 1);
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<SourceFile> read_sources(const std::filesystem::path& root,
                                     const std::vector<std::string>& folders,
                                     const std::vector<std::string>& extensions) {
  std::vector<SourceFile> files;
  for (const std::string& folder : folders) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      const bool wanted = std::find(extensions.begin(), extensions.end(),
                                    entry.path().extension().string()) != extensions.end();
      if (!entry.is_regular_file() || !wanted) continue;
      files.push_back({.path = entry.path().lexically_relative(root).string(),
                       .text = read_text(entry.path())});
    }
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

std::vector<Include> includes_of(const SourceFile& file) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)");
  std::vector<Include> includes;
  std::istringstream lines(file.text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::smatch match;
    if (line.find("include") == std::string::npos || !std::regex_match(line, match, kInclude))
      continue;
    includes.push_back(
        {.file = file.path, .line = number, .header = match[2], .quoted = match[1] == "\""});
  }
  return includes;
}

std::vector<Row> table_rows(std::string_view markdown, const Row& header) {
  std::vector<Row> rows;
  std::istringstream lines{std::string(markdown)};
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    const Row cells = cells_of(line);
    if (!inside) {
      inside =
          cells.size() >= header.size() && std::equal(header.begin(), header.end(), cells.begin());
      continue;
    }
    if (cells.empty()) break;
    if (cells.front().find_first_not_of("-:") != std::string::npos) rows.push_back(cells);
  }
  return rows;
}

std::vector<std::string> list_in(std::string_view cell) {
  std::vector<std::string> list;
  std::istringstream parts{std::string(cell)};
  for (std::string part; std::getline(parts, part, ',');) {
    std::erase(part, '`');
    if (const std::string name = trimmed(part); !name.empty() && name != "–") list.push_back(name);
  }
  return list;
}

std::string room_of(std::string_view path) {
  if (!path.starts_with("src/")) return "";
  path.remove_prefix(4);
  const std::size_t slash = path.find('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}

}  // namespace house

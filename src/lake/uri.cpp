#include "lake/uri.h"

#include <algorithm>

#include "base/percent.h"

namespace lake {
namespace {

constexpr std::string_view kPathPunctuation = "-_.!~*'()/:@&=+$,;";
// Beside the characters that Hive escapes, those that DuckDB reads as a pattern.
constexpr std::string_view kHiveSpecial = "\"#%'*/:=?\\{[]^|<>&;`$, ";
constexpr std::string_view kHex = "0123456789ABCDEF";

void append_escape(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool has_parent_part(std::string_view path) {
  std::size_t start = 0;
  while (start <= path.size()) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    if (path.substr(start, end - start) == "..") return true;
    start = end + 1;
  }
  return false;
}

}  // namespace

std::string encode_path(std::string_view path) {
  return base::percent_encode(path, kPathPunctuation);
}

base::Result<std::string> decode_path(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return base::fail(base::Code::kCorrupt, "the path \"{}\" has a broken % escape", text);
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (out.starts_with("file:///")) {
    out.erase(0, 7);
  } else if (out.starts_with("file:/")) {
    out.erase(0, 5);
  }
  if (out.empty() || out.find('\0') != std::string::npos) {
    return base::fail(base::Code::kCorrupt, "a path is empty or has a zero byte");
  }
  if (has_parent_part(out)) {
    return base::fail(base::Code::kCorrupt, "the path \"{}\" has a \"..\" part", text);
  }
  return out;
}

std::string hive_escape(std::string_view value) {
  if (value.empty()) return "__HIVE_DEFAULT_PARTITION__";
  std::string out;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7F || kHiveSpecial.find(c) != std::string_view::npos) {
      append_escape(out, c);
    } else {
      out += c;
    }
  }
  return out == "." || out == ".." ? "%2E" + out.substr(1) : out;
}

}  // namespace lake

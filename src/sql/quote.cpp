#include "sql/database.h"

namespace sql {
namespace {

std::string quoted(std::string_view text, char quote) {
  std::string result(1, quote);
  for (const char c : text) {
    if (c == quote) result.push_back(quote);
    result.push_back(c);
  }
  result.push_back(quote);
  return result;
}

}  // namespace

std::string quote_text(std::string_view text) { return quoted(text, '\''); }
std::string quote_name(std::string_view name) { return quoted(name, '"'); }

std::string quote_table(std::string_view dotted) {
  std::string result;
  while (true) {
    const std::size_t dot = dotted.find('.');
    result += quote_name(dotted.substr(0, dot));
    if (dot == std::string_view::npos) return result;
    result.push_back('.');
    dotted.remove_prefix(dot + 1);
  }
}

}  // namespace sql

// PostgreSQL's arrays of one dimension. Source: array_out and array_send.
#include "protocol/postgres/backend.h"
#include "protocol/postgres/lexer.h"
#include "protocol/postgres/types.h"

namespace protocol::postgres {
namespace {

bool needs_quotes(std::string_view text) {
  return text.empty() || text.find_first_of("{}\",\\ \t\n\r\v\f") != std::string_view::npos ||
         (text.size() == 4 && lower(text) == "null");
}

void append_quoted(std::string_view text, std::string& out) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

}  // namespace

std::string array_text(const std::vector<std::optional<std::string>>& elements) {
  std::string out = "{";
  for (const auto& element : elements) {
    if (out.size() > 1) out.push_back(',');
    if (!element) {
      out += "NULL";
    } else if (needs_quotes(*element)) {
      append_quoted(*element, out);
    } else {
      out += *element;
    }
  }
  return out + "}";
}

base::Result<> append_binary_array(std::string& out, Oid element,
                                   const std::vector<std::optional<std::string>>& elements) {
  const auto start = out.size();
  append_u32(out, 0);
  bool nulls = false;
  for (const auto& value : elements) nulls = nulls || !value;
  append_u32(out, elements.empty() ? 0 : 1);  // dimensions
  append_u32(out, nulls ? 1 : 0);
  append_u32(out, element);
  if (!elements.empty()) {
    append_u32(out, static_cast<std::uint32_t>(elements.size()));
    append_u32(out, 1);  // the first index
  }
  for (const auto& value : elements) {
    if (value) {
      TRY(append_binary(out, element, *value));
    } else {
      append_null(out);
    }
  }
  const auto size = __builtin_bswap32(static_cast<std::uint32_t>(out.size() - start - 4));
  __builtin_memcpy(out.data() + start, &size, 4);
  return {};
}

}  // namespace protocol::postgres

#include "schema/bronze_text.h"

#include <simdjson.h>

#include "base/base64.h"
#include "base/json_text.h"

namespace schema {
namespace {

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

void append_json_bytes(std::string_view bytes, std::string& out) {
  if (is_utf8(bytes)) return base::append_json_text(bytes, out);
  std::string text(kBase64Prefix);
  text += base::encode_base64(bytes);
  base::append_json_text(text, out);
}

}  // namespace

void append_text_or_base64(std::string_view bytes, columns::Column& column, std::string& scratch) {
  if (is_utf8(bytes) && !bytes.starts_with(kBase64Prefix)) return column.append_text(bytes);
  scratch.assign(kBase64Prefix);
  scratch += base::encode_base64(bytes);
  column.append_text(scratch);
}

base::Result<std::string> original_bytes(std::string_view text) {
  if (!text.starts_with(kBase64Prefix)) return std::string(text);
  auto bytes = base::decode_base64(text.substr(kBase64Prefix.size()));
  if (bytes) return *std::move(bytes);
  return base::fail(base::Code::kInvalid, "the text behind '{}' is not base64", kBase64Prefix);
}

void append_headers_json(std::span<const eventlog::HeaderView> headers, std::string& out) {
  out.push_back('{');
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_json_bytes(headers[i].key, out);
    out.push_back(':');
    append_json_bytes(headers[i].value, out);
  }
  out.push_back('}');
}

}  // namespace schema

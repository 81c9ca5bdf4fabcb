#include "schema/bronze_text.h"

#include <simdjson.h>

#include <array>

#include "base/json_text.h"

namespace schema {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

void append_base64(std::string_view bytes, std::string& out) {
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    const std::size_t filled = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 4; ++k) {
      out.push_back(k <= filled ? kDigits[(group >> (18 - 6 * k)) & 63] : '=');
    }
  }
}

base::Result<std::string> decode_base64(std::string_view text) {
  const auto broken = [] {
    return base::fail(base::Code::kInvalid, "the text behind '{}' is not base64", kBase64Prefix);
  };
  if (text.size() % 4 != 0) return broken();
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t group = 0;
    std::size_t digits = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const std::size_t digit = kDigits.find(text[i + k]);
      if (digit != std::string_view::npos && digits == k) {
        ++digits;
      } else if (text[i + k] != '=' || i + 4 != text.size()) {
        return broken();
      }
      group = group << 6 | static_cast<std::uint32_t>(digit == std::string_view::npos ? 0 : digit);
    }
    if (digits < 2) return broken();
    for (std::size_t k = 0; k + 1 < digits; ++k)
      bytes.push_back(static_cast<char>(group >> (16 - 8 * k) & 0xFF));
  }
  return bytes;
}

void append_json_bytes(std::string_view bytes, std::string& out) {
  if (is_utf8(bytes)) return base::append_json_text(bytes, out);
  std::string text(kBase64Prefix);
  append_base64(bytes, text);
  base::append_json_text(text, out);
}

}  // namespace

void append_text_or_base64(std::string_view bytes, columns::Column& column, std::string& scratch) {
  if (is_utf8(bytes) && !bytes.starts_with(kBase64Prefix)) return column.append_text(bytes);
  scratch.assign(kBase64Prefix);
  append_base64(bytes, scratch);
  column.append_text(scratch);
}

base::Result<std::string> original_bytes(std::string_view text) {
  if (!text.starts_with(kBase64Prefix)) return std::string(text);
  return decode_base64(text.substr(kBase64Prefix.size()));
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

// Bytes of records as the text columns of bronze hold them.
//
// Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "columns/batch.h"
#include "log/record_batch.h"

namespace schema {

inline constexpr std::string_view kBase64Prefix = "base64:";

// UTF-8 as it is; other bytes, and text that itself begins with the prefix, as base64 behind
// kBase64Prefix.
void append_text_or_base64(std::string_view bytes, columns::Column& column, std::string& scratch);
// The bytes that such a text stands for; kInvalid when the base64 is broken.
base::Result<std::string> original_bytes(std::string_view text);

// {"file":"x.csv","line":"7"}
void append_headers_json(std::span<const eventlog::HeaderView> headers, std::string& out);

}  // namespace schema

// Request bodies to records: NDJSON and JSON arrays, cut into each record's own text.
//
// Pure; the views point into the body. Nothing is parsed here beyond what the cut needs.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"

namespace protocol::http {

inline constexpr std::size_t kRecordsMax = 1'000'000;

// The non-blank lines. kLimit above kRecordsMax.
base::Result<std::vector<std::string_view>> split_ndjson(std::string_view body);

// One object, or the elements of one array. kInvalid with the line for a body that is neither, is
// cut short, or has text behind it; kLimit above kRecordsMax. Elements may still be malformed inside.
base::Result<std::vector<std::string_view>> split_json(std::string_view body);

// The line of the body, from 1, on which this part of it starts.
int line_of(std::string_view body, std::string_view part);

}  // namespace protocol::http

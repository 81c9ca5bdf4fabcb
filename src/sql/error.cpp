#include "sql/error.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace sql {
namespace {

int line_in(std::string_view message) {
  const std::size_t at = message.find("LINE ");
  if (at == std::string_view::npos) return 0;
  int line = 0;
  std::from_chars(message.data() + at + 5, message.data() + message.size(), line);
  return line;
}

}  // namespace

base::Code code_of(duckdb_error_type type) {
  switch (type) {
    case DUCKDB_ERROR_OUT_OF_MEMORY:
    case DUCKDB_ERROR_OBJECT_SIZE:
      return base::Code::kLimit;
    case DUCKDB_ERROR_INTERRUPT:
      return base::Code::kCancelled;
    case DUCKDB_ERROR_IO:
    case DUCKDB_ERROR_HTTP:
    case DUCKDB_ERROR_NETWORK:
      return base::Code::kIo;
    case DUCKDB_ERROR_NOT_IMPLEMENTED:
      return base::Code::kUnsupported;
    case DUCKDB_ERROR_TRANSACTION:
      return base::Code::kConflict;
    case DUCKDB_ERROR_CONNECTION:
    case DUCKDB_ERROR_FATAL:
    case DUCKDB_ERROR_INTERNAL:
      return base::Code::kUnavailable;
    default:
      return base::Code::kInvalid;
  }
}

base::Code code_of_message(std::string_view message) {
  struct Prefix {
    std::string_view words;
    duckdb_error_type type;
  };
  static constexpr std::array<Prefix, 9> kPrefixes{
      {{"Out of Memory Error", DUCKDB_ERROR_OUT_OF_MEMORY},
       {"INTERRUPT Error", DUCKDB_ERROR_INTERRUPT},
       {"IO Error", DUCKDB_ERROR_IO},
       {"HTTP Error", DUCKDB_ERROR_HTTP},
       {"Not implemented Error", DUCKDB_ERROR_NOT_IMPLEMENTED},
       {"TransactionContext Error", DUCKDB_ERROR_TRANSACTION},
       {"Connection Error", DUCKDB_ERROR_CONNECTION},
       {"FATAL Error", DUCKDB_ERROR_FATAL},
       {"INTERNAL Error", DUCKDB_ERROR_INTERNAL}}};
  for (const Prefix& prefix : kPrefixes) {
    if (message.starts_with(prefix.words)) return code_of(prefix.type);
  }
  return base::Code::kInvalid;
}

std::unexpected<base::Error> fail_duckdb(base::Code code, const char* message) {
  base::Error error{.code = code,
                    .message = message != nullptr ? message : "DuckDB gives no reason"};
  while (error.message.ends_with('\n')) error.message.pop_back();
  error.line = line_in(error.message);
  return std::unexpected(std::move(error));
}

int line_of(std::string_view text, std::size_t position) {
  const std::string_view before = text.substr(0, std::min(position, text.size()));
  return 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
}

}  // namespace sql

// What a PostgreSQL server sends, appended to a string.
// Source: PostgreSQL documentation, "Frontend/Backend Protocol", section Message Formats.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/postgres/frontend.h"

namespace protocol::postgres {

struct ColumnDescription {
  std::string name;
  Oid type = 25;
  std::int16_t type_size = -1;      // bytes; negative: varies
  std::int32_t type_modifier = -1;  // NUMERIC(10,2): ((10 << 16) | 2) + 4
};

// The fields of an ErrorResponse or NoticeResponse.
struct ErrorFields {
  std::string severity = "ERROR";  // ERROR, FATAL; WARNING, NOTICE
  std::string sqlstate = "XX000";
  std::string message = {};
  std::string detail = {};
  std::string hint = {};
  int position = 0;  // in characters of the query, from 1; 0 = none
};

inline ErrorFields make_error(std::string sqlstate, std::string message, std::string hint = "") {
  return {.sqlstate = std::move(sqlstate), .message = std::move(message), .hint = std::move(hint)};
}
inline ErrorFields plan_changed() {
  return make_error("0A000", "cached plan must not change result type",
                    "prepare the statement again");
}

enum class TransactionStatus : char { kIdle = 'I', kInTransaction = 'T', kFailed = 'E' };

class BackendEncoder {
 public:
  explicit BackendEncoder(std::string& out) : out_(out) {}

  void authentication_ok();
  void authentication_sasl();  // SCRAM-SHA-256 is the one mechanism
  void authentication_sasl_continue(std::string_view data);
  void authentication_sasl_final(std::string_view data);
  void parameter_status(std::string_view name, std::string_view value);
  void backend_key_data(std::int32_t process_id, std::int32_t secret_key);
  void negotiate_protocol_version(std::int32_t minor,
                                  const std::vector<std::string>& unknown_options);
  void ready_for_query(TransactionStatus status);
  void parameter_description(std::span<const Oid> types);
  void row_description(std::span<const ColumnDescription> columns,
                       const std::vector<Format>& formats);
  void no_data() { empty('n'); }
  void parse_complete() { empty('1'); }
  void bind_complete() { empty('2'); }
  void close_complete() { empty('3'); }
  void portal_suspended() { empty('s'); }
  void empty_query_response() { empty('I'); }
  void command_complete(std::string_view tag);
  void error_response(const ErrorFields& fields) { fields_message('E', fields); }
  void notice_response(const ErrorFields& fields) { fields_message('N', fields); }

 private:
  void empty(char type);
  void fields_message(char type, const ErrorFields& fields);

  std::string& out_;
};

// The parts that every message is made of; big-endian.
inline void append_u16(std::string& out, std::uint16_t value) {
  const char bytes[2] = {static_cast<char>(value >> 8), static_cast<char>(value)};
  out.append(bytes, 2);
}
inline void append_u32(std::string& out, std::uint32_t value) {
  value = __builtin_bswap32(value);
  char bytes[4];
  __builtin_memcpy(bytes, &value, 4);
  out.append(bytes, 4);
}
inline void append_u64(std::string& out, std::uint64_t value) {
  value = __builtin_bswap64(value);
  char bytes[8];
  __builtin_memcpy(bytes, &value, 8);
  out.append(bytes, 8);
}

// One message under construction: its length is filled in when it ends.
class MessageScope {
 public:
  MessageScope(std::string& out, char type) : out_(out) {
    out_.push_back(type);
    start_ = out_.size();
    append_u32(out_, 0);
  }
  MessageScope(const MessageScope&) = delete;
  MessageScope& operator=(const MessageScope&) = delete;
  ~MessageScope() {
    const auto size = __builtin_bswap32(static_cast<std::uint32_t>(out_.size() - start_));
    __builtin_memcpy(out_.data() + start_, &size, 4);
  }

 private:
  std::string& out_;
  std::size_t start_ = 0;
};

// A DataRow is MessageScope(out, 'D'), append_u16(columns), then one of these per column.
inline void append_null(std::string& out) { append_u32(out, 0xFFFFFFFF); }
inline void append_value(std::string& out, std::string_view bytes) {
  append_u32(out, static_cast<std::uint32_t>(bytes.size()));
  out.append(bytes);
}

}  // namespace protocol::postgres

#include "protocol/postgres/backend.h"

namespace protocol::postgres {

namespace {

// A text field ends at its first zero byte, so one inside would end it early.
void append_text(std::string& out, std::string_view text) {
  out.append(text.substr(0, text.find('\0')));
  out.push_back('\0');
}

}  // namespace

void BackendEncoder::empty(char type) {
  out_.push_back(type);
  append_u32(out_, 4);
}

void BackendEncoder::authentication_ok() {
  const MessageScope message(out_, 'R');
  append_u32(out_, 0);
}

void BackendEncoder::authentication_sasl() {
  const MessageScope message(out_, 'R');
  append_u32(out_, 10);
  append_text(out_, "SCRAM-SHA-256");
  out_.push_back('\0');
}

void BackendEncoder::authentication_sasl_continue(std::string_view data) {
  const MessageScope message(out_, 'R');
  append_u32(out_, 11);
  out_.append(data);
}

void BackendEncoder::authentication_sasl_final(std::string_view data) {
  const MessageScope message(out_, 'R');
  append_u32(out_, 12);
  out_.append(data);
}

void BackendEncoder::parameter_status(std::string_view name, std::string_view value) {
  const MessageScope message(out_, 'S');
  append_text(out_, name);
  append_text(out_, value);
}

void BackendEncoder::backend_key_data(std::int32_t process_id, std::int32_t secret_key) {
  const MessageScope message(out_, 'K');
  append_u32(out_, static_cast<std::uint32_t>(process_id));
  append_u32(out_, static_cast<std::uint32_t>(secret_key));
}

void BackendEncoder::negotiate_protocol_version(std::int32_t minor,
                                                const std::vector<std::string>& unknown_options) {
  const MessageScope message(out_, 'v');
  append_u32(out_, static_cast<std::uint32_t>(minor));
  append_u32(out_, static_cast<std::uint32_t>(unknown_options.size()));
  for (const auto& option : unknown_options) append_text(out_, option);
}

void BackendEncoder::ready_for_query(TransactionStatus status) {
  const MessageScope message(out_, 'Z');
  out_.push_back(static_cast<char>(status));
}

void BackendEncoder::parameter_description(std::span<const Oid> types) {
  const MessageScope message(out_, 't');
  append_u16(out_, static_cast<std::uint16_t>(types.size()));
  for (const auto type : types) append_u32(out_, type);
}

void BackendEncoder::row_description(std::span<const ColumnDescription> columns,
                                     const std::vector<Format>& formats) {
  const MessageScope message(out_, 'T');
  append_u16(out_, static_cast<std::uint16_t>(columns.size()));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto& column = columns[i];
    append_text(out_, column.name);
    append_u32(out_, 0);  // no table
    append_u16(out_, 0);
    append_u32(out_, column.type);
    append_u16(out_, static_cast<std::uint16_t>(column.type_size));
    append_u32(out_, static_cast<std::uint32_t>(column.type_modifier));
    append_u16(out_, static_cast<std::uint16_t>(format_at(formats, i)));
  }
}

void BackendEncoder::command_complete(std::string_view tag) {
  const MessageScope message(out_, 'C');
  append_text(out_, tag);
}

void BackendEncoder::fields_message(char type, const ErrorFields& fields) {
  const MessageScope message(out_, type);
  const auto field = [&](char code, std::string_view text) {
    if (text.empty()) return;
    out_.push_back(code);
    append_text(out_, text);
  };
  field('S', fields.severity);
  field('V', fields.severity);
  field('C', fields.sqlstate);
  // Clients require the message field.
  out_.push_back('M');
  append_text(out_, fields.message);
  field('D', fields.detail);
  field('H', fields.hint);
  if (fields.position > 0) field('P', std::to_string(fields.position));
  out_.push_back('\0');
}

}  // namespace protocol::postgres

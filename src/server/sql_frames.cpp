#include "server/sql_frames.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace server {
namespace {

static_assert(std::endian::native == std::endian::little);

template <class T>
void append_number(T value, std::string& out) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

template <class T>
T number_of(std::string_view bytes) {
  T value = 0;
  if (bytes.size() == sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::unexpected<base::Error> gone(int error) {
  return base::fail(base::Code::kIo, "the other side of a SQL worker's socket is gone{}",
                    error == 0 ? "" : ": " + std::generic_category().message(error));
}

base::Result<> receive_exactly(int socket, char* into, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t got = ::recv(socket, into, bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return gone(got == 0 ? 0 : errno);
    into += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return {};
}

}  // namespace

FrameWriter::FrameWriter(FrameKind kind) {
  append_number<std::uint32_t>(0, bytes_);
  append_number(static_cast<std::uint8_t>(kind), bytes_);
}

FrameWriter& FrameWriter::u8(std::uint8_t value) {
  append_number(value, bytes_);
  return *this;
}

FrameWriter& FrameWriter::u32(std::uint32_t value) {
  append_number(value, bytes_);
  return *this;
}

FrameWriter& FrameWriter::i64(std::int64_t value) {
  append_number(value, bytes_);
  return *this;
}

FrameWriter& FrameWriter::text(std::string_view value) {
  append_number(static_cast<std::uint32_t>(value.size()), bytes_);
  bytes_ += value;
  return *this;
}

FrameWriter& FrameWriter::optional_text(const std::optional<std::string>& value) {
  u8(value ? 1 : 0);
  return value ? text(*value) : *this;
}

FrameWriter& FrameWriter::columns(
    const std::vector<protocol::postgres::ColumnDescription>& columns) {
  u32(static_cast<std::uint32_t>(columns.size()));
  for (const auto& column : columns) {
    text(column.name).u32(column.type);
    append_number(column.type_size, bytes_);
    append_number(column.type_modifier, bytes_);
  }
  return *this;
}

FrameWriter& FrameWriter::failure(const protocol::postgres::ErrorFields& fields) {
  return text(fields.severity)
      .text(fields.sqlstate)
      .text(fields.message)
      .text(fields.detail)
      .text(fields.hint)
      .u32(static_cast<std::uint32_t>(fields.position));
}

FrameWriter& FrameWriter::refusal(const base::Error& error) {
  return u8(static_cast<std::uint8_t>(error.code))
      .text(error.message)
      .text(error.mend)
      .text(error.file)
      .u32(static_cast<std::uint32_t>(error.line));
}

const std::string& FrameWriter::bytes() {
  const auto length = static_cast<std::uint32_t>(bytes_.size() - sizeof(std::uint32_t));
  std::memcpy(bytes_.data(), &length, sizeof length);
  return bytes_;
}

FrameReader::FrameReader(std::string_view frame) : left_(frame) {
  kind_ = static_cast<FrameKind>(u8());
}

std::string_view FrameReader::take(std::size_t bytes) {
  if (!ok_ || bytes > left_.size()) {
    ok_ = false;
    return {};
  }
  const std::string_view taken = left_.substr(0, bytes);
  left_.remove_prefix(bytes);
  return taken;
}

std::uint8_t FrameReader::u8() { return number_of<std::uint8_t>(take(1)); }
std::uint32_t FrameReader::u32() { return number_of<std::uint32_t>(take(4)); }
std::int64_t FrameReader::i64() { return number_of<std::int64_t>(take(8)); }
std::string_view FrameReader::text() { return take(u32()); }

std::optional<std::string> FrameReader::optional_text() {
  if (u8() == 0) return std::nullopt;
  return std::string(text());
}

std::uint32_t FrameReader::count() {
  const std::uint32_t items = u32();
  if (items <= kFrameItemsMax) return items;
  ok_ = false;
  return 0;
}

std::vector<protocol::postgres::ColumnDescription> FrameReader::columns() {
  std::vector<protocol::postgres::ColumnDescription> columns;
  for (std::uint32_t items = count(); items > 0 && ok_; --items) {
    auto& column = columns.emplace_back();
    column.name = text();
    column.type = u32();
    column.type_size = number_of<std::int16_t>(take(2));
    column.type_modifier = number_of<std::int32_t>(take(4));
  }
  return columns;
}

protocol::postgres::ErrorFields FrameReader::failure() {
  protocol::postgres::ErrorFields fields;
  fields.severity = text();
  fields.sqlstate = text();
  fields.message = text();
  fields.detail = text();
  fields.hint = text();
  fields.position = static_cast<int>(u32());
  return fields;
}

base::Error FrameReader::refusal() {
  base::Error error;
  const std::uint8_t code = u8();
  error.code = code <= static_cast<std::uint8_t>(base::Code::kCancelled)
                   ? static_cast<base::Code>(code)
                   : base::Code::kInvalid;
  error.message = text();
  error.mend = text();
  error.file = text();
  error.line = static_cast<int>(u32());
  return error;
}

base::Result<> send_frame(int socket, std::string_view frame) {
  if (frame.size() > kFrameBytesMax) {
    return base::fail_with(
        base::Code::kLimit,
        fmt::format("a message to or from a SQL worker has {} bytes, more than {}", frame.size(),
                    kFrameBytesMax),
        "ask for less, or send shorter statements");
  }
  while (!frame.empty()) {
    const ssize_t sent = ::send(socket, frame.data(), frame.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return gone(errno);
    frame.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

base::Result<std::string> receive_frame(int socket) {
  std::uint32_t length = 0;
  TRY(receive_exactly(socket, reinterpret_cast<char*>(&length), sizeof length));
  if (length == 0 || length > kFrameBytesMax)
    return base::fail(base::Code::kCorrupt, "a SQL worker's frame says it has {} bytes", length);
  std::string frame(length, '\0');
  TRY(receive_exactly(socket, frame.data(), length));
  return frame;
}

}  // namespace server

// The Redis serialization protocol, versions 2 and 3: commands in, answers out.
// Source: Redis documentation, "RESP protocol specification".
//
// Pure: bytes in, values out; no socket. A Parser is used by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace protocol::resp {

inline constexpr std::size_t kArgumentBytesMax = 1UL << 20;
inline constexpr std::size_t kArgumentsMax = 64UL << 10;  // of one command
inline constexpr std::size_t kInlineBytesMax = 64UL << 10;

using Arguments = std::vector<std::string_view>;

// Takes bytes as they come from the socket and gives whole commands: arrays of bulk strings, or
// lines of words as people type them (with "" and '' quotes).
class Parser {
 public:
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  // The next command; nullopt when more bytes are needed. The views hold until feed() or next().
  // kInvalid: the connection cannot go on, the message is for the client.
  base::Result<std::optional<Arguments>> next();
  std::size_t buffered() const { return buffer_.size() - position_; }

 private:
  base::Result<std::optional<std::string_view>> line(std::size_t& at, std::size_t bytes_max) const;
  base::Result<std::optional<Arguments>> next_array(std::size_t& at);
  base::Result<std::optional<Arguments>> next_inline(std::size_t& at);

  std::string buffer_;
  std::size_t position_ = 0;        // of the first byte that no command took
  std::vector<std::string> words_;  // of an inline command
};

// Appends answers in the version that the client chose with HELLO.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void set_version(int version) { version_ = version; }
  int version() const { return version_; }

  void simple(std::string_view text);  // +OK
  void error(std::string_view text);   // -ERR …; line breaks become spaces
  void integer(std::int64_t value);    // :1
  void bulk(std::string_view data);    // $3 abc
  void null();                         // $-1, or _ in version 3
  void array(std::size_t elements);    // header; the elements follow
  void map(std::size_t pairs);         // header; twice as many elements follow
  void number(double value);           // a bulk string, or , in version 3

 private:
  void header(char kind, std::int64_t value);

  std::string& out_;
  int version_ = 2;
};

// Redis's glob: * ? [abc] [a-c] [^a] and \ before any of them.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace protocol::resp

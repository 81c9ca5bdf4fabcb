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
inline constexpr std::size_t kArgumentsMax = 1UL << 20;      // of one command
inline constexpr std::size_t kCommandBytesMax = 64UL << 20;  // with all its arguments
inline constexpr std::size_t kInlineBytesMax = 64UL << 10;

using Arguments = std::vector<std::string_view>;

// Takes bytes as they come from the socket and gives whole commands: arrays of bulk strings, or
// lines of words as people type them (with "" and '' quotes). An array is read on where its bytes
// ended, however the stream is cut. Invariant: buffered() stays below kCommandBytesMax and what
// feed() brings.
class Parser {
 public:
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  // The next command, never empty; null when more bytes are needed. It and its views hold until
  // feed() or next(). kInvalid: the connection cannot go on, the message is for the client.
  base::Result<const Arguments*> next();
  std::size_t buffered() const { return buffer_.size() - start_; }

 private:
  struct Word {
    std::size_t offset = 0;  // from start_
    std::size_t bytes = 0;
  };
  base::Result<bool> next_array();
  base::Result<bool> next_inline();
  base::Result<bool> begin_array();
  base::Result<bool> read_argument();
  base::Result<std::optional<std::string_view>> line(std::size_t bytes_max, std::string_view what);

  std::string buffer_;
  std::size_t start_ = 0;  // of the first byte that no command took
  std::size_t at_ = 0;     // where reading goes on, from start_
  bool in_array_ = false;  // the array's head is read
  std::size_t arguments_left_ = 0;
  std::optional<std::size_t> bulk_bytes_;  // the head of the next argument is read
  std::vector<Word> words_;                // of an array
  std::vector<std::string> typed_;         // of an inline command
  Arguments arguments_;
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
  void null_array();                   // *-1, or _ in version 3
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

// Three kinds of failure: a bug is CHECK (check.h); the world is Result; nothing else crosses a room.
//
// Threads: values, no shared state.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace base {

// What kind of thing went wrong. One table per protocol maps these to its wire codes.
enum class Code {
  kInvalid,        // the input is wrong; sending it again will fail again
  kNotFound,       // the named thing does not exist
  kAlreadyExists,  // the named thing exists
  kConflict,       // somebody else changed it first; reading again and retrying may work
  kUnavailable,    // not now; retrying later may work
  kLimit,          // a named limit was exceeded
  kIo,             // the disk or the network failed
  kCorrupt,        // bytes at rest are not what was written
  kUnsupported,    // a part of a format or protocol that is not implemented
  kCancelled,      // stopped on request
};

std::string_view code_name(Code code);

// An error message has fixed text first, then values, then the mend: what the reader can do about it.
// `file` and `line` (from 1; 0 = none) are set where the user wrote something.
struct Error {
  Code code = Code::kInvalid;
  std::string message = {};
  std::string mend = {};
  std::string file = {};
  int line = 0;

  // "models/gold/x.sql:12: message. Mend: mend"
  std::string to_string() const;
  // The same error with context in front of the message: "context: message".
  Error in(std::string_view context) &&;
  Error at(std::string_view where_file, int where_line) &&;
};

template <class T = void>
using Result = std::expected<T, Error>;

template <class... Args>
std::unexpected<Error> fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{.code = code, .message = fmt::format(format, std::forward<Args>(args)...)});
}

// An error with a mend.
std::unexpected<Error> fail_with(Code code, std::string message, std::string mend);

namespace internal {
template <class T>
T take(std::expected<T, Error>& result) {
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
}  // namespace internal

}  // namespace base

// `auto x = TRY(f());` gives the value or returns the error from the enclosing function.
#define TRY(...) BASE_TRY_(__COUNTER__, return, __VA_ARGS__)

// The same inside a coroutine; the awaited call stands alone on the line before.
#define CO_TRY(...) BASE_TRY_(__COUNTER__, co_return, __VA_ARGS__)

// The counter keeps the names of nested uses apart.
#define BASE_TRY_(counter, leave, ...) BASE_TRY_PASTE_(counter, leave, __VA_ARGS__)
#define BASE_TRY_PASTE_(counter, leave, ...) BASE_TRY_BODY_(try_result_##counter, leave, __VA_ARGS__)
#define BASE_TRY_BODY_(name, leave, ...)                            \
  ({                                                                \
    auto name = (__VA_ARGS__);                                      \
    if (!name) leave std::unexpected(std::move(name).error());      \
    ::base::internal::take(name);                                   \
  })

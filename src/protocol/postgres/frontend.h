// What a PostgreSQL client sends: bytes in, messages out. No socket, no policy.
// Source: PostgreSQL documentation, "Frontend/Backend Protocol", sections Message Formats and
// Message Flow (protocol 3.0).
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace protocol::postgres {

using Oid = std::uint32_t;

enum class Format : std::uint8_t { kText = 0, kBinary = 1 };

struct Startup {
  int major = 3;
  int minor = 0;
  std::map<std::string, std::string> parameters;  // "user", "database", and run-time settings
};
struct SslRequest {};
struct GssEncRequest {};
struct CancelRequest {
  std::int32_t process_id = 0;
  std::int32_t secret_key = 0;
};
struct Query {
  std::string sql;
};
struct Parse {
  std::string name;  // "" is the unnamed statement
  std::string sql;
  std::vector<Oid> types;  // 0: the server infers it; may be shorter than the parameters
};
struct Bind {
  std::string portal;
  std::string statement;
  std::vector<Format> parameter_formats;  // none: all text; one: for all
  std::vector<std::optional<std::string>> parameters;
  std::vector<Format> result_formats;  // likewise
};
enum class Target : char { kStatement = 'S', kPortal = 'P' };
struct Describe {
  Target target = Target::kStatement;
  std::string name;
};
struct Execute {
  std::string portal;
  std::int32_t rows_max = 0;  // 0: all
};
struct Close {
  Target target = Target::kStatement;
  std::string name;
};
struct Sync {};
struct Flush {};
struct Terminate {};
struct Password {  // the client's part of a log-in
  std::string data;
};
// A message of a part of the protocol that is not spoken: CopyData, CopyDone, CopyFail,
// FunctionCall.
struct Unspoken {
  char type = 0;
};

using FrontendMessage =
    std::variant<Startup, SslRequest, GssEncRequest, CancelRequest, Query, Parse, Bind, Describe,
                 Execute, Close, Sync, Flush, Terminate, Password, Unspoken>;

inline constexpr std::size_t kStartupBytesMax = 10'000;
inline constexpr std::size_t kMessageBytesMax = 64UL << 20;
inline constexpr std::size_t kSmallMessageBytesMax = 64UL << 10;  // all but Query, Parse, Bind
inline constexpr std::size_t kParametersMax = 65'535;

// Until the startup message has come, messages have no type byte.
class FrontendDecoder {
 public:
  void feed(std::string_view bytes);
  // The next whole message; nullopt when more bytes are needed. After an error (kInvalid, kLimit)
  // the stream has no known message border any more: close the connection.
  base::Result<std::optional<FrontendMessage>> next();
  // Whoever has not logged in yet sends nothing but small messages.
  void set_trusted(bool trusted) { trusted_ = trusted; }
  // Bytes fed and not yet taken by next().
  std::size_t buffered() const { return buffer_.size() - taken_; }

 private:
  base::Result<std::optional<FrontendMessage>> next_startup();

  bool started_ = false;
  bool trusted_ = true;
  std::string buffer_;
  std::size_t taken_ = 0;
};

// The format of column or parameter `index` from a list as Bind carries it.
Format format_at(const std::vector<Format>& formats, std::size_t index);

}  // namespace protocol::postgres

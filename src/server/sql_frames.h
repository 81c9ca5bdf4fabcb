// What the server and a SQL worker say to each other over their socket: frames of a kind and
// fields.
//
//   length u32 (of what follows) | kind u8 | fields
// Numbers are little-endian; a text is its length as u32 and its bytes. One side asks, the other
// answers; while it works on a question the worker may ask back for the lake's views.
// Threads: values; sending and receiving by one thread at a time on either side.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/postgres/engine.h"

namespace server {

inline constexpr std::size_t kFrameBytesMax = 256UL << 20;
inline constexpr std::uint32_t kFrameItemsMax = 100'000;  // of one list in a frame

enum class FrameKind : std::uint8_t {
  // To the worker.
  kSetUp = 1,  // lake folder, memory limit, threads, folder to spill into, folder to change
  kOpen,       // a new session; process id, settings
  kApply,      // settings
  // A wanted fetch is rows, bytes, formats; what was fetched is rows, done, bytes.
  kQuery,     // sql, wanted fetch -> rows id, columns, fetched
  kPrepare,   // dropped prepared ids, sql, types -> prepared id, parameter types, columns
  kRun,       // prepared id, values, wanted fetch -> rows id, columns, fetched
  kFetch,     // rows id, wanted fetch -> fetched
  kDropRows,  // id
  kJson,      // sql, limit -> text
  kChange,    // sql, table, search path -> tag; for a process that was started for it
  // From the worker.
  kAnswer = 64,
  kFailure,  // PostgreSQL's error fields
  kRefusal,  // a base::Error
  kAskNames,
  kAskView,    // table, known version, whether for its rows
  kAskViewAt,  // table, by time, version or time
  // To the worker, for what it asked.
  kNames = 96,
  kView,
  kSameView,
};

class FrameWriter {
 public:
  explicit FrameWriter(FrameKind kind);
  FrameWriter& u8(std::uint8_t value);
  FrameWriter& u32(std::uint32_t value);
  FrameWriter& i64(std::int64_t value);
  FrameWriter& text(std::string_view value);
  FrameWriter& optional_text(const std::optional<std::string>& value);
  FrameWriter& columns(const std::vector<protocol::postgres::ColumnDescription>& columns);
  FrameWriter& failure(const protocol::postgres::ErrorFields& fields);
  FrameWriter& refusal(const base::Error& error);
  // The whole frame.
  const std::string& bytes();

 private:
  std::string bytes_;
};

// Reads the fields of a frame in their order. What does not fit gives zeros and ok() is false: the
// other side is not to be trusted.
class FrameReader {
 public:
  // Without the length.
  explicit FrameReader(std::string_view frame);
  FrameKind kind() const { return kind_; }
  std::uint8_t u8();
  std::uint32_t u32();
  std::int64_t i64();
  std::string_view text();
  std::optional<std::string> optional_text();
  std::uint32_t count();  // of a list, at most kFrameItemsMax
  std::vector<protocol::postgres::ColumnDescription> columns();
  protocol::postgres::ErrorFields failure();
  base::Error refusal();
  // Everything was there, and nothing is left.
  bool ok() const { return ok_ && left_.empty(); }

 private:
  std::string_view take(std::size_t bytes);

  std::string_view left_;
  FrameKind kind_ = FrameKind::kAnswer;
  bool ok_ = true;
};

// kIo when the other side is gone.
base::Result<> send_frame(int socket, std::string_view frame);
// One frame without its length.
base::Result<std::string> receive_frame(int socket);

}  // namespace server

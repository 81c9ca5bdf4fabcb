// The SQL statements that a PostgreSQL session answers by itself, because they concern the session
// and not the data: transactions, settings, prepared statements and cursors.
//
// Threads: values, no state.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/postgres/backend.h"
#include "protocol/postgres/copy.h"

namespace protocol::postgres {

struct Command {
  enum class Kind : std::uint8_t {
    kEmpty,
    kBegin,
    kCommit,
    kRollback,
    kSavepoint,
    kRelease,
    kRollbackTo,
    kSet,         // `name`; `local`; no value: DEFAULT
    kSetIgnored,  // SET TRANSACTION …: everything is read only and sees the newest commits anyway
    kReset,       // `name`, or "" for all
    kShow,        // `name`, or "" for all
    kSetConfig,   // SELECT set_config('name', 'value', local)
    kCancel,      // SELECT pg_cancel_backend(pid), pg_terminate_backend: `name`, `rows` is the pid
    kDeallocate,  // `name`, or "" for all
    kDiscard,
    kDeclare,  // `name`, `query`, `hold`, `binary`
    kFetch,    // `name`, `rows`
    kMove,
    kClose,   // `name`, or "" for all
    kCopy,    // `query`, `copy`
    kListen,  // LISTEN, UNLISTEN: nothing ever notifies
  };
  Kind kind = Kind::kEmpty;
  std::string tag;  // of CommandComplete; FETCH and MOVE add their count
  std::string name = {};
  std::optional<std::string> value = {};
  bool local = false;
  bool hold = false;
  bool binary = false;
  std::string query = {};
  std::optional<CopyOptions> copy = {};
  std::int64_t rows = 1;  // kAllRows: all that are left
};
inline constexpr std::int64_t kAllRows = INT64_MAX;

// nullopt: not one of these; SHOW of something that is no setting is not either. An error (42601,
// 0A000) for one of these that is not understood.
std::expected<std::optional<Command>, ErrorFields> read_command(std::string_view sql);

// What a statement that is none of these does, by its first word: "SELECT", "EXPLAIN", "INSERT", ….
std::string first_word(std::string_view sql);

// Whether it changes tables: INSERT, UPDATE, DELETE, MERGE, CREATE or DROP, by its first word. Each
// is a commit of its own, so that none is a part of another command or of a transaction.
bool is_change(std::string_view sql);

}  // namespace protocol::postgres

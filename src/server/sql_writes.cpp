#include "server/sql_writes.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>

#include "protocol/postgres/lexer.h"
#include "server/postgres_rewrite.h"
#include "server/sql_change.h"
#include "server/sql_frames.h"
#include "server/sql_session_guard.h"

namespace server {
namespace {

using base::Code;
using protocol::postgres::lower;
using std::chrono::steady_clock;

constexpr auto kTick = std::chrono::milliseconds(50);
constexpr auto kStopTime = std::chrono::seconds(2);  // from the interrupt to the kill

std::unexpected<base::Error> cancelled() {
  return base::fail(Code::kCancelled, "the change was cancelled");
}

// Whether the folder of `inner` is in that of `outer`; folders that differ in case alone are one.
bool lies_in(const std::string& inner, const std::string& outer) {
  return lower(inner).starts_with(lower(outer) + ".");
}

// Waits for the answer; ends the process when it takes too much, or does not hear.
base::Result<std::string> wait_for_answer(WorkerProcess& process, std::uint64_t resident_max,
                                          const std::atomic<bool>& stop) {
  std::optional<steady_clock::time_point> told;
  for (;;) {
    pollfd ready{.fd = process.socket, .events = POLLIN, .revents = 0};
    const int there = ::poll(&ready, 1, static_cast<int>(kTick.count()));
    if (there > 0) {
      auto frame = receive_frame(process.socket);
      if (frame || told) return frame ? std::move(frame) : cancelled();
      return base::fail_with(Code::kUnavailable, "the process of the change has ended",
                             "try again; look at the table before");
    }
    if (process.resident_bytes() > resident_max) {
      return base::fail_with(Code::kLimit, "Out of Memory Error: the change took too much memory",
                             "change fewer rows at a time, or raise 'memory' of the workload");
    }
    if (!stop) continue;
    if (!told) {
      told = steady_clock::now();
      process.signal(SIGUSR1);
    } else if (steady_clock::now() - *told > kStopTime) {
      return cancelled();
    }
  }
}

}  // namespace

base::Result<std::string> SqlWrites::find_table(const std::vector<std::string>& name, bool create,
                                                const std::vector<std::string>& search_path) {
  if (name.size() > 2 && (name.size() > 3 || name.front() != kLakeDatabase)) {
    return base::fail_with(Code::kNotFound, "Catalog Error: Schema with name " + name.front(),
                           "name schema and table");
  }
  const auto table = name.back();
  const auto full = [&](const std::string& schema) {
    return schema == kDefaultSchema ? table : schema + "." + table;
  };
  std::vector<std::string> places;
  if (name.size() > 1) {
    places.push_back(name[name.size() - 2]);
  } else {
    places = search_path;
  }
  if (places.empty()) places.emplace_back(kDefaultSchema);
  const auto names = TRY(views_.names());
  for (const auto& schema : places) {
    const auto found = std::ranges::find_if(
        names, [&](const std::string& known) { return lower(known) == lower(full(schema)); });
    if (found != names.end()) return *found;
  }
  if (create) return full(places.front());
  return base::fail_with(
      Code::kNotFound,
      fmt::format("Catalog Error: Table with name {} does not exist!", full(places.front())),
      "SHOW ALL TABLES lists the tables");
}

base::Result<> SqlWrites::check_right(const std::string& user, const std::string& table) const {
  const auto name = view_name(table);
  const auto rights = options_.rights.find(user);
  const bool plain = std::ranges::all_of(table, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c >= 0x80;
  });
  if (rights == options_.rights.end() || !rights->second.contains(name.schema) || !plain) {
    return base::fail_with(
        Code::kInvalid, fmt::format("{}schema {}", kNoRight, name.schema),
        fmt::format("users: {}: {{writes: [{}]}} in waybill.yaml gives the right", user,
                    name.schema));
  }
  const auto owned = std::ranges::find_if(
      options_.project, [&](const auto& one) { return lower(one.first) == lower(table); });
  if (owned == options_.project.end()) return {};
  return base::fail_with(
      Code::kInvalid, fmt::format("{}table {}: {} writes it", kNoRight, table, owned->second.model),
      "change what writes it, or write to a table of your own");
}

base::Result<> SqlWrites::check_place(const std::vector<std::string>& name,
                                      const std::string& table) {
  auto known = TRY(views_.names());
  if (std::ranges::find(known, table) != known.end()) return {};
  for (const auto& part : name) {
    if (part.find('.') == std::string::npos && lower(part) != "_delta_log") continue;
    return base::fail_with(
        Code::kInvalid, fmt::format("{}name {}: it has a dot, or is that of a log", kNoRight, part),
        "choose another name");
  }
  for (const auto& [owned, what] : options_.project) known.push_back(owned);
  for (const auto& other : known) {
    if (!lies_in(table, other) && !lies_in(other, table)) continue;
    return base::fail_with(Code::kInvalid,
                           fmt::format("{}table {}: its folder would hold or lie in that of {}",
                                       kNoRight, table, other),
                           "choose another name");
  }
  return {};
}

base::Result<std::string> SqlWrites::run(const std::string& user, const std::string& sql,
                                         const std::vector<std::string>& search_path,
                                         const std::atomic<bool>& stop) {
  const auto change = TRY(parse_change(rewrite_for_duckdb(sql)));
  const bool creates =
      change.kind == SqlChange::Kind::kCreate || change.kind == SqlChange::Kind::kCreateAs;
  const auto table = find_table(change.target, creates, search_path);
  if (!table) {
    const bool gone = change.kind == SqlChange::Kind::kDrop && change.if_exists;
    if (gone && table.error().code == Code::kNotFound) return "DROP TABLE";
    return std::unexpected(table.error());
  }
  TRY(check_right(user, *table));
  if (creates) TRY(check_place(change.target, *table));
  if (catalog_.store().keeps_copies()) {
    return base::fail_with(Code::kUnsupported, "changes by SQL of a lake on S3 are not served",
                           "write with a model, or with another engine");
  }
  while (!slots_.try_acquire_for(kTick)) {
    if (stop) return cancelled();
  }
  auto done = change.kind == SqlChange::Kind::kDrop
                  ? drop(*table)
                  : run_in_process(sql, *table, search_path, stop);
  slots_.release();
  return done;
}

// Without its log a folder is no table: that goes first. A folder with another table's log in it
// stays as it is; the store is asked, since the catalog does not look below a table.
base::Result<std::string> SqlWrites::drop(const std::string& table) {
  auto folder = table;
  std::ranges::replace(folder, '.', '/');
  auto& store = catalog_.store();
  std::optional<std::string> inner;
  for (const auto& [owned, what] : options_.project) {
    if (lies_in(owned, table)) inner = owned;
  }
  for (const auto& object : TRY(store.list(folder + "/"))) {
    const auto log = object.key.find("/_delta_log/", folder.size() + 1);
    if (log != std::string::npos) inner = object.key.substr(0, log);
  }
  if (inner) {
    return base::fail_with(
        Code::kInvalid,
        fmt::format("{}table {}: its folder holds that of {}", kNoRight, table, *inner),
        "delete its rows instead");
  }
  for (const auto& below : {folder + "/_delta_log/", folder + "/"}) {
    for (const auto& object : TRY(store.list(below))) TRY(store.remove(object.key));
  }
  catalog_.forget(table);
  return "DROP TABLE";
}

base::Result<std::string> SqlWrites::run_in_process(const std::string& sql,
                                                    const std::string& table,
                                                    const std::vector<std::string>& search_path,
                                                    const std::atomic<bool>& stop) {
  auto folder = table;
  std::ranges::replace(folder, '.', '/');
  const auto writes = options_.lake / folder;
  TRY(base::posix_file_system().create_directories(writes));
  const auto spill = options_.spill / fmt::format("change-{}", ++last_);
  auto process =
      TRY(start_worker_process(options_.program, options_.lake, spill, options_.workload, writes));
  FrameWriter question(FrameKind::kChange);
  question.text(sql).text(table).u32(static_cast<std::uint32_t>(search_path.size()));
  for (const auto& schema : search_path) question.text(schema);
  base::Result<std::string> frame = std::string();
  if (auto sent = send_frame(process.socket, question.bytes()); sent) {
    frame = wait_for_answer(process, options_.workload.resident_bytes_max(), stop);
  } else {
    frame = std::unexpected(sent.error());
  }
  process.end();
  std::error_code ignored;
  std::filesystem::remove_all(spill, ignored);
  if (!frame) return std::unexpected(frame.error());
  FrameReader reader(*frame);
  if (reader.kind() == FrameKind::kRefusal) return std::unexpected(reader.refusal());
  std::string tag(reader.text());
  if (reader.kind() == FrameKind::kAnswer && reader.ok()) return tag;
  return base::fail(Code::kCorrupt, "a SQL worker gave an answer that cannot be read");
}

}  // namespace server

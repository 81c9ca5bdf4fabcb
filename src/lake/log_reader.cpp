#include "lake/log_reader.h"

#include <algorithm>

#include "base/logging.h"
#include "lake/checkpoint.h"
#include "lake/json_text.h"

namespace lake {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

// The version that _last_checkpoint names; nothing when it is missing or broken.
std::optional<Version> read_hint(storage::ObjectStore& store, const std::string& table_path) {
  const auto text = store.get(hint_key(table_path));
  if (!text) return std::nullopt;
  const json hint = parse_json(*text);
  if (!hint.is_object() || !hint.contains("version") || !hint["version"].is_number_integer()) {
    return std::nullopt;
  }
  const auto version = hint["version"].get<Version>();
  return version >= 0 ? std::optional(version) : std::nullopt;
}

// The state at the newest checkpoint at or before `target` that can be read; before the first
// commit when there is none. `unread` says why newer ones could not be.
Result<State> load_checkpoint(storage::ObjectStore& store, sql::Database& database,
                              const std::string& table_path, const LogListing& listing,
                              Version target, std::string& unread) {
  for (const Checkpoint& checkpoint : listing.checkpoints) {
    if (checkpoint.version > target) continue;
    const auto time = listing.commits.find(checkpoint.version);
    const base::TimestampUs time_us =
        time == listing.commits.end() ? checkpoint.modified_us : time->second;
    auto commit = read_checkpoint(store, database, table_path, checkpoint);
    auto state = commit ? advance(State{}, checkpoint.version, time_us, *commit)
                        : std::unexpected(std::move(commit).error());
    if (!state && commit) {
      state = std::unexpected(std::move(state).error().in(checkpoint.keys.front()));
    }
    if (state) state->checkpoint_version = checkpoint.version;
    if (state || state.error().code == Code::kUnsupported) return state;
    spdlog::warn("lake: {}; an older state of the log is used", state.error().to_string());
    if (unread.empty()) unread = "; " + state.error().to_string();
  }
  return State{};
}

// The versions from the state's next one on that a compacted file holds, in one step; nothing when
// there is none, or it cannot be read.
std::optional<State> replay_compacted(storage::ObjectStore& store, const LogListing& listing,
                                      const State& state, Version target) {
  const auto compacted = listing.compacted.find(state.version + 1);
  if (compacted == listing.compacted.end() || compacted->second.last > target) return std::nullopt;
  const auto time = listing.commits.find(compacted->second.last);
  if (time == listing.commits.end()) return std::nullopt;
  const auto text = store.get(compacted->second.key);
  auto commit = text ? parse_commit(*text) : std::unexpected(text.error());
  auto next = commit ? advance(state, compacted->second.last, time->second, *commit)
                     : std::unexpected(std::move(commit).error());
  if (next) return std::move(*next);
  spdlog::warn("lake: cannot read {}: {}; the single versions are used", compacted->second.key,
               next.error().to_string());
  return std::nullopt;
}

Result<State> replay_one(storage::ObjectStore& store, const std::string& table_path,
                         const LogListing& listing, const State& state, Version target) {
  const Version version = state.version + 1;
  const auto time = listing.commits.find(version);
  if (time == listing.commits.end()) {
    return base::fail(Code::kCorrupt,
                      "the table {}: version {} is missing from the log, but version {} is there",
                      table_path, version, target);
  }
  auto file = read_commit(store, table_path, version);
  if (!file) return std::unexpected(std::move(file).error());
  auto next = advance(state, version, time->second, file->commit);
  if (next) return next;
  return std::unexpected(
      std::move(next).error().in(fmt::format("the table {}, version {}", table_path, version)));
}

Result<State> replay(storage::ObjectStore& store, const std::string& table_path,
                     const LogListing& listing, State state, Version target) {
  while (state.version < target) {
    auto several = replay_compacted(store, listing, state, target);
    state =
        several ? std::move(*several) : TRY(replay_one(store, table_path, listing, state, target));
  }
  return state;
}

}  // namespace

Result<State> load_listed(storage::ObjectStore& store, sql::Database& database,
                          const std::string& table_path, const LogListing& listing,
                          std::optional<Version> target) {
  if (listing.commits.empty() && listing.checkpoints.empty()) {
    return base::fail_with(Code::kNotFound, fmt::format("there is no table at {}", table_path),
                           "create it, or check the name");
  }
  Version newest = -1;
  if (!listing.commits.empty()) newest = listing.commits.rbegin()->first;
  if (!listing.checkpoints.empty()) newest = std::max(newest, listing.checkpoints.front().version);
  if (target && *target > newest) {
    return base::fail(Code::kNotFound, "the table {} has no version {}; its newest is {}",
                      table_path, *target, newest);
  }
  const Version wanted = target.value_or(newest);
  std::string unread;
  State state = TRY(load_checkpoint(store, database, table_path, listing, wanted, unread));
  if (state.version < 0 && !listing.commits.contains(0)) {
    return base::fail_with(
        target ? Code::kNotFound : Code::kCorrupt,
        fmt::format("the table {}: version {} cannot be read: no checkpoint before it, and its log "
                    "does not start at version 0{}",
                    table_path, wanted, unread),
        "restore the files of _delta_log");
  }
  return replay(store, table_path, listing, std::move(state), wanted);
}

Result<LogListing> list_log(storage::ObjectStore& store, const std::string& table_path) {
  return read_listing(table_path, TRY(store.list(log_folder(table_path))));
}

Result<CommitFile> read_commit(storage::ObjectStore& store, const std::string& table_path,
                               Version version) {
  const std::string key = commit_key(table_path, version);
  const std::string text = TRY(store.get(key));
  auto commit = parse_commit(text);
  if (!commit) return std::unexpected(std::move(commit).error().in(key));
  return CommitFile{.commit = std::move(*commit), .modified_us = TRY(store.head(key)).modified_us};
}

Result<State> load_state(storage::ObjectStore& store, sql::Database& database,
                         const std::string& table_path, std::optional<Version> target) {
  const auto hint = read_hint(store, table_path);
  if (hint && (!target || *target >= *hint)) {
    const auto objects =
        TRY(store.list(log_folder(table_path), before_version_key(table_path, *hint)));
    const LogListing listing = read_listing(table_path, objects);
    const bool there = std::ranges::any_of(
        listing.checkpoints, [&](const Checkpoint& one) { return one.version >= *hint; });
    if (there) {
      auto state = load_listed(store, database, table_path, listing, target);
      if (state || state.error().code == Code::kUnsupported) return state;
    }
    // The hint is stale or its checkpoint broken: look at the whole log.
  }
  return load_listed(store, database, table_path, TRY(list_log(store, table_path)), target);
}

}  // namespace lake

#include "log/offset_store.h"

#include <nlohmann/json.hpp>

#include "base/crc32c.h"
#include "base/logging.h"
#include "log/partition_log.h"

namespace eventlog {
namespace {

constexpr std::size_t kCrcDigits = 8;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::optional<nlohmann::json> json_of(std::string_view line) {
  if (line.size() < kCrcDigits + 2 || line[kCrcDigits] != ' ') return std::nullopt;
  const std::string_view body = line.substr(kCrcDigits + 1);
  if (line.substr(0, kCrcDigits) != fmt::format("{:08x}", base::crc32c(bytes_of(body))))
    return std::nullopt;
  auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

}  // namespace

std::string OffsetStore::line_of(const Change& change) {
  nlohmann::json json;
  if (change.group.empty()) {
    json["dropped"] = change.topic;
  } else {
    json["commits"] = nlohmann::json::array();
    for (const auto& [at, offset] : change.offsets) {
      json["commits"].push_back({{"group", change.group},
                                 {"topic", at.topic},
                                 {"partition", at.partition},
                                 {"offset", offset}});
    }
  }
  const std::string body = json.dump();
  return fmt::format("{:08x} {}\n", base::crc32c(bytes_of(body)), body);
}

void OffsetStore::apply(const Change& change, std::map<std::string, Offsets>& groups) {
  if (!change.group.empty()) {
    for (const auto& [at, offset] : change.offsets) groups[change.group][at] = offset;
    return;
  }
  for (auto& [group, offsets] : groups) {
    std::erase_if(offsets, [&](const auto& entry) { return entry.first.topic == change.topic; });
  }
}

base::Result<std::unique_ptr<OffsetStore>> OffsetStore::open(base::FileSystem& disk,
                                                             const base::Path& directory) {
  std::unique_ptr<OffsetStore> store(new OffsetStore(disk, directory));
  TRY(store->load());
  return store;
}

base::Result<> OffsetStore::apply_line(const nlohmann::json& json, std::size_t position) {
  try {
    if (json.contains("dropped")) {
      apply({.group = {}, .topic = json.at("dropped").get<std::string>(), .offsets = {}}, groups_);
    }
    for (const auto& entry : json.value("commits", nlohmann::json::array())) {
      const TopicPartition partition{entry.at("topic").get<std::string>(),
                                     entry.at("partition").get<Partition>()};
      groups_[entry.at("group").get<std::string>()][partition] = entry.at("offset").get<Offset>();
    }
    return {};
  } catch (const nlohmann::json::exception& error) {
    return base::fail(base::Code::kCorrupt, "{}, byte {}: {}", path().string(), position,
                      error.what());
  }
}

base::Result<> OffsetStore::load() {
  file_ = TRY(disk_.open(path(), true));
  const std::uint64_t size = TRY(file_->size());
  std::string text(size, '\0');
  text.resize(TRY(file_->read_at(0, std::as_writable_bytes(std::span(text)))));
  std::optional<std::size_t> bad;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t line_end = std::min(text.find('\n', at), text.size());
    const auto json = json_of(std::string_view(text).substr(at, line_end - at));
    if (json && line_end < text.size()) {
      if (bad) {
        return base::fail_with(
            base::Code::kCorrupt,
            fmt::format("offsets of consumers are damaged: {}, byte {}: the line fails its "
                        "checksum and good ones follow",
                        path().string(), *bad),
            "restore the file from a backup, or remove that line");
      }
      TRY(apply_line(*json, at));
    } else if (!bad) {
      bad = at;
    }
    at = line_end + 1;
  }
  end_ = bad.value_or(text.size());
  if (end_ < size) {
    TRY(file_->truncate(end_));
    if (auto synced = file_->sync(); !synced) stop_unsynced(path(), synced.error());
  }
  return {};
}

base::Result<> OffsetStore::commit(const std::string& group, const Offsets& offsets) {
  if (group.empty()) return base::fail(base::Code::kInvalid, "a consumer group needs a name");
  if (offsets.empty()) return {};
  return submit({.group = group, .topic = {}, .offsets = offsets});
}

base::Result<> OffsetStore::drop_topic(const std::string& topic) {
  return submit({.group = {}, .topic = topic, .offsets = {}});
}

OffsetStore::Offsets OffsetStore::committed(const std::string& group) const {
  const std::scoped_lock lock(mutex_);
  const auto found = groups_.find(group);
  return found == groups_.end() ? Offsets{} : found->second;
}

std::vector<std::string> OffsetStore::groups() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, offsets] : groups_) {
    if (!offsets.empty()) names.push_back(name);
  }
  return names;
}

// Whoever finds nobody writing writes for all who wait.
base::Result<> OffsetStore::submit(Change change) {
  Waiting mine{.change = std::move(change), .done = false, .result = {}};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&mine);
  round_over_.wait(lock, [&] { return mine.done || !writing_; });
  if (mine.done) return std::move(mine.result);
  writing_ = true;
  std::vector<Waiting*> round;
  round.swap(waiting_);
  lock.unlock();
  const base::Result<> written = write(round);
  lock.lock();
  for (Waiting* const entry : round) {
    if (written) apply(entry->change, groups_);
    entry->result = written;
    entry->done = true;
  }
  if (end_ > kOffsetsRewriteBytes) {
    if (auto rewritten = rewrite(); !rewritten) {
      spdlog::warn("log: offsets stay unshortened: {}", rewritten.error().to_string());
    }
  }
  writing_ = false;
  round_over_.notify_all();
  return std::move(mine.result);
}

base::Result<> OffsetStore::write(const std::vector<Waiting*>& round) {
  std::string text;
  for (const Waiting* const entry : round) text += line_of(entry->change);
  if (auto stored = file_->write_at(end_, bytes_of(text)); !stored) {
    if (auto cut = file_->truncate(end_); !cut) stop_unsynced(path(), cut.error());
    base::Error error = std::move(stored).error();
    error.code = base::Code::kUnavailable;
    return std::unexpected(std::move(error).in("consumer offsets were not committed"));
  }
  if (auto synced = file_->sync(); !synced) stop_unsynced(path(), synced.error());
  end_ += text.size();
  return {};
}

// With mutex_ held.
base::Result<> OffsetStore::rewrite() {
  std::string text;
  for (const auto& [group, offsets] : groups_) {
    if (!offsets.empty()) text += line_of({.group = group, .topic = {}, .offsets = offsets});
  }
  TRY(base::write_file_durably(disk_, path(), text));
  file_ = TRY(disk_.open(path(), false));
  end_ = text.size();
  return {};
}

}  // namespace eventlog

#include "log/journal.h"

#include <algorithm>
#include <future>
#include <optional>

#include "base/bug.h"
#include "base/crc32c.h"
#include "base/logging.h"
#include "log/partition_log.h"

namespace eventlog {
namespace {

constexpr std::size_t kCrcDigits = 8;
constexpr std::size_t kChangesOfARewrittenLine = 1'000;

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

// Names come from clients: what is not UTF-8 is replaced rather than thrown over.
std::string text_of(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string line_of(std::string_view changes) {
  const std::string body = fmt::format("[{}]", changes);
  return fmt::format("{:08x} {}\n", base::crc32c(bytes_of(body)), body);
}

}  // namespace

base::Result<std::unique_ptr<Journal>> Journal::open(base::FileSystem& disk, const base::Path& path,
                                                     const std::string& what, const Change& change,
                                                     Current current) {
  std::unique_ptr<Journal> journal(new Journal(disk, path, what, std::move(current)));
  TRY(journal->load(change));
  journal->writing_.run("log-journal", [raw = journal.get()](const std::stop_token& stop) {
    raw->write_rounds(stop);
  });
  return journal;
}

base::Result<> Journal::apply_line(const nlohmann::json& line, std::size_t position,
                                   const Change& change) {
  const auto place = [&] { return fmt::format("{}, byte {}", path_.string(), position); };
  try {
    if (!line.is_array()) {
      if (auto applied = change(line); !applied)
        return std::unexpected(std::move(applied).error().in(place()));
      return {};
    }
    for (const nlohmann::json& each : line) {
      if (auto applied = change(each); !applied)
        return std::unexpected(std::move(applied).error().in(place()));
    }
    return {};
  } catch (const nlohmann::json::exception& error) {
    return base::fail(base::Code::kCorrupt, "{}: {}", place(), error.what());
  }
}

base::Result<> Journal::load(const Change& change) {
  file_ = TRY(disk_.open(path_, true));
  const std::uint64_t size = TRY(file_->size());
  std::string text(size, '\0');
  text.resize(TRY(file_->read_at(0, std::as_writable_bytes(std::span(text)))));
  std::optional<std::size_t> bad;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t line_end = std::min(text.find('\n', at), text.size());
    const auto json = json_of(std::string_view(text).substr(at, line_end - at));
    if (json && line_end < text.size()) {
      if (bad) {
        return base::fail_with(base::Code::kCorrupt,
                               fmt::format("{} are damaged: {}, byte {}: the line fails its "
                                           "checksum and good ones follow",
                                           what_, path_.string(), *bad),
                               "restore the file from a backup, or remove that line");
      }
      TRY(apply_line(*json, at, change));
    } else if (!bad) {
      bad = at;
    }
    at = line_end + 1;
  }
  end_ = bad.value_or(text.size());
  rewrite_at_ = std::max(kJournalRewriteBytes, end_);
  if (end_ < size) {
    TRY(file_->truncate(end_));
    if (auto synced = file_->sync(); !synced) stop_unsynced(path_, synced.error());
  }
  return {};
}

void Journal::append(const nlohmann::json& change, Done done) {
  std::string text = text_of(change);
  {
    const std::scoped_lock lock(mutex_);
    if (!stopped_) {
      const bool fits = waiting_bytes_ + text.size() <= kJournalQueuedBytesMax;
      if (fits) waiting_bytes_ += text.size();
      if (!fits) text.clear();
      waiting_.push_back({std::move(text), std::move(done)});
      work_there_.notify_one();
      return;
    }
  }
  done(no_more());
}

std::unexpected<base::Error> Journal::no_more() const {
  return base::fail_with(base::Code::kUnavailable,
                         fmt::format("{} take no more changes now", what_), "try again later");
}

base::Result<> Journal::append_and_wait(const nlohmann::json& change) {
  std::promise<base::Result<>> promise;
  auto future = promise.get_future();
  append(change, [&promise](base::Result<> result) { promise.set_value(std::move(result)); });
  return future.get();
}

void Journal::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
  }
  writing_.stop();
}

void Journal::write_rounds(const std::stop_token& stop) {
  while (true) {
    std::vector<Waiting> round;
    {
      std::unique_lock lock(mutex_);
      work_there_.wait(lock, stop, [this] { return !waiting_.empty(); });
      if (waiting_.empty()) return;
      round.swap(waiting_);
      waiting_bytes_ = 0;
    }
    const base::Result<> written = write(round);
    for (Waiting& each : round) each.done(each.text.empty() ? no_more() : written);
    if (end_ <= rewrite_at_) continue;
    if (auto rewritten = rewrite(); !rewritten) {
      spdlog::warn("log: {} stays as long as it is: {}", path_.string(),
                   rewritten.error().to_string());
      rewrite_at_ = end_ + kJournalRewriteBytes;
    }
  }
}

base::Result<> Journal::write(const std::vector<Waiting>& round) {
  std::string changes;
  for (const Waiting& each : round) {
    if (each.text.empty()) continue;
    if (!changes.empty()) changes += ',';
    changes += each.text;
  }
  if (changes.empty()) return {};
  const std::string line = line_of(changes);
  if (auto stored = file_->write_at(end_, bytes_of(line)); !stored) {
    if (auto cut = file_->truncate(end_); !cut) stop_unsynced(path_, cut.error());
    base::Error error = std::move(stored).error();
    error.code = base::Code::kUnavailable;
    return std::unexpected(std::move(error).in(what_ + " were not changed"));
  }
  const bool skip = (base::bug("offsets_not_synced") && what_.starts_with("offsets")) ||
                    (base::bug("decision_not_synced") && what_.starts_with("transactions"));
  if (auto synced = skip ? base::Result<>{} : file_->sync(); !synced) {
    stop_unsynced(path_, synced.error());
  }
  end_ += line.size();
  return {};
}

base::Result<> Journal::rewrite() {
  std::string text;
  std::string changes;
  std::size_t count = 0;
  for (const nlohmann::json& each : current_()) {
    if (!changes.empty()) changes += ',';
    changes += text_of(each);
    if (++count % kChangesOfARewrittenLine != 0) continue;
    text += line_of(changes);
    changes.clear();
  }
  if (!changes.empty()) text += line_of(changes);
  TRY(base::write_file_durably(disk_, path_, text));
  file_ = TRY(disk_.open(path_, false));
  end_ = text.size();
  rewrite_at_ = std::max(kJournalRewriteBytes, 4 * end_);
  return {};
}

}  // namespace eventlog

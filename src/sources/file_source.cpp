#include "sources/file_source.h"

#include <fnmatch.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/logging.h"
#include "base/metrics.h"
#include "log/record_batch.h"
#include "sources/file_reader.h"

namespace sources {
namespace {

constexpr std::size_t kBatchBytesMax = 4UL << 20;
constexpr auto kRetryAfter = std::chrono::milliseconds(50);
constexpr auto kPollSlice = std::chrono::milliseconds(50);

base::Path list_file(const base::Path& data) { return data / "files.json"; }

bool is_left_alone(const std::string& name) {
  return name.starts_with('.') || name.ends_with(".part") || name.ends_with(".tmp");
}

// The pattern is of the name, or of the name without its packing.
bool fits(const std::string& pattern, const std::string& name) {
  if (fnmatch(pattern.c_str(), name.c_str(), 0) == 0) return true;
  const base::Path path(name);
  const bool packed = path.extension() == ".gz" || path.extension() == ".zst";
  return packed && fnmatch(pattern.c_str(), path.stem().c_str(), 0) == 0;
}

// The first 63 bits of the digest.
std::int64_t producer_of(const std::string& sha256) {
  return static_cast<std::int64_t>(std::stoull(sha256.substr(0, 16), nullptr, 16) >> 1);
}

}  // namespace

FileSource::FileSource(eventlog::EventLog& log, sql::Database& database, base::FileSystem& disk,
                       const base::Clock& clock, const std::vector<schema::TopicSchema>& topics,
                       FileSourceOptions options)
    : log_(log), database_(database), disk_(disk), clock_(clock), options_(std::move(options)) {
  std::ranges::copy_if(topics, std::back_inserter(topics_),
                       [](const auto& topic) { return topic.files.has_value(); });
}

base::Result<> FileSource::open() {
  for (const schema::TopicSchema& topic : topics_) {
    TRY(disk_.create_directories(options_.project / topic.files->folder));
  }
  const auto text = base::read_file(disk_, list_file(options_.data));
  if (!text && text.error().code == base::Code::kNotFound) return {};
  if (!text) return std::unexpected(text.error());
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object() || !json.contains("files") || !json["files"].is_array()) {
    return base::fail_with(
        base::Code::kCorrupt, list_file(options_.data).string() + " is not a list of landed files",
        "restore it, or remove it: the log itself still knows what it holds of each file");
  }
  const std::lock_guard lock(mutex_);
  for (const auto& entry : json["files"]) {
    landed_.push_back(
        {.topic = entry.value("topic", ""),
         .file = entry.value("file", ""),
         .sha256 = entry.value("sha256", ""),
         .records = entry.value("records", std::int64_t{0}),
         .landed_at_us = base::parse_timestamp(entry.value("landed_at", "")).value_or(0)});
  }
  return {};
}

void FileSource::start() {
  tasks_.run("files", [this](std::stop_token stop) {
    while (!stop.stop_requested()) {
      if (const auto landed = poll(stop);
          !landed && landed.error().code != base::Code::kCancelled) {
        spdlog::error("sources: drop folders: {}", landed.error().to_string());
      }
      const auto until =
          std::chrono::steady_clock::now() + std::chrono::microseconds(options_.poll_us);
      while (!stop.stop_requested() && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(kPollSlice);
    }
  });
}

void FileSource::stop() { tasks_.stop(); }

bool FileSource::is_ready(const base::Path& path, Seen& seen) const {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error) || error) return false;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  const auto time = std::filesystem::last_write_time(path, error);
  if (error) return false;
  const std::int64_t changed = time.time_since_epoch().count();
  const base::TimestampUs now_us = clock_.now_us();
  if (seen.since_us == 0 || size != seen.size || changed != seen.changed) {
    seen = {.size = size, .changed = changed, .since_us = now_us};
    return options_.still_us == 0;
  }
  return !seen.done && now_us - seen.since_us >= options_.still_us;
}

base::Result<int> FileSource::poll(std::stop_token stop) {
  int count = 0;
  forget_gone();
  for (const schema::TopicSchema& topic : topics_) {
    const base::Path folder = options_.project / topic.files->folder;
    for (const std::string& name : TRY(disk_.list(folder))) {
      if (stop.stop_requested())
        return base::fail(base::Code::kCancelled, "the drop folders were stopped");
      const base::Path path = folder / name;
      if (is_left_alone(name) || !fits(topic.files->pattern, name)) continue;
      Seen& seen = seen_[path];
      if (!is_ready(path, seen)) continue;
      auto taken = take(topic, path, stop);
      if (!taken && taken.error().code == base::Code::kCancelled)
        return std::unexpected(std::move(taken).error());
      seen.done = taken || taken.error().code != base::Code::kUnavailable;
      if (!taken) {
        report(topic, path, std::move(taken).error());
        continue;
      }
      const std::lock_guard lock(mutex_);
      problems_.erase(path);
      count += *taken ? 1 : 0;
    }
  }
  return count;
}

void FileSource::forget_gone() {
  const auto is_gone = [](const auto& entry) {
    std::error_code error;
    return !std::filesystem::exists(entry.first, error);
  };
  std::erase_if(seen_, is_gone);
  const std::lock_guard lock(mutex_);
  std::erase_if(problems_, is_gone);
}

void FileSource::report(const schema::TopicSchema& topic, const base::Path& path,
                        base::Error error) {
  base::counter("waybill_file_problems_total", "Files that could not be landed.",
                {{"topic", topic.topic.name}})
      .Increment();
  const int line = error.line;
  FileProblem problem{.topic = topic.topic.name, .error = std::move(error).at(path.string(), line)};
  spdlog::error("sources: {}", problem.error.to_string());
  if (options_.on_problem) options_.on_problem(problem);
  const std::lock_guard lock(mutex_);
  problems_.insert_or_assign(path, std::move(problem));
}

base::Result<bool> FileSource::take(const schema::TopicSchema& topic, const base::Path& path,
                                    std::stop_token stop) {
  const std::string id = TRY(content_id(disk_, path, topic.topic.name));
  {
    const std::lock_guard lock(mutex_);
    const auto same = std::ranges::find(landed_, id, &LandedFile::sha256);
    if (same != landed_.end()) {
      const bool same_name = same->file == path.filename().string();
      spdlog::log(same_name ? spdlog::level::debug : spdlog::level::info,
                  "sources: {} holds what {} held and is not landed again", path.string(),
                  same->file);
      return false;
    }
  }
  const std::int64_t records = TRY(land(topic, path, producer_of(id), stop));
  const std::string now = TRY(content_id(disk_, path, topic.topic.name));
  if (now != id) {
    return base::fail_with(
        base::Code::kConflict, "the file was changed while it was read",
        "write files under a name that ends in .part and rename them when they are whole");
  }
  TRY(remember({.topic = topic.topic.name,
                .file = path.filename().string(),
                .sha256 = id,
                .records = records,
                .landed_at_us = clock_.now_us()}));
  base::counter("waybill_files_landed_total", "Files that were landed.",
                {{"topic", topic.topic.name}})
      .Increment();
  spdlog::info("sources: {} landed with {} records in {}", path.string(), records,
               topic.topic.name);
  return true;
}

base::Result<std::int64_t> FileSource::land(const schema::TopicSchema& topic,
                                            const base::Path& path, std::int64_t producer,
                                            std::stop_token stop) {
  const eventlog::TopicPartition partition = {
      topic.topic.name, static_cast<eventlog::Partition>(producer % topic.topic.partitions)};
  const auto reader = TRY(open_file_reader(disk_, database_, path, topic));
  const std::int64_t held = log_.last_sequence(partition, producer).value_or(-1) + 1;
  const std::string name = path.filename().string();
  std::string line;
  std::vector<eventlog::HeaderView> headers = {{schema::kFileHeader, name},
                                               {schema::kLineHeader, {}}};
  if (!reader->columns().empty()) headers.push_back({schema::kColumnsHeader, reader->columns()});
  if (reader->is_json()) headers.push_back({schema::kFormatHeader, "json"});
  eventlog::BatchBuilder builder;
  std::int64_t count = 0;
  for (FileRecord record; TRY(reader->next(record));) {
    if (count++ < held) continue;
    if (builder.records() == 0)
      builder.set_producer(producer, 0, static_cast<std::int32_t>(count - 1));
    line = std::to_string(record.line);
    headers[1].value = line;
    builder.add(std::nullopt, record.text, clock_.now_us() / base::kUsPerMs, headers);
    if (builder.records() < options_.batch_records_max && builder.bytes() < kBatchBytesMax)
      continue;
    TRY(append(partition, builder.finish(), stop));
  }
  if (builder.records() > 0) TRY(append(partition, builder.finish(), stop));
  return count;
}

base::Result<> FileSource::append(const eventlog::TopicPartition& partition,
                                  const std::vector<std::byte>& batch, std::stop_token stop) {
  for (;;) {
    if (stop.stop_requested())
      return base::fail(base::Code::kCancelled, "the drop folders were stopped");
    auto done = log_.append_and_wait(partition, batch);
    if (done) return {};
    if (done.error().code != base::Code::kUnavailable)
      return std::unexpected(std::move(done).error());
    std::this_thread::sleep_for(kRetryAfter);
  }
}

base::Result<> FileSource::remember(LandedFile file) {
  const std::lock_guard lock(mutex_);
  landed_.push_back(std::move(file));
  nlohmann::json list = nlohmann::json::array();
  for (const LandedFile& each : landed_) {
    list.push_back({{"topic", each.topic},
                    {"file", each.file},
                    {"sha256", each.sha256},
                    {"records", each.records},
                    {"landed_at", base::format_rfc3339(each.landed_at_us)}});
  }
  return base::write_file_durably(disk_, list_file(options_.data),
                                  nlohmann::json{{"files", list}}.dump(1) + "\n");
}

std::vector<LandedFile> FileSource::landed() const {
  const std::lock_guard lock(mutex_);
  return landed_;
}

std::vector<FileProblem> FileSource::problems() const {
  const std::lock_guard lock(mutex_);
  std::vector<FileProblem> result;
  for (const auto& [path, problem] : problems_) result.push_back(problem);
  return result;
}

}  // namespace sources

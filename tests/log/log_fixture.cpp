#include "log/log_fixture.h"
#include "log/embedded_log.h"

#include <stdlib.h>

#include <filesystem>

namespace eventlog {

TemporaryFolder::TemporaryFolder(const base::Path& parent) {
  const base::Path folder =
      std::filesystem::exists(parent) ? parent : std::filesystem::temp_directory_path();
  std::string name = (folder / "waybill-log-XXXXXX").string();
  path_ = ::mkdtemp(name.data());
}

TemporaryFolder::~TemporaryFolder() { std::filesystem::remove_all(path_); }

std::unique_ptr<EmbeddedLog> open_log(base::FileSystem& disk, const base::Clock& clock,
                                      const base::Path& directory, std::size_t queued_bytes_max) {
  auto log = open_embedded_log(disk, clock,
                               {.directory = directory, .queued_bytes_max = queued_bytes_max});
  if (!log) {
    ADD_FAILURE() << log.error().to_string();
    return nullptr;
  }
  return *std::move(log);
}

std::vector<std::byte> batch_of(const std::vector<std::string>& values, std::int64_t timestamp_ms) {
  BatchBuilder builder;
  for (const std::string& value : values) builder.add(std::nullopt, value, timestamp_ms);
  return builder.finish();
}

std::vector<std::byte> batch_of(const std::vector<std::string>& values, std::int64_t producer_id,
                                std::int32_t sequence, std::int16_t epoch) {
  BatchBuilder builder;
  for (const std::string& value : values) builder.add("key", value, 1000);
  builder.set_producer(producer_id, epoch, sequence);
  return builder.finish();
}

std::vector<std::string> read_values(const EventLog& log, const TopicPartition& partition,
                                     Offset offset, std::size_t bytes_max) {
  std::vector<std::string> values;
  const Offset first = offset;
  for (;;) {
    const auto result = log.read(partition, offset, bytes_max);
    if (!result) {
      ADD_FAILURE() << result.error().to_string();
      return values;
    }
    if (result->batches.empty()) return values;
    for (const auto batch : result->batches) {
      const auto read = for_each_record(batch, [&](const RecordView& record) {
        if (record.offset < first) return;
        EXPECT_EQ(record.offset, first + static_cast<Offset>(values.size()));
        values.emplace_back(record.value);
      });
      EXPECT_TRUE(read.has_value());
    }
    EXPECT_GT(result->next_offset, offset);
    offset = result->next_offset;
  }
}

std::vector<base::Path> segment_files(const base::Path& directory, const std::string& topic,
                                      int partition) {
  std::vector<base::Path> files;
  const base::Path folder = directory / "topics" / topic / std::to_string(partition);
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".log") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace eventlog

// What the log's tests share: a folder that goes away, batches of numbered records, reading all.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "log/embedded_log.h"
#include "log/event_log.h"
#include "log/record_batch.h"

namespace eventlog {

class TemporaryFolder {
 public:
  // In `parent` if that is there.
  explicit TemporaryFolder(const base::Path& parent = "/tmp");
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const base::Path& path() const { return path_; }

 private:
  base::Path path_;
};

// Opens the log in `directory`; a failure fails the test.
std::unique_ptr<EmbeddedLog> open_log(base::FileSystem& disk, const base::Clock& clock,
                                      const base::Path& directory,
                                      std::size_t queued_bytes_max = 64UL << 20);

std::vector<std::byte> batch_of(const std::vector<std::string>& values,
                                std::int64_t timestamp_ms = 1000);
std::vector<std::byte> batch_of(const std::vector<std::string>& values, std::int64_t producer_id,
                                std::int32_t sequence, std::int16_t epoch = 0);

// All values of a partition from `offset` on, after checking that the offsets rise by one.
std::vector<std::string> read_values(const EventLog& log, const TopicPartition& partition,
                                     Offset offset = 0, std::size_t bytes_max = 1UL << 20);

// The .log files of a partition's folder, in order.
std::vector<base::Path> segment_files(const base::Path& directory, const std::string& topic,
                                      int partition = 0);

#define ASSERT_OK(...)                                       \
  do {                                                       \
    const auto& ok_ = (__VA_ARGS__);                         \
    ASSERT_TRUE(ok_.has_value()) << ok_.error().to_string(); \
  } while (false)

}  // namespace eventlog

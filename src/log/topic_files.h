// The folders of topics: DIR/topics/<topic>/topic.json and one folder per partition.
//
// Creating writes topic.json last, deleting renames the folder first, so that a crash leaves a
// whole topic or none.
#pragma once

#include <string>
#include <vector>

#include "log/event_log.h"

namespace eventlog {

inline constexpr int kPartitionsMax = 4096;
inline constexpr std::int64_t kSegmentBytesMin = 1024;
inline constexpr std::int64_t kSegmentBytesMax = 4LL << 30;

struct TopicFiles {
  std::string id;  // of this creation
  TopicConfig config;
};

base::Result<> check_config(const TopicConfig& config);

base::Path partition_directory(const base::Path& topics, const std::string& topic,
                               Partition partition);
// The id of the new topic.
base::Result<std::string> create_topic_files(base::FileSystem& disk, const base::Path& topics,
                                             const TopicConfig& config);
// Partitions may have been added, settings may have changed.
base::Result<> change_topic_files(base::FileSystem& disk, const base::Path& topics,
                                  const TopicFiles& files);
base::Result<> delete_topic_files(base::FileSystem& disk, const base::Path& topics,
                                  const std::string& topic);
// All topics; what creating or deleting left half done is removed.
base::Result<std::vector<TopicFiles>> load_topic_files(base::FileSystem& disk,
                                                       const base::Path& topics);

}  // namespace eventlog

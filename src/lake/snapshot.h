// A state of the log as the Snapshot that others see.
#pragma once

#include <mutex>
#include <string>
#include <utility>

#include "lake/scan.h"
#include "lake/state.h"

namespace lake {

class StateSnapshot final : public Snapshot {
 public:
  StateSnapshot(State state, FileSource source)
      : state_(std::move(state)), source_(std::move(source)) {}

  Version version() const override { return state_.version; }
  base::TimestampUs timestamp_us() const override { return state_.timestamp_us; }
  const Metadata& metadata() const override { return *state_.metadata; }
  const std::vector<AddFile>& files() const override {
    // Most versions of a streaming table are never asked for their files.
    std::call_once(files_once_, [this] {
      files_.reserve(state_.files.size());
      state_.files.each([this](const auto& file) { files_.push_back(*file); });
    });
    return files_;
  }
  std::int64_t transaction_version(const std::string& app_id) const override {
    const auto it = state_.transactions->find(app_id);
    return it == state_.transactions->end() ? -1 : it->second.version;
  }
  std::vector<std::string> applications() const {
    std::vector<std::string> ids;
    for (const auto& [id, transaction] : *state_.transactions) ids.push_back(id);
    return ids;
  }
  std::string scan_sql() const override { return lake::scan_sql(state_, source_, {}); }
  std::string scan_sql(const PartitionFilter& only_partitions) const override {
    return lake::scan_sql(state_, source_, only_partitions);
  }
  std::string shape_sql() const override { return lake::shape_sql(state_); }
  base::Result<storage::Hold> fetch() const override {
    if (!source_.store.keeps_copies()) return storage::Hold();
    Files all;
    all.reserve(state_.files.size());
    state_.files.each([&](const auto& file) { all.push_back(file); });
    return fetch_files(source_, all);
  }
  std::int64_t rows() const override { return state_.files_without_rows > 0 ? -1 : state_.rows; }
  std::int64_t bytes() const override { return state_.bytes; }

  const State& state() const { return state_; }
  std::string scan_files_sql(const Files& files) const {
    return lake::scan_files_sql(state_, source_, files);
  }
  NumberedScan scan_numbered_sql(const Files& files) const {
    return lake::scan_numbered_sql(state_, source_, files);
  }

 private:
  const State state_;
  const FileSource source_;
  mutable std::once_flag files_once_;
  mutable std::vector<AddFile> files_;
};

}  // namespace lake

// A disk in memory that can be full, fail, and lose power.
//
// After a power cut each 512-byte sector that was written and not synced is there or not, at
// random; so are names in folders that were not synced. What was synced is always there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>

#include "base/file_system.h"

namespace eventlog {

class SimulatedDisk final : public base::FileSystem {
 public:
  struct Faults {
    std::uint64_t bytes_max = 1UL << 40;  // of all files together
    int fail_writes_percent = 0;          // such a write stores a part and reports a full disk
    bool fail_syncs = false;
  };

  explicit SimulatedDisk(std::uint64_t seed) : random_(seed) {}

  void set_faults(const Faults& faults);
  // What a machine would find that lost power now. This disk goes on.
  std::unique_ptr<SimulatedDisk> after_power_cut(std::uint64_t seed);

  base::Result<std::unique_ptr<base::File>> open(const base::Path& path, bool create) override;
  base::Result<> create_directories(const base::Path& path) override;
  base::Result<> remove(const base::Path& path) override;
  base::Result<> rename(const base::Path& from, const base::Path& to) override;
  base::Result<> rename_no_replace(const base::Path& from, const base::Path& to) override;
  base::Result<> sync_directory(const base::Path& path) override;
  base::Result<std::vector<std::string>> list(const base::Path& directory) const override;

 private:
  friend class SimulatedFile;
  struct Node {
    std::vector<std::byte> now;
    std::vector<std::byte> synced;
    std::set<std::uint64_t> dirty_sectors;
  };
  using Names = std::map<base::Path, std::shared_ptr<Node>>;

  std::uint64_t used() const;
  base::Result<> resize(Node& node, std::uint64_t size);

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  Faults faults_;
  Names names_;
  Names synced_names_;
  std::set<base::Path> directories_;
};

}  // namespace eventlog

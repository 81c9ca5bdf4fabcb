// A real disk whose unsynced bytes live in this process: kill -9 is a power cut.
//
// What is written stays in memory until sync(), names that are given, changed or removed until
// sync_directory(); only then are they in the real folder, where the page cache outlives the
// process. As on a real disk, some sectors of some writes get there earlier, in any order. A sync
// takes a little time, as on a real disk. Folders are made at once.
// Threads: any. descriptor() is -1, so that readers come through read_at and see one state.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>

#include "base/file_system.h"

namespace checker {

inline constexpr std::uint64_t kSectorSize = 512;

struct VolatileDiskOptions {
  base::Path scratch;  // for files that have no durable name yet; on the same real disk
  std::uint64_t seed = 0;
  int early_percent = 50;  // of writes, and of their sectors: they reach the disk at once
  std::chrono::microseconds sync_time{5000};
};

class VolatileFile;

class VolatileDisk final : public base::FileSystem {
 public:
  // Empties the scratch folder.
  static base::Result<std::unique_ptr<VolatileDisk>> open(const VolatileDiskOptions& options);

  base::Result<std::unique_ptr<base::File>> open(const base::Path& path, bool create) override;
  base::Result<> create_directories(const base::Path& path) override;
  base::Result<> remove(const base::Path& path) override;
  base::Result<> rename(const base::Path& from, const base::Path& to) override;
  base::Result<> rename_no_replace(const base::Path& from, const base::Path& to) override;
  base::Result<> sync_directory(const base::Path& path) override;
  base::Result<std::vector<std::string>> list(const base::Path& directory) const override;

 private:
  friend class VolatileFile;
  using Sector = std::array<std::byte, kSectorSize>;
  // A file's contents: the real file's first `valid` bytes, zeros up to `size`, sectors over both.
  struct Node {
    std::mutex mutex = {};
    std::unique_ptr<base::File> file = {};
    base::Path place = {};        // where the real file is; guarded by the disk's mutex
    std::uint64_t file_size = 0;  // of the real file
    std::uint64_t valid = 0;
    std::uint64_t size = 0;
    bool reserve = false;  // its size was asked for by allocate()
    std::map<std::uint64_t, Sector> sectors = {};

    base::Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const;
    base::Result<> write(std::uint64_t offset, std::span<const std::byte> data);
    void cut(std::uint64_t to);
    base::Result<> flush();
    base::Result<> flush_sector(std::uint64_t number);
  };

  explicit VolatileDisk(VolatileDiskOptions options)
      : options_(std::move(options)), random_(options_.seed) {}
  base::Result<std::shared_ptr<Node>> find(const base::Path& path, bool create);
  base::Result<std::shared_ptr<Node>> node_at(const base::Path& place);
  bool exists(const base::Path& path) const;
  base::Result<> move(const base::Path& from, const base::Path& to);
  bool early();

  const VolatileDiskOptions options_;
  base::FileSystem& disk_ = base::posix_file_system();
  mutable std::mutex mutex_;  // taken before a node's
  std::mutex random_mutex_;
  std::mt19937_64 random_;
  std::uint64_t created_ = 0;
  std::map<base::Path, std::shared_ptr<Node>> nodes_;  // by the name that this process sees
  std::set<base::Path> gone_;                          // in the real folder, not seen here
};

}  // namespace checker

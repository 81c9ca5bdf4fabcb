// A bounded folder of copies of immutable objects, the least recently used going first.
//
// A copy counts once it is whole and synced: its name and size are then in DIR/index, and only what
// is there is taken over at the next start. A file that is held, or was used within the grace time,
// stays, also above the bound, so that a query that was given its path can open it.
// Threads: any. Holds may outlive the cache.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "storage/object_store.h"

namespace storage {

class FileCache : public std::enable_shared_from_this<FileCache> {
 public:
  // `folder` is created. What an earlier process left unfinished is removed.
  static base::Result<std::shared_ptr<FileCache>> open(base::FileSystem& disk,
                                                       const base::Clock& clock, base::Path folder,
                                                       std::uint64_t bytes_max,
                                                       std::int64_t grace_us);

  base::Path path(const std::string& key) const { return folder_ / "files" / key; }
  // Whether the copy is there; it then counts as used now.
  bool use(const std::string& key);
  // Until the hold's end none of these copies goes, whether they are there already or come later. A
  // copy that is dropped meanwhile stays on the disk until then.
  Hold hold(std::vector<std::string> keys);
  // The file at path(key) is whole: it is synced and counted, and others may have to go.
  base::Result<> keep(const std::string& key);
  void drop(const std::string& key);
  std::uint64_t bytes() const;

 private:
  struct Copy {
    std::uint64_t bytes = 0;
    base::TimestampUs used_us = 0;
  };

  FileCache(base::FileSystem& disk, const base::Clock& clock, base::Path folder,
            std::uint64_t bytes_max, std::int64_t grace_us)
      : disk_(disk),
        clock_(clock),
        folder_(std::move(folder)),
        bytes_max_(bytes_max),
        grace_us_(grace_us) {}
  base::Result<> load();
  base::Result<> save_index();
  void make_room();
  void release(const std::vector<std::string>& keys);

  base::FileSystem& disk_;
  const base::Clock& clock_;
  const base::Path folder_;
  const std::uint64_t bytes_max_;
  const std::int64_t grace_us_;
  mutable std::mutex mutex_;
  std::map<std::string, Copy> copies_;
  std::map<std::string, std::size_t> holds_;  // how many hold a key
  std::set<std::string> doomed_;              // dropped while they were held
  std::uint64_t bytes_ = 0;
  std::unique_ptr<base::File> index_;
  std::uint64_t index_end_ = 0;
  std::size_t index_lines_ = 0;
};

}  // namespace storage

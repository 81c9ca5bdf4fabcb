// DIR/spare: files of dropped segments that wait to be used again, because writing into blocks that
// a file has already costs a fraction of growing one.
//
// The files keep their bytes: a mark's salt tells old rounds from new ones (round_mark.h). Both
// folders of a move are synced before the file is used, the old one first: no file has two names.
// Threads: any. Invariant: at most kSpareFilesMax files and kSpareBytesMax bytes are kept.
#pragma once

#include <mutex>
#include <vector>

#include "base/file_system.h"

namespace eventlog {

inline constexpr std::size_t kSpareFilesMax = 16;
inline constexpr std::uint64_t kSpareBytesMax = 512UL << 20;
inline constexpr std::uint64_t kSpareFileBytesMin = 256UL << 10;  // smaller ones are not worth it

class SpareFiles {
 public:
  SpareFiles(base::FileSystem& disk, base::Path directory)
      : disk_(disk), directory_(std::move(directory)) {}

  // Removes what a former process left: after a crash it may not be what its name says.
  base::Result<> open();
  // Takes a dropped segment's file that nobody reads any more; removes it when there are enough.
  base::Result<> give(const base::Path& file);
  // Moves a file of at least half and at most twice `bytes` to `path`; false when there is none.
  base::Result<bool> take(const base::Path& path, std::uint64_t bytes);
  // Frees their space.
  void clear();

 private:
  struct Spare {
    base::Path path;
    std::uint64_t bytes = 0;
  };

  base::FileSystem& disk_;
  const base::Path directory_;
  std::mutex mutex_;
  std::vector<Spare> spares_;
  std::uint64_t bytes_ = 0;
  std::uint64_t next_name_ = 0;
};

}  // namespace eventlog

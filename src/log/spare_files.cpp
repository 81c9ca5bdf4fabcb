#include "log/spare_files.h"

#include <algorithm>

namespace eventlog {

base::Result<> SpareFiles::open() {
  TRY(disk_.create_directories(directory_));
  for (const std::string& name : TRY(disk_.list(directory_))) {
    TRY(disk_.remove(directory_ / name));
  }
  return disk_.sync_directory(directory_);
}

base::Result<> SpareFiles::give(const base::Path& file) {
  const std::uint64_t size = TRY(TRY(disk_.open(file, false))->size());
  base::Path to;
  {
    const std::scoped_lock lock(mutex_);
    if (size < kSpareFileBytesMin || spares_.size() >= kSpareFilesMax ||
        bytes_ + size > kSpareBytesMax) {
      return disk_.remove(file);
    }
    to = directory_ / std::to_string(next_name_++);
  }
  TRY(disk_.rename(file, to));
  TRY(disk_.sync_directory(file.parent_path()));
  TRY(disk_.sync_directory(directory_));
  const std::scoped_lock lock(mutex_);
  spares_.push_back({to, size});
  bytes_ += size;
  return {};
}

base::Result<bool> SpareFiles::take(const base::Path& path, std::uint64_t bytes) {
  Spare spare;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = std::find_if(spares_.begin(), spares_.end(), [bytes](const Spare& each) {
      return each.bytes >= bytes / 2 && each.bytes <= bytes * 2;
    });
    if (found == spares_.end()) return false;
    spare = std::move(*found);
    bytes_ -= spare.bytes;
    spares_.erase(found);
  }
  TRY(disk_.rename(spare.path, path));
  TRY(disk_.sync_directory(directory_));
  TRY(disk_.sync_directory(path.parent_path()));
  return true;
}

void SpareFiles::clear() {
  std::vector<Spare> spares;
  {
    const std::scoped_lock lock(mutex_);
    spares.swap(spares_);
    bytes_ = 0;
  }
  for (const Spare& spare : spares) static_cast<void>(disk_.remove(spare.path));
}

}  // namespace eventlog

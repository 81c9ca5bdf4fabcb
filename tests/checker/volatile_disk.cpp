#include "checker/volatile_disk.h"

#include <algorithm>
#include <cstring>
#include <thread>

namespace checker {

using base::Code;
using base::fail;
using base::Path;
using base::Result;

Result<std::size_t> VolatileDisk::Node::read(std::uint64_t offset,
                                             std::span<std::byte> into) const {
  if (offset >= size) return std::size_t{0};
  into = into.first(std::min<std::uint64_t>(into.size(), size - offset));
  std::ranges::fill(into, std::byte{0});
  const std::uint64_t real = std::min(valid, file_size);
  if (offset < real) {
    TRY(file->read_at(offset, into.first(std::min<std::uint64_t>(into.size(), real - offset))));
  }
  const std::uint64_t end = offset + into.size();
  for (auto it = sectors.lower_bound(offset / kSectorSize);
       it != sectors.end() && it->first * kSectorSize < end; ++it) {
    const std::uint64_t from = std::max(offset, it->first * kSectorSize);
    const std::uint64_t to = std::min(end, (it->first + 1) * kSectorSize);
    std::memcpy(into.data() + (from - offset), it->second.data() + from % kSectorSize, to - from);
  }
  return into.size();
}

Result<> VolatileDisk::Node::write(std::uint64_t offset, std::span<const std::byte> data) {
  const std::uint64_t end = offset + data.size();
  for (std::uint64_t at = offset; at < end;) {
    const std::uint64_t number = at / kSectorSize;
    const std::uint64_t to = std::min(end, (number + 1) * kSectorSize);
    auto known = sectors.find(number);
    if (known == sectors.end()) {
      Sector before{};
      TRY(read(number * kSectorSize, before));
      known = sectors.emplace(number, before).first;
    }
    std::memcpy(known->second.data() + at % kSectorSize, data.data() + (at - offset), to - at);
    at = to;
  }
  size = std::max(size, end);
  return {};
}

void VolatileDisk::Node::cut(std::uint64_t to) {
  valid = std::min(valid, to);
  size = to;
  sectors.erase(sectors.lower_bound((to + kSectorSize - 1) / kSectorSize), sectors.end());
  const auto last = sectors.find(to / kSectorSize);
  if (last != sectors.end()) {
    std::fill(last->second.begin() + static_cast<std::ptrdiff_t>(to % kSectorSize),
              last->second.end(), std::byte{0});
  }
}

Result<> VolatileDisk::Node::flush_sector(std::uint64_t number) {
  const std::uint64_t at = number * kSectorSize;
  const std::uint64_t bytes = std::min(kSectorSize, size - at);
  return file->write_at(at, std::span(sectors.at(number)).first(bytes));
}

Result<> VolatileDisk::Node::flush() {
  if (valid < file_size) {
    TRY(file->truncate(valid));
    file_size = valid;
  }
  if (file_size < size) {
    TRY(reserve ? file->allocate(size) : file->truncate(size));
    file_size = size;
  }
  valid = size;
  for (const auto& [number, sector] : sectors) TRY(flush_sector(number));
  sectors.clear();
  return {};
}

class VolatileFile final : public base::File {
 public:
  VolatileFile(VolatileDisk& disk, std::shared_ptr<VolatileDisk::Node> node)
      : disk_(disk), node_(std::move(node)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    const std::lock_guard lock(node_->mutex);
    return node_->read(offset, into);
  }

  Result<> write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    const bool some_now = disk_.early();
    const std::lock_guard lock(node_->mutex);
    TRY(node_->write(offset, data));
    if (!some_now) return {};
    const std::uint64_t reached = std::min(node_->valid, node_->file_size);
    for (auto it = node_->sectors.lower_bound(offset / kSectorSize);
         it != node_->sectors.end() && (it->first + 1) * kSectorSize <= reached; ++it) {
      if (disk_.early()) TRY(node_->flush_sector(it->first));
    }
    return {};
  }

  Result<std::uint64_t> size() const override {
    const std::lock_guard lock(node_->mutex);
    return node_->size;
  }

  Result<> truncate(std::uint64_t size) override {
    const std::lock_guard lock(node_->mutex);
    if (size < node_->size) node_->cut(size);
    node_->size = size;
    node_->reserve = false;
    return {};
  }

  Result<> allocate(std::uint64_t size) override {
    const std::lock_guard lock(node_->mutex);
    node_->size = std::max(node_->size, size);
    node_->reserve = true;
    return {};
  }

  Result<> sync() override {
    std::this_thread::sleep_for(disk_.options_.sync_time);
    const std::lock_guard lock(node_->mutex);
    return node_->flush();
  }

  int descriptor() const override { return -1; }

 private:
  VolatileDisk& disk_;
  const std::shared_ptr<VolatileDisk::Node> node_;
};

Result<std::unique_ptr<VolatileDisk>> VolatileDisk::open(const VolatileDiskOptions& options) {
  base::FileSystem& disk = base::posix_file_system();
  TRY(disk.create_directories(options.scratch));
  const auto names = TRY(disk.list(options.scratch));
  for (const std::string& name : names) TRY(disk.remove(options.scratch / name));
  return std::unique_ptr<VolatileDisk>(new VolatileDisk(options));
}

// Whether a write, or a sector of such a write, reaches the disk before its sync.
bool VolatileDisk::early() {
  const std::lock_guard lock(random_mutex_);
  return static_cast<int>(random_() % 100) < options_.early_percent;
}

bool VolatileDisk::exists(const Path& path) const {
  std::error_code error;
  return nodes_.contains(path) || (!gone_.contains(path) && std::filesystem::exists(path, error));
}

Result<std::shared_ptr<VolatileDisk::Node>> VolatileDisk::node_at(const Path& place) {
  auto node = std::make_shared<Node>();
  node->file = TRY(disk_.open(place, true));
  node->place = place;
  node->file_size = TRY(node->file->size());
  node->valid = node->file_size;
  node->size = node->file_size;
  return node;
}

Result<std::shared_ptr<VolatileDisk::Node>> VolatileDisk::find(const Path& path, bool create) {
  if (const auto known = nodes_.find(path); known != nodes_.end()) return known->second;
  const bool there = exists(path);
  if (!there && !create) return fail(Code::kNotFound, "{} does not exist", path.string());
  std::error_code error;
  if (!there && !std::filesystem::is_directory(path.parent_path(), error)) {
    return fail(Code::kNotFound, "the folder of {} does not exist", path.string());
  }
  auto node = TRY(node_at(there ? path : options_.scratch / fmt::format("{}", ++created_)));
  nodes_.emplace(path, node);
  return node;
}

Result<std::unique_ptr<base::File>> VolatileDisk::open(const Path& path, bool create) {
  const std::lock_guard lock(mutex_);
  auto node = TRY(find(path, create));
  return std::make_unique<VolatileFile>(*this, std::move(node));
}

Result<> VolatileDisk::create_directories(const Path& path) {
  return disk_.create_directories(path);
}

Result<> VolatileDisk::remove(const Path& path) {
  const std::lock_guard lock(mutex_);
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    for (auto it = gone_.begin(); it != gone_.end();) {
      if (it->parent_path() == path) {
        TRY(disk_.remove(*it));
        it = gone_.erase(it);
      } else {
        ++it;
      }
    }
    return disk_.remove(path);
  }
  if (!exists(path))
    return fail(Code::kNotFound, "cannot remove {}: it does not exist", path.string());
  nodes_.erase(path);
  if (std::filesystem::exists(path, error)) gone_.insert(path);
  return {};
}

Result<> VolatileDisk::move(const Path& from, const Path& to) {
  std::error_code error;
  if (std::filesystem::is_directory(from, error)) return disk_.rename(from, to);
  auto node = TRY(find(from, false));
  nodes_.erase(from);
  if (std::filesystem::exists(from, error)) gone_.insert(from);
  nodes_[to] = std::move(node);
  gone_.erase(to);
  return {};
}

Result<> VolatileDisk::rename(const Path& from, const Path& to) {
  const std::lock_guard lock(mutex_);
  return move(from, to);
}

Result<> VolatileDisk::rename_no_replace(const Path& from, const Path& to) {
  const std::lock_guard lock(mutex_);
  if (exists(to)) return fail(Code::kAlreadyExists, "{} exists", to.string());
  return move(from, to);
}

Result<> VolatileDisk::sync_directory(const Path& path) {
  std::this_thread::sleep_for(options_.sync_time);
  const std::lock_guard lock(mutex_);
  for (auto& [name, node] : nodes_) {
    if (name.parent_path() != path || node->place == name) continue;
    TRY(disk_.rename(node->place, name));
    gone_.erase(node->place);
    node->place = name;
  }
  for (auto it = gone_.begin(); it != gone_.end();) {
    if (it->parent_path() != path) {
      ++it;
      continue;
    }
    TRY(disk_.remove(*it));
    it = gone_.erase(it);
  }
  return {};
}

Result<std::vector<std::string>> VolatileDisk::list(const Path& directory) const {
  const std::lock_guard lock(mutex_);
  const auto real = TRY(disk_.list(directory));
  std::set<std::string> names;
  for (const std::string& name : real) {
    if (!gone_.contains(directory / name)) names.insert(name);
  }
  for (const auto& [name, node] : nodes_) {
    if (name.parent_path() == directory) names.insert(name.filename().string());
  }
  return std::vector<std::string>(names.begin(), names.end());
}

}  // namespace checker

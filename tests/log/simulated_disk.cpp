#include "log/simulated_disk.h"

#include <algorithm>

namespace eventlog {
namespace {

constexpr std::uint64_t kSector = 512;

std::unexpected<base::Error> full() {
  return base::fail_with(base::Code::kIo, "cannot write: No space left on device",
                         "free space on that disk");
}

}  // namespace

class SimulatedFile final : public base::File {
 public:
  SimulatedFile(SimulatedDisk& disk, std::shared_ptr<SimulatedDisk::Node> node)
      : disk_(disk), node_(std::move(node)) {}

  base::Result<std::size_t> read_at(std::uint64_t offset,
                                    std::span<std::byte> into) const override {
    const std::scoped_lock lock(disk_.mutex_);
    if (offset >= node_->now.size()) return 0;
    const std::size_t size = std::min<std::size_t>(into.size(), node_->now.size() - offset);
    std::copy_n(node_->now.begin() + static_cast<std::ptrdiff_t>(offset), size, into.begin());
    return size;
  }

  base::Result<> write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    const std::scoped_lock lock(disk_.mutex_);
    const int chance = static_cast<int>(disk_.random_() % 100);
    const bool fails = chance < disk_.faults_.fail_writes_percent;
    if (fails) data = data.first(disk_.random_() % (data.size() + 1));
    if (offset + data.size() > node_->now.size()) {
      if (auto grown = disk_.resize(*node_, offset + data.size()); !grown) return grown;
    }
    std::copy(data.begin(), data.end(), node_->now.begin() + static_cast<std::ptrdiff_t>(offset));
    for (std::uint64_t at = offset / kSector; at * kSector < offset + data.size(); ++at) {
      node_->dirty_sectors.insert(at);
    }
    return fails ? base::Result<>(full()) : base::Result<>{};
  }

  base::Result<std::uint64_t> size() const override {
    const std::scoped_lock lock(disk_.mutex_);
    return node_->now.size();
  }

  base::Result<> truncate(std::uint64_t size) override {
    const std::scoped_lock lock(disk_.mutex_);
    if (size < node_->now.size()) node_->dirty_sectors.insert(size / kSector);
    return disk_.resize(*node_, size);
  }

  base::Result<> allocate(std::uint64_t size) override {
    const std::scoped_lock lock(disk_.mutex_);
    if (size <= node_->now.size()) return {};
    return disk_.resize(*node_, size);
  }

  base::Result<> sync() override {
    const std::scoped_lock lock(disk_.mutex_);
    if (disk_.faults_.fail_syncs)
      return base::fail(base::Code::kIo, "cannot sync: Input/output error");
    node_->synced = node_->now;
    node_->dirty_sectors.clear();
    return {};
  }

  int descriptor() const override { return -1; }

 private:
  SimulatedDisk& disk_;
  std::shared_ptr<SimulatedDisk::Node> node_;
};

void SimulatedDisk::set_faults(const Faults& faults) {
  const std::scoped_lock lock(mutex_);
  faults_ = faults;
}

std::uint64_t SimulatedDisk::used() const {
  std::uint64_t bytes = 0;
  for (const auto& [path, node] : names_) bytes += node->now.size();
  return bytes;
}

base::Result<> SimulatedDisk::resize(Node& node, std::uint64_t size) {
  if (size > node.now.size() && used() + size - node.now.size() > faults_.bytes_max) return full();
  for (std::uint64_t at = std::min<std::uint64_t>(size, node.now.size()) / kSector;
       at * kSector < node.now.size(); ++at) {
    node.dirty_sectors.insert(at);
  }
  node.now.resize(size);
  return {};
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::after_power_cut(std::uint64_t seed) {
  auto copy = std::make_unique<SimulatedDisk>(seed);
  const std::scoped_lock lock(mutex_);
  const auto coin = [&] { return (copy->random_() & 1U) != 0; };
  Names names = synced_names_;
  for (const auto& [path, node] : names_) {
    if (!synced_names_.contains(path) && coin()) names[path] = node;
  }
  for (const auto& [path, node] : synced_names_) {
    if (!names_.contains(path) && coin()) names.erase(path);
  }
  for (const auto& [path, node] : names) {
    auto kept =
        std::make_shared<Node>(Node{.now = node->synced, .synced = {}, .dirty_sectors = {}});
    if (node->now.size() != node->synced.size() && coin()) kept->now.resize(node->now.size());
    for (const std::uint64_t sector : node->dirty_sectors) {
      const std::uint64_t from = sector * kSector;
      const std::uint64_t to = std::min(
          {from + kSector, std::uint64_t{node->now.size()}, std::uint64_t{kept->now.size()}});
      if (from >= to || coin()) continue;
      std::copy(node->now.begin() + static_cast<std::ptrdiff_t>(from),
                node->now.begin() + static_cast<std::ptrdiff_t>(to),
                kept->now.begin() + static_cast<std::ptrdiff_t>(from));
    }
    kept->synced = kept->now;
    copy->names_[path] = kept;
  }
  copy->synced_names_ = copy->names_;
  copy->directories_ = directories_;
  return copy;
}

base::Result<std::unique_ptr<base::File>> SimulatedDisk::open(const base::Path& path, bool create) {
  const std::scoped_lock lock(mutex_);
  auto found = names_.find(path);
  if (found == names_.end()) {
    if (!create) return base::fail(base::Code::kNotFound, "no file {}", path.string());
    found = names_.emplace(path, std::make_shared<Node>()).first;
  }
  return std::make_unique<SimulatedFile>(*this, found->second);
}

base::Result<> SimulatedDisk::create_directories(const base::Path& path) {
  const std::scoped_lock lock(mutex_);
  for (base::Path at = path; at.has_relative_path(); at = at.parent_path()) directories_.insert(at);
  return {};
}

base::Result<> SimulatedDisk::remove(const base::Path& path) {
  const std::scoped_lock lock(mutex_);
  if (names_.erase(path) + directories_.erase(path) > 0) return {};
  return base::fail(base::Code::kNotFound, "no file {}", path.string());
}

base::Result<> SimulatedDisk::rename(const base::Path& from, const base::Path& to) {
  const std::scoped_lock lock(mutex_);
  const auto found = names_.find(from);
  if (found == names_.end()) return base::fail(base::Code::kNotFound, "no file {}", from.string());
  names_[to] = found->second;
  names_.erase(from);
  return {};
}

base::Result<> SimulatedDisk::rename_no_replace(const base::Path& from, const base::Path& to) {
  return rename(from, to);
}

base::Result<> SimulatedDisk::sync_directory(const base::Path& path) {
  const std::scoped_lock lock(mutex_);
  if (faults_.fail_syncs) return base::fail(base::Code::kIo, "cannot sync: Input/output error");
  std::erase_if(synced_names_,
                [&](const auto& entry) { return entry.first.parent_path() == path; });
  for (const auto& [name, node] : names_) {
    if (name.parent_path() == path) synced_names_[name] = node;
  }
  return {};
}

base::Result<std::vector<std::string>> SimulatedDisk::list(const base::Path& directory) const {
  const std::scoped_lock lock(mutex_);
  if (names_.contains(directory))
    return base::fail(base::Code::kIo, "no folder {}", directory.string());
  std::vector<std::string> names;
  for (const auto& [name, node] : names_) {
    if (name.parent_path() == directory) names.push_back(name.filename().string());
  }
  for (const base::Path& name : directories_) {
    if (name.parent_path() == directory) names.push_back(name.filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace eventlog

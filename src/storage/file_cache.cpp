#include "storage/file_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/logging.h"

namespace storage {
namespace {

constexpr std::size_t kIndexLinesSlack = 10'000;  // lines beyond twice the copies: written anew

std::string line_of(const std::string& key, std::uint64_t bytes) {
  return fmt::format("{} {}\n", bytes, key);
}

}  // namespace

base::Result<std::shared_ptr<FileCache>> FileCache::open(base::FileSystem& disk,
                                                         const base::Clock& clock,
                                                         base::Path folder, std::uint64_t bytes_max,
                                                         std::int64_t grace_us) {
  TRY(disk.create_directories(folder / "files"));
  std::shared_ptr<FileCache> cache(
      new FileCache(disk, clock, std::move(folder), bytes_max, grace_us));
  TRY(cache->load());
  return cache;
}

// Takes over the copies that the index tells of and that are as long as it says; removes the rest.
base::Result<> FileCache::load() {
  std::map<std::string, std::uint64_t> known;
  const std::string text = base::read_file(disk_, folder_ / "index").value_or(std::string());
  std::string_view left = text;
  for (std::size_t end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
    const std::string_view line = left.substr(0, end);
    left.remove_prefix(end + 1);
    const std::size_t space = line.find(' ');
    std::uint64_t bytes = 0;
    const auto parsed = std::from_chars(line.data(), line.data() + line.size(), bytes);
    if (space == std::string_view::npos || parsed.ec != std::errc{}) continue;
    known[std::string(line.substr(space + 1))] = bytes;
  }
  const base::Path files = folder_ / "files";
  std::error_code failed;
  std::vector<base::Path> foreign;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(files, failed)) {
    if (!entry.is_regular_file()) continue;
    const std::string key = entry.path().lexically_relative(files).string();
    const auto it = known.find(key);
    if (it == known.end() || it->second != entry.file_size()) {
      foreign.push_back(entry.path());
      continue;
    }
    copies_[key] = {.bytes = it->second, .used_us = 0};
    bytes_ += it->second;
  }
  if (failed) {
    return base::fail(base::Code::kIo, "cannot read the cache folder {}: {}", files.string(),
                      failed.message());
  }
  for (const base::Path& path : foreign) TRY(disk_.remove(path));
  make_room();
  return save_index();
}

base::Result<> FileCache::save_index() {
  std::string text;
  for (const auto& [key, copy] : copies_) text += line_of(key, copy.bytes);
  TRY(base::write_file_durably(disk_, folder_ / "index", text));
  index_ = TRY(disk_.open(folder_ / "index", false));
  index_end_ = text.size();
  index_lines_ = copies_.size();
  return {};
}

bool FileCache::use(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto it = copies_.find(key);
  if (it == copies_.end()) return false;
  it->second.used_us = clock_.now_us();
  return true;
}

Hold FileCache::hold(std::vector<std::string> keys) {
  {
    const std::scoped_lock lock(mutex_);
    for (const std::string& key : keys) ++holds_[key];
  }
  auto held = std::make_shared<const std::vector<std::string>>(std::move(keys));
  return {held.get(), [cache = shared_from_this(), held](const void*) { cache->release(*held); }};
}

void FileCache::release(const std::vector<std::string>& keys) {
  const std::scoped_lock lock(mutex_);
  for (const std::string& key : keys) {
    const auto it = holds_.find(key);
    if (--it->second > 0) continue;
    holds_.erase(it);
    if (doomed_.erase(key) > 0) static_cast<void>(disk_.remove(path(key)));
  }
  make_room();
}

base::Result<> FileCache::keep(const std::string& key) {
  std::uint64_t bytes = 0;
  {
    const auto file = TRY(disk_.open(path(key), false));
    bytes = TRY(file->size());
    TRY(file->sync());
  }
  const std::scoped_lock lock(mutex_);
  doomed_.erase(key);
  Copy& copy = copies_[key];
  bytes_ += bytes - copy.bytes;
  copy = {.bytes = bytes, .used_us = clock_.now_us()};
  make_room();
  if (index_lines_ > 2 * copies_.size() + kIndexLinesSlack) return save_index();
  const std::string line = line_of(key, bytes);
  TRY(index_->write_at(index_end_, std::as_bytes(std::span(line.data(), line.size()))));
  index_end_ += line.size();
  ++index_lines_;
  return {};
}

void FileCache::drop(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto it = copies_.find(key);
  if (it != copies_.end()) {
    bytes_ -= it->second.bytes;
    copies_.erase(it);
  }
  if (holds_.contains(key)) {
    doomed_.insert(key);
  } else {
    static_cast<void>(disk_.remove(path(key)));
  }
}

std::uint64_t FileCache::bytes() const {
  const std::scoped_lock lock(mutex_);
  return bytes_;
}

void FileCache::make_room() {
  if (bytes_ <= bytes_max_) return;
  std::vector<std::pair<base::TimestampUs, std::string>> oldest;
  const base::TimestampUs grace = clock_.now_us() - grace_us_;
  for (const auto& [key, copy] : copies_) {
    if (copy.used_us <= grace && !holds_.contains(key)) oldest.emplace_back(copy.used_us, key);
  }
  std::ranges::sort(oldest);
  const std::uint64_t wanted = bytes_max_ - bytes_max_ / 10;  // so that not every copy looks anew
  for (const auto& [used_us, key] : oldest) {
    if (bytes_ <= wanted) break;
    const auto removed = disk_.remove(path(key));
    if (!removed && removed.error().code != base::Code::kNotFound) {
      spdlog::warn("cache: cannot remove {}: {}", key, removed.error().to_string());
      continue;
    }
    const auto it = copies_.find(key);
    bytes_ -= it->second.bytes;
    copies_.erase(it);
  }
}

}  // namespace storage

// A list of files by path that is cheap to copy and change: versions of a table share what they
// have in common.
//
// Threads: a value; copies may be used by different threads. Invariant: entries stay in the order
// in which they were appended.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace lake {

// T has a member `path`. Appending copies one chunk; erasing compares one 8-byte hash per entry and
// copies the chunks that change.
template <class T>
class FileList {
 public:
  using Item = std::shared_ptr<const T>;

  std::size_t size() const { return size_; }

  void append(std::vector<Item> items) {
    std::shared_ptr<Chunk> open;
    for (Item& item : items) {
      if (!open || open->size() >= kChunkEntries) open = open_chunk(open);
      open->push_back({hash(item->path), std::move(item)});
      ++size_;
    }
  }

  // Takes the entries with these paths out and gives them to `erased`.
  template <class Erased>
  void erase(const std::unordered_set<std::string_view>& paths, Erased erased) {
    erase(paths, [](const T&) { return true; }, erased);
  }

  // The same for those of them that `matches`.
  template <class Matches, class Erased>
  void erase(const std::unordered_set<std::string_view>& paths, Matches matches, Erased erased) {
    if (paths.empty() || size_ == 0) return;
    std::unordered_set<std::uint64_t> hashes;
    for (const std::string_view path : paths) hashes.insert(hash(path));
    for (auto& chunk : chunks_) {
      const auto goes = [&](const Entry& entry) {
        return hashes.contains(entry.hash) && paths.contains(entry.item->path) &&
               matches(*entry.item);
      };
      bool changes = false;
      for (const Entry& entry : *chunk) changes = changes || goes(entry);
      if (!changes) continue;
      auto kept = std::make_shared<Chunk>();
      for (const Entry& entry : *chunk) {
        if (goes(entry)) {
          erased(*entry.item);
          --size_;
        } else {
          kept->push_back(entry);
        }
      }
      chunk = std::move(kept);
    }
    std::erase_if(chunks_, [](const auto& chunk) { return chunk->empty(); });
    if (chunks_.size() > 2 * size_ / kChunkEntries + 8) rebuild();
  }

  // How many of these paths are in the list.
  std::size_t count(const std::unordered_set<std::string_view>& paths) const {
    std::unordered_set<std::uint64_t> hashes;
    for (const std::string_view path : paths) hashes.insert(hash(path));
    std::size_t found = 0;
    for (const auto& chunk : chunks_) {
      for (const Entry& entry : *chunk) {
        if (hashes.contains(entry.hash) && paths.contains(entry.item->path)) ++found;
      }
    }
    return found;
  }

  // Drops chunks from the front whose entries are all `stale`.
  template <class Stale>
  void drop_front(Stale stale) {
    while (!chunks_.empty()) {
      for (const Entry& entry : *chunks_.front()) {
        if (!stale(*entry.item)) return;
      }
      size_ -= chunks_.front()->size();
      chunks_.erase(chunks_.begin());
    }
  }

  template <class Visit>
  void each(Visit visit) const {
    for (const auto& chunk : chunks_) {
      for (const Entry& entry : *chunk) visit(entry.item);
    }
  }

 private:
  static constexpr std::size_t kChunkEntries = 512;
  struct Entry {
    std::uint64_t hash;
    Item item;
  };
  using Chunk = std::vector<Entry>;

  static std::uint64_t hash(std::string_view path) { return std::hash<std::string_view>{}(path); }

  // A chunk at the end that nobody else sees: a copy of the last one when it has room.
  std::shared_ptr<Chunk> open_chunk(const std::shared_ptr<Chunk>& full) {
    auto chunk = std::make_shared<Chunk>();
    if (!full && !chunks_.empty() && chunks_.back()->size() < kChunkEntries) {
      *chunk = *chunks_.back();
      chunks_.back() = chunk;
    } else {
      chunks_.push_back(chunk);
    }
    return chunk;
  }

  void rebuild() {
    std::vector<Item> items;
    items.reserve(size_);
    each([&](const Item& item) { items.push_back(item); });
    chunks_.clear();
    size_ = 0;
    append(std::move(items));
  }

  std::vector<std::shared_ptr<const Chunk>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace lake

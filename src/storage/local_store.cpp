// The object store on a local disk: a key is a path below the root.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

#include "base/logging.h"
#include "storage/key.h"
#include "storage/object_store.h"

namespace storage {
namespace {

using base::Code;
using base::Path;
using base::Result;

constexpr std::size_t kSyncThreadsMax = 8;

bool is_unfinished(std::string_view name) {
  return name.starts_with('.') && name.ends_with(".tmp");
}

base::TimestampUs modified_us(const struct stat& status) {
  return static_cast<std::int64_t>(status.st_mtim.tv_sec) * base::kUsPerSecond +
         status.st_mtim.tv_nsec / 1000;
}

class LocalStore final : public ObjectStore {
 public:
  LocalStore(base::FileSystem& disk, Path root) : disk_(disk), root_(std::move(root)) {}

  Result<std::string> get(const std::string& key) override {
    TRY(check_key(key));
    return base::read_file(disk_, root_ / key);
  }

  Result<> put(const std::string& key, std::string_view data) override {
    const Path temporary = TRY(write_temporary(key, data));
    if (auto renamed = disk_.rename(temporary, root_ / key); !renamed) {
      static_cast<void>(disk_.remove(temporary));
      return renamed;
    }
    return disk_.sync_directory((root_ / key).parent_path());
  }

  Result<> put_if_absent(const std::string& key, std::string_view data) override {
    TRY(check_key(key));
    if (head(key)) return base::fail(Code::kAlreadyExists, "the object {} exists", key);
    return show(TRY(write_temporary(key, data)), key);
  }

  // The syncs of the files and of the object's bytes wait for the disk side by side.
  Result<> sync_and_put_if_absent(const std::vector<std::string>& keys, const std::string& key,
                                  std::string_view data) override {
    Result<Path> temporary = base::fail(Code::kIo, "not written");
    Result<> synced;
    {
      const std::jthread writer([&] { temporary = write_temporary(key, data); });
      synced = sync(keys);
    }
    if (!temporary) return std::unexpected(std::move(temporary).error());
    if (!synced) {
      static_cast<void>(disk_.remove(*temporary));
      return synced;
    }
    return show(*temporary, key);
  }

  Result<> remove(const std::string& key) override {
    TRY(check_key(key));
    auto removed = disk_.remove(root_ / key);
    if (!removed && removed.error().code == Code::kNotFound) return {};
    return removed;
  }

  Result<ObjectInfo> head(const std::string& key) override {
    TRY(check_key(key));
    struct stat status{};
    const Path path = root_ / key;
    if (::stat(path.c_str(), &status) != 0) {
      const int number = errno;
      if (number == ENOENT || number == ENOTDIR) {
        return base::fail(Code::kNotFound, "there is no object {}", key);
      }
      return base::fail(Code::kIo, "cannot stat {}: {}", path.string(),
                        std::generic_category().message(number));
    }
    if (S_ISDIR(status.st_mode)) return base::fail(Code::kNotFound, "{} is a folder", key);
    return ObjectInfo{.key = key,
                      .size = static_cast<std::uint64_t>(status.st_size),
                      .modified_us = modified_us(status)};
  }

  Result<std::vector<ObjectInfo>> list(const std::string& prefix,
                                       const std::string& start_after) override {
    const std::size_t slash = prefix.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : prefix.substr(0, slash);
    if (!folder.empty()) TRY(check_key(folder));
    std::vector<ObjectInfo> found;
    TRY(list_folder(folder, prefix, start_after, found));
    std::sort(found.begin(), found.end(),
              [](const ObjectInfo& a, const ObjectInfo& b) { return a.key < b.key; });
    return found;
  }

  Result<std::vector<std::string>> folders(const std::string& prefix) override {
    const Path folder = root_ / prefix;
    std::vector<std::string> names;
    for (std::string& name : TRY(disk_.list(folder))) {
      std::error_code gone;
      const std::filesystem::directory_iterator entries(folder / name, gone);
      // An empty folder is what objects left that were removed.
      if (!gone && entries != std::filesystem::directory_iterator()) {
        names.push_back(std::move(name));
      }
    }
    return names;
  }

  std::string url(const std::string& key) const override { return (root_ / key).string(); }
  bool keeps_copies() const override { return false; }
  Result<Hold> fetch(const std::vector<std::string>& /*keys*/) override { return Hold(); }

  // The folder is made durable by sync(), once for all files in it.
  Result<> prepare(const std::string& key) override {
    TRY(check_key(key));
    return disk_.create_directories((root_ / key).parent_path());
  }

  Result<> sync(const std::vector<std::string>& keys) override {
    std::vector<Path> files;
    std::set<Path> folders;
    for (const std::string& key : keys) {
      TRY(check_key(key));
      files.push_back(root_ / key);
      folders.insert(files.back().parent_path());
    }
    const std::set<Path> fresh = fresh_folders(folders);
    for (const Path& folder : fresh) {
      if (folder != root_) folders.insert(folder.parent_path());
    }
    const std::size_t files_end = files.size();
    files.insert(files.end(), folders.begin(), folders.end());
    TRY(sync_each(files.size(), [&](std::size_t i) -> Result<> {
      if (i >= files_end) return disk_.sync_directory(files[i]);
      return TRY(disk_.open(files[i], false))->sync();
    }));
    const std::scoped_lock lock(mutex_);
    durable_folders_.insert(fresh.begin(), fresh.end());
    return {};
  }

 private:
  // Gives an object that is durable under another name its own one.
  Result<> show(const Path& temporary, const std::string& key) {
    if (auto renamed = disk_.rename_no_replace(temporary, root_ / key); !renamed) {
      static_cast<void>(disk_.remove(temporary));
      return renamed;
    }
    if (auto synced = disk_.sync_directory((root_ / key).parent_path()); !synced) {
      base::stop_process(
          fmt::format("{} is visible but not durable: {}", key, synced.error().to_string()));
    }
    return {};
  }

  // Runs `sync` for 0 to `count`, many side by side: the file system gathers them into few writes
  // of its journal.
  template <class Sync>
  static Result<> sync_each(std::size_t count, Sync sync) {
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    Result<> result;
    const auto work = [&] {
      for (std::size_t i = next++; i < count; i = next++) {
        auto done = sync(i);
        const std::scoped_lock lock(mutex);
        if (!done && result) result = std::move(done);
      }
    };
    std::vector<std::jthread> threads;
    const std::size_t helpers = std::min(count / 2, kSyncThreadsMax);
    for (std::size_t i = 0; i < helpers; ++i) threads.emplace_back(work);
    work();
    threads.clear();  // joins
    return result;
  }

  // Those of the folders, and of the ones above them, that are not known to be durable.
  std::set<Path> fresh_folders(const std::set<Path>& folders) {
    std::set<Path> fresh;
    const std::scoped_lock lock(mutex_);
    for (Path folder : folders) {
      while (!durable_folders_.contains(folder) && fresh.insert(folder).second && folder != root_) {
        folder = folder.parent_path();
      }
    }
    return fresh;
  }

  // Creates the folder and those above it, each durable by a sync of the one that holds it. Folders
  // that this process has seen are not synced again.
  Result<> ensure_folder(const Path& folder) {
    {
      const std::scoped_lock lock(mutex_);
      if (durable_folders_.contains(folder)) return {};
    }
    if (folder != root_) TRY(ensure_folder(folder.parent_path()));
    TRY(disk_.create_directories(folder));
    // The root is durable since it was opened; what is above it may be out of reach.
    if (folder != root_) TRY(disk_.sync_directory(folder.parent_path()));
    const std::scoped_lock lock(mutex_);
    durable_folders_.insert(folder);
    return {};
  }

  Result<Path> write_temporary(const std::string& key, std::string_view data) {
    TRY(check_key(key));
    auto written = try_write_temporary(key, data);
    if (!written && written.error().code == Code::kNotFound) {
      // Somebody removed the folder since this process created it.
      const std::scoped_lock lock(mutex_);
      durable_folders_.clear();
    } else {
      return written;
    }
    return try_write_temporary(key, data);
  }

  Result<Path> try_write_temporary(const std::string& key, std::string_view data) {
    static std::atomic<std::uint64_t> counter{0};
    const Path path = root_ / key;
    TRY(ensure_folder(path.parent_path()));
    Path temporary = path.parent_path() / fmt::format(".{}.{}.{}.tmp", path.filename().string(),
                                                      ::getpid(), counter.fetch_add(1));
    auto file = TRY(disk_.open(temporary, true));
    const auto write = [&]() -> Result<> {
      TRY(file->truncate(0));
      TRY(file->write_at(0, std::as_bytes(std::span(data.data(), data.size()))));
      return file->sync();
    };
    if (auto done = write(); !done) {
      static_cast<void>(disk_.remove(temporary));
      return std::unexpected(std::move(done).error());
    }
    return temporary;
  }

  Result<> list_folder(const std::string& folder, const std::string& prefix,
                       const std::string& start_after, std::vector<ObjectInfo>& found) {
    const Path path = folder.empty() ? root_ : root_ / folder;
    const auto names = TRY(disk_.list(path));
    for (const std::string& name : names) {
      if (is_unfinished(name)) continue;
      std::string key = folder.empty() ? name : folder + "/" + name;
      const bool below = key.starts_with(prefix);
      // A folder whose name is a prefix of the prefix's last part cannot hold matching keys.
      if (!below && !prefix.starts_with(key + "/")) continue;
      // Every key below a folder that sorts before start_after and is no prefix of it does, too.
      if (key <= start_after && !start_after.starts_with(key)) continue;
      struct stat status{};
      if (::stat((path / name).c_str(), &status) != 0) continue;  // removed meanwhile
      if (S_ISDIR(status.st_mode)) {
        TRY(list_folder(key, prefix, start_after, found));
      } else if (below && key > start_after) {
        found.push_back({.key = std::move(key),
                         .size = static_cast<std::uint64_t>(status.st_size),
                         .modified_us = modified_us(status)});
      }
    }
    return {};
  }

  base::FileSystem& disk_;
  const Path root_;
  std::mutex mutex_;
  std::set<Path> durable_folders_;
};

}  // namespace

base::Result<std::unique_ptr<ObjectStore>> local_store(base::FileSystem& disk, base::Path root,
                                                       Root is) {
  root = std::filesystem::absolute(root).lexically_normal();
  if (!root.has_filename()) root = root.parent_path();
  if (is == Root::kMayBeNew) {
    TRY(disk.create_directories(root));
    TRY(disk.sync_directory(root.parent_path()));
  }
  return std::make_unique<LocalStore>(disk, std::move(root));
}

}  // namespace storage

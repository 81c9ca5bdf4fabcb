// Objects by key: the border between the lake and where its bytes lie (local disk or S3).
//
// Threads: any. Keys are relative, '/'-separated, UTF-8, without "." or ".." parts (kInvalid).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/result.h"

namespace storage {

inline constexpr std::int64_t kFetchHoldUs = 5 * 60 * base::kUsPerSecond;

// Keeps files that were fetched where they are for as long as it, or a copy of it, lives.
using Hold = std::shared_ptr<const void>;

struct ObjectInfo {
  std::string key;
  std::uint64_t size = 0;
  base::TimestampUs modified_us = 0;
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  virtual base::Result<std::string> get(const std::string& key) = 0;  // kNotFound
  // Durable when it returns. Replaces.
  virtual base::Result<> put(const std::string& key, std::string_view data) = 0;
  // Durable when it returns; kAlreadyExists when the key exists: the atomic create of a Delta
  // commit.
  virtual base::Result<> put_if_absent(const std::string& key, std::string_view data) = 0;
  virtual base::Result<> remove(const std::string& key) = 0;          // absent is fine
  virtual base::Result<ObjectInfo> head(const std::string& key) = 0;  // kNotFound
  // Keys that start with `prefix` and are greater than `start_after`, sorted. Depth first.
  virtual base::Result<std::vector<ObjectInfo>> list(const std::string& prefix,
                                                     const std::string& start_after = "") = 0;
  // The names between `prefix` (which ends in '/' or is empty) and the next '/', sorted.
  virtual base::Result<std::vector<std::string>> folders(const std::string& prefix) = 0;
  // What DuckDB reads and writes for this key: a path of the disk. Reading needs fetch() first,
  // writing prepare().
  virtual std::string url(const std::string& key) const = 0;
  // Whether url(key) is a copy that fetch() must bring: false on a local disk.
  virtual bool keeps_copies() const = 0;
  // Makes url(key) readable for as long as the hold lives, and kFetchHoldUs longer: on S3 what is
  // missing in the local cache is downloaded, some side by side; nothing to do on a local disk. For
  // objects that never change. kNotFound.
  virtual base::Result<Hold> fetch(const std::vector<std::string>& keys) = 0;
  // Makes url(key) writable for DuckDB: creates its folder. get(key) and remove(key) see what was
  // written there; others see it after sync().
  virtual base::Result<> prepare(const std::string& key) = 0;
  // Makes files that DuckDB wrote under these keys durable: synced with their folders, or uploaded.
  // kIo: the bytes may be lost although they can be read. The caller must not commit these files
  // and must not ask again; it may write the rows anew under other keys.
  virtual base::Result<> sync(const std::vector<std::string>& keys) = 0;
  // sync(keys), then put_if_absent(key, data): nobody sees the object before those files are
  // durable. After kAlreadyExists they are; after other errors as after those of sync().
  virtual base::Result<> sync_and_put_if_absent(const std::vector<std::string>& keys,
                                                const std::string& key, std::string_view data) {
    TRY(sync(keys));
    return put_if_absent(key, data);
  }
};

// All keys below `root`, which is created; one that is kThere already is taken as it is, without a
// look at the folders above it, which a process that is shut in cannot have. Names that start with
// '.' and end in ".tmp" are unfinished writes and are not listed. A put_if_absent whose name is
// already visible when the folder cannot be synced stops the process: others may build on an object
// that a crash would take back.
enum class Root : std::uint8_t { kMayBeNew, kThere };
base::Result<std::unique_ptr<ObjectStore>> local_store(base::FileSystem& disk, base::Path root,
                                                       Root is = Root::kMayBeNew);

}  // namespace storage

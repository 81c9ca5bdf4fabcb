#include "state/store.h"

#include <rocksdb/db.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "base/check.h"
#include "base/logging.h"
#include "state/size.h"

namespace state {
namespace {

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

class RocksStore final : public Store, public Sized {
 public:
  explicit RocksStore(std::unique_ptr<rocksdb::DB> db) : db_(std::move(db)) {}

  base::Result<std::optional<std::string>> get(const std::string& key) const override {
    std::string value;
    const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), key, &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) return base::fail(base::Code::kCorrupt, "cannot read state: {}", status.ToString());
    return value;
  }

  base::Result<> scan(const std::string& prefix,
                      const std::function<bool(std::string_view, std::string_view)>& each,
                      const std::string& from) const override {
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
    for (it->Seek(slice(std::max(prefix, from))); it->Valid() && it->key().starts_with(slice(prefix));
         it->Next()) {
      if (!each(view(it->key()), view(it->value()))) return {};
    }
    return checked(*it);
  }

  base::Result<> scan_reverse(
      const std::string& prefix,
      const std::function<bool(std::string_view, std::string_view)>& each) const override {
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
    const std::string behind = prefix + '\xff';
    for (it->SeekForPrev(slice(behind)); it->Valid() && it->key().starts_with(slice(prefix)); it->Prev()) {
      if (!each(view(it->key()), view(it->value()))) return {};
    }
    return checked(*it);
  }

  std::int64_t bytes_about(const std::string& prefix) const override {
    const std::string behind = prefix + '\xff';
    const rocksdb::Range range(slice(prefix), slice(behind));
    rocksdb::SizeApproximationOptions how;
    how.include_memtables = true;
    std::uint64_t bytes = 0;
    const rocksdb::Status status =
        db_->GetApproximateSizes(how, db_->DefaultColumnFamily(), &range, 1, &bytes);
    return status.ok() ? static_cast<std::int64_t>(bytes) : 0;
  }

  base::Result<> apply(const WriteSet& changes) override {
    rocksdb::WriteBatch batch;
    for (const auto& [from, to] : changes.ranges()) batch.DeleteRange(slice(from), slice(to));
    for (const WriteSet::Change& change : changes.changes()) {
      if (change.value) {
        batch.Put(slice(change.key), slice(*change.value));
      } else {
        batch.Delete(slice(change.key));
      }
    }
    rocksdb::WriteOptions durable;
    durable.sync = true;
    const rocksdb::Status status = db_->Write(durable, &batch);
    if (status.ok()) return {};
    if (status.IsNoSpace()) {
      return base::fail_with(base::Code::kUnavailable, "cannot write state: the disk is full",
                             "free space on that disk");
    }
    base::stop_process(fmt::format(
        "state: a synced write failed ({}). The process stops and recovers from disk at its next start",
        status.ToString()));
  }

 private:
  static base::Result<> checked(const rocksdb::Iterator& it) {
    if (it.status().ok()) return {};
    return base::fail(base::Code::kCorrupt, "cannot read state: {}", it.status().ToString());
  }

  std::unique_ptr<rocksdb::DB> db_;
};

rocksdb::Options options() {
  rocksdb::Options o;
  o.create_if_missing = true;
  o.paranoid_checks = true;
  o.write_buffer_size = 64UL << 20;
  o.max_write_buffer_number = 2;
  o.max_background_jobs = 2;
  o.max_open_files = 256;
  o.keep_log_file_num = 2;
  o.max_total_wal_size = 64UL << 20;
  o.compression = rocksdb::kLZ4Compression;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(16UL << 20);
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return o;
}

}  // namespace

base::Result<std::unique_ptr<Store>> Store::open(const base::Path& directory) {
  if (auto made = base::posix_file_system().create_directories(directory); !made) {
    return std::unexpected(std::move(made).error());
  }
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options(), directory.string(), &db);
  if (!status.ok()) {
    const bool locked = status.ToString().find("lock") != std::string::npos;
    return base::fail_with(locked ? base::Code::kConflict : base::Code::kCorrupt,
                           fmt::format("cannot open state in {}: {}", directory.string(), status.ToString()),
                           locked ? "another waybill uses this data folder: stop it first" : "");
  }
  return std::make_unique<RocksStore>(std::unique_ptr<rocksdb::DB>(db));
}

std::string key_number(std::uint64_t number) {
  std::string key(8, '\0');
  for (std::size_t i = 8; i-- > 0; number >>= 8) key[i] = static_cast<char>(number & 0xff);
  return key;
}

std::uint64_t number_of_key(std::string_view eight_bytes) {
  CHECK(eight_bytes.size() >= 8);
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | static_cast<unsigned char>(eight_bytes[i]);
  return number;
}

}  // namespace state

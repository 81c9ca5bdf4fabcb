#include "lake/deletion_vectors.h"

#include "base/uuid.h"

namespace lake {
namespace {

using base::Code;
using base::Result;

constexpr std::size_t kKeptRowsMax = 4 << 20;

}  // namespace

Result<std::string> DeletionVectors::key_of(const std::string& descriptor) const {
  if (descriptor.empty()) return "";
  const auto parsed = TRY(parse_descriptor(descriptor));
  if (parsed.storage == DeletionVectorDescriptor::Storage::kInline) return "";
  if (parsed.storage == DeletionVectorDescriptor::Storage::kRelative) {
    return table_path_ + "/" + parsed.payload;
  }
  const std::string table_url = store_.url(table_path_);
  const std::string root = table_url.substr(0, table_url.size() - table_path_.size());
  if (parsed.payload.starts_with(root)) return parsed.payload.substr(root.size());
  return base::fail_with(
      Code::kUnsupported,
      fmt::format("the deletion vector {} lies outside of the lake {}", parsed.payload, root),
      "copy the table into the lake, or purge its deletion vectors");
}

Result<DeletedRows> DeletionVectors::load(const AddFile& file) const {
  const auto descriptor = TRY(parse_descriptor(file.deletion_vector));
  if (descriptor.storage == DeletionVectorDescriptor::Storage::kInline) {
    return decode_bitmap(descriptor.payload, descriptor.cardinality);
  }
  const std::string key = TRY(key_of(file.deletion_vector));
  auto bytes = store_.get(key);
  if (!bytes) {
    auto error = std::move(bytes).error();
    if (error.code == Code::kNotFound) error.code = Code::kCorrupt;
    return std::unexpected(std::move(error));
  }
  auto rows = decode_deletion_file(*bytes, descriptor);
  if (!rows) return std::unexpected(std::move(rows).error().in(key));
  return rows;
}

Result<std::shared_ptr<const DeletedRows>> DeletionVectors::read(const AddFile& file) {
  // The path of a relative vector is of this table, an inline one tells all: the id is enough.
  const std::string id = deletion_vector_id(file.deletion_vector);
  {
    const std::scoped_lock lock(mutex_);
    if (const auto it = kept_.find(id); it != kept_.end()) return it->second;
  }
  auto loaded = load(file);
  if (!loaded) {
    return std::unexpected(
        std::move(loaded).error().in("cannot read the deletion vector of " + file.path));
  }
  auto rows = std::make_shared<const DeletedRows>(std::move(*loaded));
  const std::scoped_lock lock(mutex_);
  if (kept_.emplace(id, rows).second) {
    order_.push_back(id);
    kept_rows_ += rows->size();
  }
  while (kept_rows_ > kKeptRowsMax && order_.size() > 1) {
    const auto oldest = kept_.find(order_.front());
    kept_rows_ -= oldest->second->size();
    kept_.erase(oldest);
    order_.pop_front();
  }
  return rows;
}

Result<std::string> DeletionVectors::write(const DeletedRows& rows) {
  const std::string uuid = base::new_uuid();
  TRY(store_.put(table_path_ + "/" + deletion_file_path(uuid), encode_deletion_file(rows)));
  return print_descriptor(uuid, rows);
}

}  // namespace lake

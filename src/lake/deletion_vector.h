// Deletion vectors: which rows of a data file are gone. Pure.
// Source: PROTOCOL.md, "Deletion Vector Format" and "Deletion Vector Descriptor Schema"; the
// RoaringFormatSpec's portable serialization with the 64-bit extension.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lake {

inline constexpr std::int64_t kDeletedRowsMax = 1 << 27;            // of one file
inline constexpr std::int64_t kDeletionVectorBytesMax = 1LL << 30;  // as stored

// Row numbers from 0, ascending, each once.
using DeletedRows = std::vector<std::uint64_t>;

// Where the vector of a file lies: the `deletionVector` object of an add or remove action.
struct DeletionVectorDescriptor {
  enum class Storage { kInline, kRelative, kAbsolute };
  Storage storage = Storage::kInline;
  // kInline: the bytes. kRelative: a path in the table's folder. kAbsolute: a path or URI, decoded.
  std::string payload = {};
  std::int64_t offset = 0;  // of the size field in the file
  std::int64_t size_bytes = 0;
  std::int64_t cardinality = 0;
};

// kCorrupt for a broken descriptor, kLimit above the limits.
base::Result<DeletionVectorDescriptor> parse_descriptor(std::string_view json);

// Tells the vectors of one file apart (`uniqueId`); "" for no vector.
std::string deletion_vector_id(std::string_view json);
// Rows that the vector takes away; 0 for no vector or a broken descriptor.
std::int64_t deletion_vector_cardinality(std::string_view json);

// A bitmap as it stands inline or within a file. kCorrupt when it does not hold exactly
// `cardinality` rows in order.
base::Result<DeletedRows> decode_bitmap(std::string_view bytes, std::int64_t cardinality);
std::string encode_bitmap(const DeletedRows& rows);

// The rows of one vector in a file of vectors; checks size and checksum.
base::Result<DeletedRows> decode_deletion_file(std::string_view file,
                                               const DeletionVectorDescriptor& descriptor);
// A file with one vector.
std::string encode_deletion_file(const DeletedRows& rows);

// Descriptors of a vector that encode_deletion_file stored as deletion_file_path(uuid).
std::string print_descriptor(const std::string& uuid, const DeletedRows& rows);
std::string deletion_file_path(const std::string& uuid);

base::Result<std::string> decode_z85(std::string_view text);
std::string encode_z85(std::string_view bytes);  // a multiple of 4 bytes

}  // namespace lake

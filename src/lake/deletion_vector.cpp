#include "lake/deletion_vector.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/check.h"
#include "lake/json_text.h"
#include "lake/roaring.h"
#include "lake/uri.h"

namespace lake {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

constexpr std::string_view kZ85 =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
constexpr std::size_t kUuidChars = 20;  // 16 bytes in Z85
constexpr std::uint32_t kMagic = 1681511377;
constexpr std::uint8_t kFileVersion = 1;
constexpr std::size_t kFrameBytes = 8;  // size before, checksum after

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  }
  return value;
}

void append_big_endian(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
}

std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

std::string format_uuid(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(bytes[i]));
  }
  return text;
}

std::string uuid_bytes(const std::string& uuid) {
  std::string digits;
  std::ranges::copy_if(uuid, std::back_inserter(digits), [](char c) { return c != '-'; });
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

Result<std::string> relative_path(const std::string& text) {
  if (text.size() < kUuidChars) {
    return base::fail(Code::kCorrupt, "the deletion vector's path \"{}\" is too short", text);
  }
  const std::size_t prefix = text.size() - kUuidChars;
  const std::string bytes = TRY(decode_z85(std::string_view(text).substr(prefix)));
  const std::string folder = text.substr(0, prefix);
  if (folder.find("..") != std::string::npos || folder.starts_with('/')) {
    return base::fail(Code::kCorrupt, "the deletion vector's folder \"{}\" is no relative path",
                      folder);
  }
  return (folder.empty() ? "" : folder + "/") + deletion_file_path(format_uuid(bytes));
}

std::optional<std::int64_t> integer_at(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number_integer()) return std::nullopt;
  return it->get<std::int64_t>();
}

std::string text_at(const json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || !it->is_string() ? std::string() : it->get<std::string>();
}

}  // namespace

Result<DeletionVectorDescriptor> parse_descriptor(std::string_view text) {
  const json object = parse_json(text);
  if (!object.is_object()) {
    return base::fail(Code::kCorrupt, "a deletionVector is no JSON object");
  }
  const auto size = integer_at(object, "sizeInBytes");
  const auto cardinality = integer_at(object, "cardinality");
  const std::int64_t offset = integer_at(object, "offset").value_or(0);
  if (!size || !cardinality || *size < 0 || *cardinality < 0 || offset < 0) {
    return base::fail(Code::kCorrupt, "a deletionVector has no size or no cardinality: {}", text);
  }
  if (*size > kDeletionVectorBytesMax || *cardinality > kDeletedRowsMax) {
    return base::fail(Code::kLimit, "a deletionVector has {} bytes and {} rows, at most {} and {}",
                      *size, *cardinality, kDeletionVectorBytesMax, kDeletedRowsMax);
  }
  DeletionVectorDescriptor result{
      .offset = offset, .size_bytes = *size, .cardinality = *cardinality};
  const std::string type = text_at(object, "storageType");
  const std::string payload = text_at(object, "pathOrInlineDv");
  if (type == "i") {
    result.payload = TRY(decode_z85(payload));
    if (std::cmp_less(result.payload.size(), *size)) {
      return base::fail(Code::kCorrupt, "an inline deletionVector is shorter than its size");
    }
    result.payload.resize(static_cast<std::size_t>(*size));
  } else if (type == "u") {
    result.storage = DeletionVectorDescriptor::Storage::kRelative;
    result.payload = TRY(relative_path(payload));
  } else if (type == "p") {
    result.storage = DeletionVectorDescriptor::Storage::kAbsolute;
    result.payload = TRY(decode_path(payload));
  } else {
    return base::fail(Code::kUnsupported, "the deletionVector's storage type \"{}\" is not known",
                      type);
  }
  return result;
}

std::string deletion_vector_id(std::string_view text) {
  if (text.empty()) return "";
  const json object = parse_json(text);
  if (!object.is_object()) return std::string(text);
  const auto offset = integer_at(object, "offset");
  return text_at(object, "storageType") + text_at(object, "pathOrInlineDv") +
         (offset ? fmt::format("@{}", *offset) : "");
}

std::int64_t deletion_vector_cardinality(std::string_view text) {
  if (text.empty()) return 0;
  const json object = parse_json(text);
  return object.is_object() ? integer_at(object, "cardinality").value_or(0) : 0;
}

Result<DeletedRows> decode_bitmap(std::string_view bytes, std::int64_t cardinality) {
  std::uint32_t magic = 0;
  if (bytes.size() < sizeof magic) return base::fail(Code::kCorrupt, "the bitmap has no magic");
  std::memcpy(&magic, bytes.data(), sizeof magic);  // both are little-endian
  if (magic != kMagic) {
    return base::fail(Code::kCorrupt, "the bitmap's magic is {}, not {}", magic, kMagic);
  }
  return decode_roaring64(bytes.substr(sizeof magic), cardinality);
}

std::string encode_bitmap(const DeletedRows& rows) {
  std::string out(sizeof kMagic, '\0');
  std::memcpy(out.data(), &kMagic, sizeof kMagic);
  append_roaring64(out, rows);
  return out;
}

Result<DeletedRows> decode_deletion_file(std::string_view file,
                                         const DeletionVectorDescriptor& descriptor) {
  const auto size = static_cast<std::size_t>(descriptor.size_bytes);
  const auto offset = static_cast<std::size_t>(descriptor.offset);
  if (file.empty() || static_cast<std::uint8_t>(file.front()) != kFileVersion) {
    return base::fail(Code::kCorrupt, "the deletion vector file is not of version {}",
                      kFileVersion);
  }
  if (offset > file.size() || file.size() - offset < kFrameBytes ||
      file.size() - offset - kFrameBytes < size) {
    return base::fail(Code::kCorrupt,
                      "the deletion vector at offset {} with {} bytes does not fit into its file "
                      "of {} bytes",
                      offset, size, file.size());
  }
  const std::uint32_t stored = big_endian(file.substr(offset, 4));
  if (stored != size) {
    return base::fail(Code::kCorrupt, "the deletion vector has {} bytes, the log says {}", stored,
                      size);
  }
  const std::string_view data = file.substr(offset + 4, size);
  if (big_endian(file.substr(offset + 4 + size, 4)) != checksum(data)) {
    return base::fail(Code::kCorrupt, "the deletion vector's checksum is wrong");
  }
  return decode_bitmap(data, descriptor.cardinality);
}

std::string encode_deletion_file(const DeletedRows& rows) {
  const std::string data = encode_bitmap(rows);
  std::string out(1, static_cast<char>(kFileVersion));
  append_big_endian(out, static_cast<std::uint32_t>(data.size()));
  out += data;
  append_big_endian(out, checksum(data));
  return out;
}

std::string print_descriptor(const std::string& uuid, const DeletedRows& rows) {
  return json{{"storageType", "u"},
              {"pathOrInlineDv", encode_z85(uuid_bytes(uuid))},
              {"offset", 1},
              {"sizeInBytes", encode_bitmap(rows).size()},
              {"cardinality", rows.size()}}
      .dump();
}

std::string deletion_file_path(const std::string& uuid) {
  return "deletion_vector_" + uuid + ".bin";
}

Result<std::string> decode_z85(std::string_view text) {
  if (text.size() % 5 != 0) {
    return base::fail(Code::kCorrupt, "a Z85 text of {} characters is cut", text.size());
  }
  std::string out;
  out.reserve(text.size() / 5 * 4);
  for (std::size_t i = 0; i < text.size(); i += 5) {
    std::uint64_t value = 0;
    for (const char c : text.substr(i, 5)) {
      const std::size_t digit = kZ85.find(c);
      if (digit == std::string_view::npos) {
        return base::fail(Code::kCorrupt, "a Z85 text has the character '{}'", c);
      }
      value = value * 85 + digit;
    }
    if (value > 0xFFFFFFFF) return base::fail(Code::kCorrupt, "a Z85 group is too large");
    append_big_endian(out, static_cast<std::uint32_t>(value));
  }
  return out;
}

std::string encode_z85(std::string_view bytes) {
  CHECK(bytes.size() % 4 == 0, "{} bytes for Z85", bytes.size());
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    std::uint32_t value = big_endian(bytes.substr(i, 4));
    std::string group(5, '0');
    for (std::size_t digit = 5; digit-- > 0; value /= 85) group[digit] = kZ85[value % 85];
    out += group;
  }
  return out;
}

}  // namespace lake

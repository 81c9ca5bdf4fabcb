// Deletion vectors: the bitmaps' bytes, descriptors, and what hostile ones do.
#include "lake/deletion_vector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "lake/roaring.h"

namespace {

using base::Code;
using lake::DeletedRows;
using testing::HasSubstr;

DeletedRows range(std::uint64_t first, std::uint64_t count, std::uint64_t step = 1) {
  DeletedRows rows;
  for (std::uint64_t i = 0; i < count; ++i) rows.push_back(first + i * step);
  return rows;
}

TEST(DeletionVector, ComesBackAsItWasWritten) {
  DeletedRows wide = range(0, 5000, 3);
  for (const auto row : range(65'535, 10)) wide.push_back(row);
  for (const auto row : range((1ULL << 32) + 7, 70'000)) wide.push_back(row);
  for (const DeletedRows& rows : {DeletedRows{}, DeletedRows{0}, range(3, 4096), range(3, 4097),
                                  range(0, 300'000, 2), wide}) {
    const auto count = static_cast<std::int64_t>(rows.size());
    EXPECT_EQ(lake::decode_bitmap(lake::encode_bitmap(rows), count).value(), rows);
    const std::string uuid = "d2c639aa-8816-431a-aaf6-d3fe2512ff61";
    const auto descriptor = lake::parse_descriptor(lake::print_descriptor(uuid, rows)).value();
    EXPECT_EQ(descriptor.payload, "deletion_vector_" + uuid + ".bin");
    EXPECT_EQ(lake::decode_deletion_file(lake::encode_deletion_file(rows), descriptor).value(),
              rows);
  }
}

// The paths are the protocol's own examples.
TEST(DeletionVector, ReadsTheDescriptorsOfTheProtocol) {
  const auto relative = lake::parse_descriptor(
      R"({"storageType":"u","pathOrInlineDv":"ab^-aqEH.-t@S}K{vb[*k^","offset":4,"sizeInBytes":40,"cardinality":6})");
  EXPECT_EQ(relative.value().payload,
            "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin");
  EXPECT_EQ(relative.value().offset, 4);
  const auto absolute = lake::parse_descriptor(
      R"({"storageType":"p","pathOrInlineDv":"s3://mytable/deletion%20vector.bin","offset":4,"sizeInBytes":40,"cardinality":6})");
  EXPECT_EQ(absolute.value().payload, "s3://mytable/deletion vector.bin");
  const DeletedRows rows{3, 4, 7, 11, 18, 29};
  std::string bytes = lake::encode_bitmap(rows);
  const std::size_t size = bytes.size();
  bytes.resize((size + 3) / 4 * 4);  // Z85 takes four at a time
  const auto inlined = lake::parse_descriptor(
      fmt::format(R"({{"storageType":"i","pathOrInlineDv":"{}","sizeInBytes":{},"cardinality":6}})",
                  lake::encode_z85(bytes), size));
  EXPECT_EQ(lake::decode_bitmap(inlined.value().payload, 6).value(), rows);
}

TEST(DeletionVector, ReadsRunContainers) {
  std::string bytes;
  const auto put = [&](auto value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  put(std::uint64_t{1});      // bitmaps
  put(std::uint32_t{2});      // key
  put(std::uint32_t{12347});  // one container
  put(std::uint8_t{1});       // it is of runs
  put(std::uint16_t{5});
  put(std::uint16_t{6});  // seven rows
  put(std::uint16_t{2});
  put(std::uint16_t{10});
  put(std::uint16_t{2});
  put(std::uint16_t{65'532});
  put(std::uint16_t{3});
  const std::uint64_t start = (2ULL << 32) + 5 * 65'536ULL;
  DeletedRows wanted = range(start + 10, 3);
  for (const auto row : range(start + 65'532, 4)) wanted.push_back(row);
  EXPECT_EQ(lake::decode_roaring64(bytes, 7).value(), wanted);
  EXPECT_EQ(lake::decode_roaring64(bytes, 6).error().code, Code::kCorrupt);
}

TEST(DeletionVector, ThatIsCutOrLiesIsCorruptAndNeverMoreThanItsCardinality) {
  DeletedRows rows = range(0, 5000, 2);
  for (const auto row : range(1'000'000, 20)) rows.push_back(row);
  const std::string bytes = lake::encode_bitmap(rows);
  const auto count = static_cast<std::int64_t>(rows.size());
  for (std::size_t size = 0; size < bytes.size(); size += size < 64 ? 1 : 97) {
    EXPECT_EQ(lake::decode_bitmap(bytes.substr(0, size), count).error().code, Code::kCorrupt)
        << size;
  }
  EXPECT_EQ(lake::decode_bitmap(bytes, count - 1).error().code, Code::kCorrupt);
  EXPECT_EQ(lake::decode_bitmap(bytes, count + 1).error().code, Code::kCorrupt);
  std::mt19937 random(7);
  for (int i = 0; i < 5000; ++i) {
    std::string broken = bytes;
    for (int j = 0; j < 3; ++j) broken[random() % 80] = static_cast<char>(random());
    const auto decoded = lake::decode_bitmap(broken, count);
    if (decoded) EXPECT_EQ(decoded->size(), rows.size());
  }
  std::string file = lake::encode_deletion_file(rows);
  const auto descriptor =
      lake::parse_descriptor(lake::print_descriptor("d2c639aa-8816-431a-aaf6-d3fe2512ff61", rows))
          .value();
  file[40] = static_cast<char>(file[40] ^ 1);
  EXPECT_THAT(lake::decode_deletion_file(file, descriptor).error().message, HasSubstr("checksum"));
  EXPECT_EQ(lake::decode_deletion_file(file.substr(0, 100), descriptor).error().code,
            Code::kCorrupt);
}

TEST(DeletionVector, DescriptorsThatLieAreNamed) {
  struct Case {
    const char* text;
    Code code;
  };
  for (
      const Case& one : {
          Case{"", Code::kCorrupt},
          Case{"[]", Code::kCorrupt},
          Case{R"({"storageType":"u","pathOrInlineDv":"x","sizeInBytes":1,"cardinality":1})",
               Code::kCorrupt},
          Case{R"({"storageType":"z","pathOrInlineDv":"x","sizeInBytes":1,"cardinality":1})",
               Code::kUnsupported},
          Case{R"({"storageType":"i","pathOrInlineDv":"00000","sizeInBytes":40,"cardinality":1})",
               Code::kCorrupt},
          Case{R"({"storageType":"i","pathOrInlineDv":"\u0000","sizeInBytes":-4,"cardinality":1})",
               Code::kCorrupt},
          Case{
              R"({"storageType":"i","pathOrInlineDv":"","sizeInBytes":0,"cardinality":99999999999})",
              Code::kLimit},
          Case{
              R"({"storageType":"u","pathOrInlineDv":"../^-aqEH.-t@S}K{vb[*k^","sizeInBytes":1,"cardinality":1})",
              Code::kCorrupt},
      }) {
    EXPECT_EQ(lake::parse_descriptor(one.text).error().code, one.code) << one.text;
  }
}

}  // namespace
